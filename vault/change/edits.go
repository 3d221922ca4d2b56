package change

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/secr/secr/policy"
)

// An Action names what an Edit does.
type Action string

// The actions.
const (
	MemberAdded    Action = "member added"
	MemberRemoved  Action = "member removed"
	MemberChanged  Action = "member changed" // Field: name, email, expires
	RoleGiven      Action = "role given"     // to a member or cloud key; Field: the role
	RoleTaken      Action = "role taken"     // the same
	DeviceAdded    Action = "device added"   // Field: its id, To: its name
	DeviceRemoved  Action = "device removed" // Field: its id
	DeviceChanged  Action = "device changed" // Field: its id and what
	RoleAdded      Action = "role added"     // its grants follow
	RoleRetired    Action = "role retired"   //
	GrantChanged   Action = "grant changed"  // Field: the environment, "manage" or "audit"
	EnvAdded       Action = "environment added"
	EnvRetired     Action = "environment retired"
	EnvChanged     Action = "environment changed" // Field: the setting
	CloudAdded     Action = "cloud key added"     // To: its name at the provider
	CloudRetired   Action = "cloud key retired"
	CloudWaits     Action = "cloud key waits"     // for a role's key; Field: the role
	CloudReached   Action = "cloud key reached"   // and waits no longer; Field: the role
	TemplateEdited Action = "template changed"    // Field: an entry
	InviteOpened   Action = "invite opened"       // To: the roles
	InviteClosed   Action = "invite closed"       // used or withdrawn
	InviteSealed   Action = "invite sealed again" // to those who manage now
	FormatRaised   Action = "format raised"
)

// Actions lists all actions.
func Actions() []Action {
	return []Action{
		MemberAdded, MemberRemoved, MemberChanged, RoleGiven, RoleTaken, DeviceAdded, DeviceRemoved, DeviceChanged,
		RoleAdded, RoleRetired, GrantChanged, EnvAdded, EnvRetired, EnvChanged, CloudAdded, CloudRetired, CloudWaits, CloudReached,
		TemplateEdited, InviteOpened, InviteClosed, InviteSealed, FormatRaised,
	}
}

// An Edit is one thing that a change of a policy file means. Its texts come from policy
// files: handles, names of roles and environments, and ids are plain; names, e-mail
// addresses and notes are not, and must be cleaned before a terminal sees them.
type Edit struct {
	Action   Action
	Subject  string // handle, role, environment, or id
	Field    string // which part of it, if there are several
	From, To string // before and after, as far as there is something to say
}

// editsOf tells what it means that a policy file differs. Keys, epochs and commitments
// are left to rotations.
func editsOf(old, next *policy.Policy, path string) []Edit {
	folder, name, _ := strings.Cut(strings.TrimPrefix(path, policy.Folder), "/")
	name = strings.TrimSuffix(name, ".json")
	switch folder {
	case "members":
		was, _ := old.Member(name)
		is, _ := next.Member(name)
		return memberEdits(was, is)
	case "roles":
		was, _ := old.Role(name)
		is, _ := next.Role(name)
		return roleEdits(was, is)
	case "environments":
		was, _ := old.Environment(name)
		is, _ := next.Environment(name)
		return environmentEdits(was, is)
	case "cloudkeys":
		was, _ := old.CloudKey(name)
		is, _ := next.CloudKey(name)
		return cloudEdits(was, is)
	case "templates":
		was, _ := old.Template(name)
		is, _ := next.Template(name)
		return templateEdits(name, was, is)
	case "invites":
		return inviteEdits(old, next, name)
	case "format.json":
		return edit(nil, FormatRaised, "", "", number(int64(old.Format())), number(int64(next.Format())))
	}
	return nil
}

// edit appends one edit if something differs.
func edit(edits []Edit, a Action, subject, field, from, to string) []Edit {
	if from == to {
		return edits
	}
	return append(edits, Edit{Action: a, Subject: subject, Field: field, From: from, To: to})
}

func memberEdits(was, is policy.Member) []Edit {
	var out []Edit
	switch {
	case was.ID == "":
		out = append(out, Edit{Action: MemberAdded, Subject: is.Handle, To: string(is.Kind)})
	case is.Retired && !was.Retired:
		out = append(out, Edit{Action: MemberRemoved, Subject: is.Handle})
	}
	if was.ID != "" {
		out = edit(out, MemberChanged, is.Handle, "name", was.Name, is.Name)
		out = edit(out, MemberChanged, is.Handle, "email", was.Email, is.Email)
	}
	out = edit(out, MemberChanged, is.Handle, "expires", number(was.Expires), number(is.Expires))
	out = append(out, listEdits(is.Handle, was.Roles, is.Roles)...)
	for i, d := range is.Devices {
		if i >= len(was.Devices) {
			out = append(out, Edit{Action: DeviceAdded, Subject: is.Handle, Field: d.ID, To: d.Name})
			continue
		}
		before := was.Devices[i]
		if d.Retired && !before.Retired {
			out = append(out, Edit{Action: DeviceRemoved, Subject: is.Handle, Field: d.ID, From: d.Name})
		}
		out = edit(out, DeviceChanged, is.Handle, d.ID+" name", before.Name, d.Name)
		out = edit(out, DeviceChanged, is.Handle, d.ID+" expires", number(before.Expires), number(d.Expires))
	}
	return out
}

// listEdits tells which roles a member or cloud key gained and lost.
func listEdits(subject string, was, is []string) []Edit {
	var out []Edit
	for _, role := range is {
		if !slices.Contains(was, role) {
			out = append(out, Edit{Action: RoleGiven, Subject: subject, Field: role})
		}
	}
	for _, role := range was {
		if !slices.Contains(is, role) {
			out = append(out, Edit{Action: RoleTaken, Subject: subject, Field: role})
		}
	}
	return out
}

func roleEdits(was, is policy.Role) []Edit {
	var out []Edit
	switch {
	case was.Name == "":
		out = append(out, Edit{Action: RoleAdded, Subject: is.Name})
	case is.Retired && !was.Retired:
		out = append(out, Edit{Action: RoleRetired, Subject: is.Name})
	}
	environments := maps.Clone(is.Grants)
	for env := range was.Grants {
		environments[env] = policy.None
	}
	for _, env := range sorted(environments) {
		out = edit(out, GrantChanged, is.Name, env, was.Grants[env].String(), is.Grants[env].String())
	}
	out = edit(out, GrantChanged, is.Name, "manage", yes(was.Manage), yes(is.Manage))
	return edit(out, GrantChanged, is.Name, "audit", yes(was.Audit), yes(is.Audit))
}

func environmentEdits(was, is policy.Environment) []Edit {
	var out []Edit
	switch {
	case was.Name == "":
		out = append(out, Edit{Action: EnvAdded, Subject: is.Name})
		was.Receipts = policy.ReceiptsBest
	case is.Retired && !was.Retired:
		out = append(out, Edit{Action: EnvRetired, Subject: is.Name})
	}
	for _, f := range [...]struct{ field, from, to string }{
		{"allow_names", strings.Join(was.AllowNames, " "), strings.Join(is.AllowNames, " ")},
		{"require_kms", strings.Join(was.RequireKMS, " "), strings.Join(is.RequireKMS, " ")},
		{"due", yes(was.Due), yes(is.Due)},
		{"require_reason", yes(was.RequireReason), yes(is.RequireReason)},
		{"max_age", number(was.MaxAge), number(is.MaxAge)},
		{"receipts", string(was.Receipts), string(is.Receipts)},
	} {
		out = edit(out, EnvChanged, is.Name, f.field, f.from, f.to)
	}
	return out
}

func cloudEdits(was, is policy.CloudKey) []Edit {
	var out []Edit
	switch {
	case was.ID == "":
		out = append(out, Edit{Action: CloudAdded, Subject: is.ID, Field: string(is.Provider), To: is.Key})
	case is.Retired && !was.Retired:
		out = append(out, Edit{Action: CloudRetired, Subject: is.ID})
	}
	out = append(out, listEdits(is.ID, was.Roles, is.Roles)...)
	for _, role := range is.Waiting {
		if !slices.Contains(was.Waiting, role) {
			out = append(out, Edit{Action: CloudWaits, Subject: is.ID, Field: role})
		}
	}
	for _, role := range was.Waiting {
		if slices.Contains(is.Roles, role) && !slices.Contains(is.Waiting, role) {
			out = append(out, Edit{Action: CloudReached, Subject: is.ID, Field: role})
		}
	}
	return out
}

func templateEdits(environment string, was, is policy.Template) []Edit {
	from, to := map[string]string{}, map[string]string{}
	for _, e := range was.Entries {
		from[e.Name] = entryText(e)
	}
	both := maps.Clone(from)
	for _, e := range is.Entries {
		to[e.Name] = entryText(e)
		both[e.Name] = ""
	}
	var out []Edit
	for _, name := range sorted(both) {
		out = edit(out, TemplateEdited, environment, name, from[name], to[name])
	}
	if len(out) == 0 { // a template without entries came or went
		out = append(out, Edit{Action: TemplateEdited, Subject: environment})
	}
	return out
}

func entryText(e policy.TemplateEntry) string {
	return fmt.Sprintf("%s required=%s %s", e.Type, yes(e.Required), e.Note)
}

func inviteEdits(old, next *policy.Policy, id string) []Edit {
	was, before := old.Invite(id)
	is, after := next.Invite(id)
	switch {
	case !before:
		return []Edit{{Action: InviteOpened, Subject: is.Handle, Field: id, To: strings.Join(is.Roles, " ")}}
	case !after:
		return []Edit{{Action: InviteClosed, Subject: was.Handle, Field: id, From: strings.Join(was.Roles, " ")}}
	}
	return []Edit{{Action: InviteSealed, Subject: is.Handle, Field: id}}
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// secretOf takes the environment and the secret's id out of a record's path.
func secretOf(path string) (environment, id string, ok bool) {
	parts := strings.Split(path, "/")
	if len(parts) != 4 || parts[0] != "secrets" {
		return "", "", false
	}
	return parts[1], parts[3], true
}
