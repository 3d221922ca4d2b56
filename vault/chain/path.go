package chain

import (
	"strconv"
	"strings"
)

// kind is what a file of the vault is, as its path says.
type kind int

const (
	kindNone          kind = iota // no file of a vault
	kindFounding                  // vault.json
	kindFormat                    // policy/format.json
	kindAudit                     // policy/audit.json
	kindEnvironment               // policy/environments/<environment>.json
	kindRole                      // policy/roles/<role>.json
	kindMember                    // policy/members/<id>.json
	kindCloudKey                  // policy/cloudkeys/<id>.json
	kindTemplate                  // policy/templates/<environment>.json
	kindInvite                    // policy/invites/<id>.json
	kindRoleWrap                  // keys/roles/<role>/<epoch>/<holder>.age
	kindKeyWrap                   // keys/environments/<environment>/<epoch>/<role>.age
	kindNamesWrap                 // keys/environments/<environment>/<epoch>/<role>.names
	kindCloudWrap                 // keys/environments/<environment>/<epoch>/cloud/<id>.age
	kindIDKey                     // keys/environments/<environment>/<epoch>/id
	kindPrevious                  // keys/environments/<environment>/<epoch>/previous
	kindAuditWrap                 // keys/audit/<epoch>/<role>.age
	kindAuditPrevious             // keys/audit/<epoch>/previous
	kindSecret                    // secrets/<environment>/<2 hex>/<secret-id>
)

// place is a path, understood.
type place struct {
	kind  kind
	name  string // of the environment, role, member, cloud key or invite whose file it is
	epoch uint64
	leaf  string // the last part: a holder, a role or a secret-id
}

func (p place) policy() bool { return p.kind >= kindFormat && p.kind <= kindInvite }
func (p place) keys() bool   { return p.kind >= kindRoleWrap && p.kind <= kindAuditPrevious }

// wrap says whether the file is an age file for exactly one holder.
func (p place) wrap() bool {
	switch p.kind {
	case kindRoleWrap, kindKeyWrap, kindNamesWrap, kindCloudWrap, kindAuditWrap, kindAuditPrevious:
		return true
	}
	return false
}

const (
	secretsDir      = "secrets/"
	environmentKeys = "keys/environments/"
	roleKeys        = "keys/roles/"
	auditKeys       = "keys/audit/"
)

// parsePath understands a path. Every path of a vault has one of these shapes; any other
// is of kindNone, and there is no second spelling of one.
func parsePath(path string) place {
	if len(path) > MaxPath {
		return place{}
	}
	parts := strings.Split(path, "/")
	switch parts[0] {
	case "vault.json":
		if len(parts) == 1 {
			return place{kind: kindFounding}
		}
	case "policy":
		return policyPlace(parts[1:])
	case "keys":
		return keysPlace(parts[1:])
	case "secrets":
		if len(parts) == 4 && isName(parts[1]) && isHex(parts[3], 40) && parts[2] == parts[3][:2] {
			return place{kind: kindSecret, name: parts[1], leaf: parts[3]}
		}
	}
	return place{}
}

func policyPlace(parts []string) place {
	if len(parts) == 1 {
		switch parts[0] {
		case "format.json":
			return place{kind: kindFormat}
		case "audit.json":
			return place{kind: kindAudit}
		}
		return place{}
	}
	if len(parts) != 2 {
		return place{}
	}
	name, ok := strings.CutSuffix(parts[1], ".json")
	kind, valid := kindNone, isID
	switch parts[0] {
	case "environments":
		kind, valid = kindEnvironment, isName
	case "roles":
		kind, valid = kindRole, isName
	case "templates":
		kind, valid = kindTemplate, isName
	case "members":
		kind = kindMember
	case "cloudkeys":
		kind = kindCloudKey
	case "invites":
		kind = kindInvite
	}
	if !ok || kind == kindNone || !valid(name) {
		return place{}
	}
	return place{kind: kind, name: name}
}

func keysPlace(parts []string) place {
	if len(parts) == 3 && parts[0] == "audit" {
		return leafOf(place{epoch: epochOf(parts[1])}, parts[2:], auditLeaf)
	}
	if len(parts) < 4 || !isName(parts[1]) {
		return place{}
	}
	p := place{name: parts[1], epoch: epochOf(parts[2])}
	switch parts[0] {
	case "roles":
		return leafOf(p, parts[3:], roleLeaf)
	case "environments":
		return leafOf(p, parts[3:], environmentLeaf)
	}
	return place{}
}

// leafOf completes p by the parts after the epoch.
func leafOf(p place, parts []string, leaf func(parts []string) (kind, string)) place {
	if p.epoch == 0 {
		return place{}
	}
	p.kind, p.leaf = leaf(parts)
	if p.kind == kindNone {
		return place{}
	}
	return p
}

func auditLeaf(parts []string) (kind, string) {
	if parts[0] == "previous" {
		return kindAuditPrevious, ""
	}
	if role, ok := strings.CutSuffix(parts[0], ".age"); ok && isName(role) {
		return kindAuditWrap, role
	}
	return kindNone, ""
}

func roleLeaf(parts []string) (kind, string) {
	holder, ok := strings.CutSuffix(parts[0], ".age")
	if !ok || len(parts) != 1 {
		return kindNone, ""
	}
	if role, managing := strings.CutPrefix(holder, "@"); isID(holder) || managing && isName(role) {
		return kindRoleWrap, holder
	}
	return kindNone, ""
}

func environmentLeaf(parts []string) (kind, string) {
	if len(parts) == 2 {
		if id, ok := strings.CutSuffix(parts[1], ".age"); ok && parts[0] == "cloud" && isID(id) {
			return kindCloudWrap, id
		}
		return kindNone, ""
	}
	switch {
	case len(parts) != 1:
		return kindNone, ""
	case parts[0] == "id":
		return kindIDKey, ""
	case parts[0] == "previous":
		return kindPrevious, ""
	}
	if role, ok := strings.CutSuffix(parts[0], ".age"); ok && isName(role) {
		return kindKeyWrap, role
	}
	if role, ok := strings.CutSuffix(parts[0], ".names"); ok && isName(role) {
		return kindNamesWrap, role
	}
	return kindNone, ""
}

// epochOf reads an epoch: a decimal from 1 on, without leading zeros. It is 0 for
// anything else.
func epochOf(s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || strconv.FormatUint(n, 10) != s {
		return 0
	}
	return n
}

// isName says whether s is [a-z0-9][a-z0-9-]{0,31}.
func isName(s string) bool {
	if s == "" || len(s) > 32 || s[0] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// isID says whether s is 26 characters of lower-case base32.
func isID(s string) bool {
	if len(s) != 26 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}

// isHex says whether s is n lower-case hexadecimal digits.
func isHex(s string, n int) bool {
	if len(s) != n {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
