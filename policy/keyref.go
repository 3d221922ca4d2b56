package policy

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// KeyKind says what a key is for.
type KeyKind uint8

// The kinds of key that a policy is about.
const (
	RoleKey        KeyKind = iota + 1 // a role's private key
	EnvironmentKey                    // an environment's key, which opens its values
	NamesKey                          // the part of it that opens names and metadata
	AuditKey                          // the vault's private key for receipts
)

// String returns the word for people.
func (k KeyKind) String() string {
	switch k {
	case RoleKey:
		return "role"
	case EnvironmentKey:
		return "environment"
	case NamesKey:
		return "names"
	case AuditKey:
		return "audit"
	}
	return "unknown"
}

// KeyRef names a key, in all its epochs.
type KeyRef struct {
	Kind KeyKind
	Name string // of the role or the environment; "" for the audit key
}

// String returns words such as "role developer".
func (k KeyRef) String() string { return strings.TrimSpace(k.Kind.String() + " " + k.Name) }

func compareRefs(a, b KeyRef) int {
	if a.Kind != b.Kind {
		return int(a.Kind) - int(b.Kind)
	}
	return compare(a.Name, b.Name)
}

func compare(a, b string) int { return strings.Compare(a, b) }

// Epoch is the current epoch of a key; 0 if there is no such key.
func (p *Policy) Epoch(ref KeyRef) uint64 {
	switch ref.Kind {
	case RoleKey:
		if r := p.roles[ref.Name]; r != nil {
			return r.value.Epoch
		}
	case EnvironmentKey, NamesKey:
		if e := p.environments[ref.Name]; e != nil {
			return e.value.Epoch
		}
	case AuditKey:
		if p.audit != nil {
			return p.audit.value.Epoch
		}
	}
	return 0
}

// active says whether a key exists and is in use.
func (p *Policy) active(ref KeyRef) bool {
	switch ref.Kind {
	case RoleKey:
		r := p.roles[ref.Name]
		return r != nil && r.value.Active()
	case EnvironmentKey, NamesKey:
		e := p.environments[ref.Name]
		return e != nil && e.value.Active()
	}
	return p.audit != nil
}

// keys lists the keys in use that have epochs of their own: roles, environments and
// the audit key, in the order of compareRefs.
func (p *Policy) keys() []KeyRef {
	var out []KeyRef
	for _, name := range slices.Sorted(maps.Keys(p.roles)) {
		out = append(out, KeyRef{RoleKey, name})
	}
	for _, name := range slices.Sorted(maps.Keys(p.environments)) {
		out = append(out, KeyRef{EnvironmentKey, name})
	}
	out = append(out, KeyRef{Kind: AuditKey})
	return slices.DeleteFunc(out, func(ref KeyRef) bool { return !p.active(ref) })
}

// The folders of wraps, from the vault's root.
const (
	roleKeys        = "keys/roles/"
	environmentKeys = "keys/environments/"
	auditKeys       = "keys/audit/"
)

// KeyFolder is where the wraps of a key's epoch are, with a slash at its end.
func KeyFolder(ref KeyRef, epoch uint64) string {
	number := strconv.FormatUint(epoch, 10) + "/"
	switch ref.Kind {
	case RoleKey:
		return roleKeys + ref.Name + "/" + number
	case AuditKey:
		return auditKeys + number
	}
	return environmentKeys + ref.Name + "/" + number
}

// WrapKind says what a wrap holds.
type WrapKind uint8

// The kinds of wrap.
const (
	WrapRole        WrapKind = iota + 1 // a role's key
	WrapEnvironment                     // an environment's key
	WrapNames                           // an environment's names key
	WrapAudit                           // the audit key
	WrapRoleShare                       // the roles' share of an environment's key that needs a cloud
	WrapCloudShare                      // the cloud's share of it
)

// KeyFile is one wrap that a vault must hold: a file with one key for one recipient.
type KeyFile struct {
	Path      string // from the vault's root
	Kind      WrapKind
	Recipient string // the age recipient; "" for a cloud key
	CloudKey  string // the cloud key's id, or ""
}

// KeyFiles lists every wrap of a key's current epoch, by path. A key that is unknown
// or retired must have none added, and an environment that is due none either.
func (p *Policy) KeyFiles(ref KeyRef) []KeyFile {
	if !p.active(ref) {
		return nil
	}
	var out []KeyFile
	switch ref.Kind {
	case RoleKey:
		out = p.roleFiles(ref)
	case EnvironmentKey, NamesKey:
		out = p.environmentFiles(ref.Name)
	case AuditKey:
		folder := KeyFolder(ref, p.Epoch(ref))
		for name, r := range p.roles {
			if opensAudit(r.value) {
				out = append(out, KeyFile{Path: folder + name + ".age", Kind: WrapAudit, Recipient: r.value.Recipient})
			}
		}
	}
	slices.SortFunc(out, func(a, b KeyFile) int { return compare(a.Path, b.Path) })
	return out
}

func (p *Policy) roleFiles(ref KeyRef) []KeyFile {
	var out []KeyFile
	folder := KeyFolder(ref, p.Epoch(ref))
	for _, h := range p.RoleHolders(ref.Name) {
		out = append(out, roleFile(folder, h))
	}
	for name, r := range p.roles {
		if name != ref.Name && r.value.Active() && r.value.Manage {
			out = append(out, KeyFile{Path: folder + "@" + name + ".age", Kind: WrapRole, Recipient: r.value.Recipient})
		}
	}
	return out
}

func roleFile(folder string, h Holder) KeyFile {
	f := KeyFile{Path: folder + h.ID + ".age", Kind: WrapRole, Recipient: h.Recipient}
	if h.Cloud {
		f.CloudKey = h.ID
	}
	return f
}

func (p *Policy) environmentFiles(name string) []KeyFile {
	e := p.environments[name].value
	folder := KeyFolder(KeyRef{EnvironmentKey, name}, e.Epoch)
	kind := WrapEnvironment
	var out []KeyFile
	if len(e.RequireKMS) > 0 {
		kind = WrapRoleShare
	}
	for role, r := range p.roles {
		level := r.value.Grants[name]
		if r.value.Retired || level < List {
			continue
		}
		out = append(out, KeyFile{Path: folder + role + ".names", Kind: WrapNames, Recipient: r.value.Recipient})
		if level >= Read {
			out = append(out, KeyFile{Path: folder + role + ".age", Kind: kind, Recipient: r.value.Recipient})
		}
	}
	for _, id := range e.RequireKMS {
		out = append(out, KeyFile{Path: folder + "cloud/" + id + ".age", Kind: WrapCloudShare, CloudKey: id})
	}
	return out
}
