package policy

import (
	"maps"
	"slices"
	"strings"
)

// events lists what changed in the files, by subject in the order below and by name.
func events(old, new *Policy) []Event {
	var out []Event
	if old.Format() != new.Format() {
		out = append(out, Event{Subject: AboutFormat, Verb: Altered, What: "format"})
	}
	if old.audit != nil && new.audit != nil && old.audit.value.Epoch != new.audit.value.Epoch {
		out = append(out, Event{Subject: AboutAudit, Verb: KeyTurns})
	}
	out = append(out, memberEvents(old, new)...)
	out = append(out, differ(AboutRole, old.roles, new.roles, roleEvents, func(r *Role) string { return r.Name })...)
	out = append(out, differ(AboutEnvironment, old.environments, new.environments, environmentEvents, func(e *Environment) string { return e.Name })...)
	out = append(out, differ(AboutCloudKey, old.cloudKeys, new.cloudKeys, cloudEvents, func(c *CloudKey) string { return c.Key })...)
	out = append(out, differ(AboutTemplate, old.templates, new.templates, templateEvents, func(t *Template) string { return t.Environment })...)
	return append(out, differ(AboutInvite, old.invites, new.invites, inviteEvents, func(i *Invite) string { return i.Handle })...)
}

// differ walks two maps by name: what is there only before or only after, and what
// compare says of the rest.
func differ[T any](about Subject, old, new map[string]*entry[T], compare func(add adder, was, is *T), name func(*T) string) []Event {
	var out []Event
	for _, id := range slices.Sorted(slices.Values(union(old, new))) {
		was, is := old[id], new[id]
		switch {
		case was == nil:
			out = append(out, Event{Subject: about, Name: name(is.value), Verb: Added})
		case is == nil:
			out = append(out, Event{Subject: about, Name: name(was.value), Verb: Removed})
		case was != is:
			compare(func(verb Verb, what string) {
				out = append(out, Event{Subject: about, Name: name(is.value), Verb: verb, What: what})
			}, was.value, is.value)
		}
	}
	return out
}

// adder takes one event.
type adder func(verb Verb, what string)

// altered takes an event for a setting that differs.
func (add adder) altered(differs bool, what string) {
	if differs {
		add(Altered, what)
	}
}

// common takes the events that everything with a life of its own has.
func (add adder) common(wasRetired, isRetired bool, was, is uint64) {
	if isRetired && !wasRetired {
		add(Retired, "")
	}
	if was != is {
		add(KeyTurns, "")
	}
}

func roleEvents(add adder, was, is *Role) {
	add.common(was.Retired, is.Retired, was.Epoch, is.Epoch)
	add.altered(!maps.Equal(was.Grants, is.Grants), "grants")
	add.altered(was.Manage != is.Manage, "manage")
	add.altered(was.Audit != is.Audit, "audit")
}

func environmentEvents(add adder, was, is *Environment) {
	add.common(was.Retired, is.Retired, was.Epoch, is.Epoch)
	add.altered(!slices.Equal(was.AllowNames, is.AllowNames), "allow_names")
	add.altered(!slices.Equal(was.RequireKMS, is.RequireKMS), "require_kms")
	add.altered(was.Due != is.Due, "due")
	add.altered(was.RequireReason != is.RequireReason, "require_reason")
	add.altered(was.MaxAge != is.MaxAge, "max_age")
	add.altered(was.Receipts != is.Receipts, "receipts")
}

func cloudEvents(add adder, was, is *CloudKey) {
	add.common(was.Retired, is.Retired, 0, 0)
	add.altered(!slices.Equal(was.Roles, is.Roles), "roles")
	add.altered(!slices.Equal(was.Waiting, is.Waiting), "waiting")
}

func templateEvents(add adder, was, is *Template) {
	add.altered(!slices.Equal(was.Entries, is.Entries), "entries")
}

func inviteEvents(add adder, was, is *Invite) { add.altered(was.Verifier != is.Verifier, "verifier") }

func memberEvents(old, new *Policy) []Event {
	var out []Event
	for was, is := range differing(&old.members, &new.members) {
		before, after := &Member{}, &Member{}
		handle := ""
		if was != nil {
			before, handle = was.member(), was.brief.handle
		}
		if is != nil {
			after, handle = is.member(), is.brief.handle
		}
		add := adder(func(verb Verb, what string) {
			out = append(out, Event{Subject: AboutMember, Name: handle, Verb: verb, What: what})
		})
		switch {
		case was == nil:
			add(Added, "")
		case is == nil:
			add(Removed, "")
		default:
			add.common(before.Retired, after.Retired, 0, 0)
			add.altered(!slices.Equal(before.Roles, after.Roles), "roles")
			add.altered(before.Name != after.Name, "name")
			add.altered(before.Email != after.Email, "email")
			add.altered(before.Expires != after.Expires, "expires")
		}
		out = append(out, deviceEvents(handle, before, after)...)
	}
	slices.SortStableFunc(out, func(a, b Event) int {
		x, _, _ := strings.Cut(a.Name, "/")
		y, _, _ := strings.Cut(b.Name, "/")
		return compare(x, y)
	})
	return out
}

func deviceEvents(handle string, before, after *Member) []Event {
	var out []Event
	was := map[string]Device{}
	for _, d := range before.Devices {
		was[d.ID] = d
	}
	for _, d := range after.Devices {
		add := adder(func(verb Verb, what string) {
			out = append(out, Event{Subject: AboutDevice, Name: handle + "/" + d.Name, Verb: verb, What: what})
		})
		b, known := was[d.ID]
		if !known {
			add(Added, "")
			continue
		}
		add.common(b.Retired, d.Retired, 0, 0)
		add.altered(b.Name != d.Name, "name")
		add.altered(b.Expires != d.Expires, "expires")
	}
	return out
}
