package policy

import "slices"

// Turns lists every key that must advance to its next epoch when new follows old:
// roles, environments (whose names keys turn with them) and the audit key. A key
// must turn
//
//   - if somebody to whom it is wrapped under old is not among those to whom it is
//     wrapped under new: a device, a cloud key, a role that lost a grant, managing
//     or auditing;
//   - if it is a role's and the role is narrowed: it lost a grant, a level of one,
//     managing or auditing. A later holder of the role must not open, with the same
//     key, what the role could open once;
//   - if it is an environment's and the need for a cloud key came or went, or the
//     environment is due no longer;
//   - if it has turned in new, or is named in also;
//   - if it is wrapped to a role whose key must turn: the wrap would be to a
//     recipient whose key nobody is given any more.
//
// Whoever could reach a key under old and can't under new lost one of the wraps on
// his way to it, so that from there on everything turns. Keys that are new or
// retired don't turn, and environments that new marks as due are left out.
func Turns(old, new *Policy, also ...KeyRef) []KeyRef {
	t := turning{old: old, new: new, set: map[KeyRef]bool{}}
	lost := t.lostDevices()
	for _, ref := range new.keys() {
		if t.mustTurn(ref, lost) || new.Epoch(ref) != old.Epoch(ref) || slices.Contains(also, ref) {
			t.add(ref)
		}
	}
	out := make([]KeyRef, 0, len(t.set))
	for ref := range t.set {
		if ref.Kind != EnvironmentKey || !new.environments[ref.Name].value.Due {
			out = append(out, ref)
		}
	}
	slices.SortFunc(out, compareRefs)
	return out
}

// turning collects keys that turn, and those that follow them.
type turning struct {
	old, new *Policy
	set      map[KeyRef]bool
}

// add takes a key in, and all keys that are wrapped to it before and after.
func (t *turning) add(ref KeyRef) {
	if t.set[ref] || !t.old.active(ref) || !t.new.active(ref) {
		return
	}
	t.set[ref] = true
	if ref.Kind != RoleKey {
		return
	}
	was, is := t.old.roles[ref.Name].value, t.new.roles[ref.Name].value
	for env := range is.Grants {
		if was.Grants[env] > None {
			t.add(KeyRef{EnvironmentKey, env})
		}
	}
	if was.Manage && is.Manage {
		for name := range t.new.roles {
			t.add(KeyRef{RoleKey, name})
		}
	}
	if opensAudit(was) && opensAudit(is) {
		t.add(KeyRef{Kind: AuditKey})
	}
}

// lostDevices lists the roles that lost a device or a cloud key.
func (t *turning) lostDevices() map[string]bool {
	lost := map[string]bool{}
	for was, is := range differing(&t.old.members, &t.new.members) {
		if was == nil || was.brief.retired {
			continue
		}
		for _, role := range was.brief.roles {
			for _, d := range was.brief.devices {
				if !d.retired && (is == nil || !is.brief.holds(role, d.id)) {
					lost[role] = true
				}
			}
		}
	}
	for id, was := range t.old.cloudKeys {
		is := t.new.cloudKeys[id]
		for _, role := range was.value.Roles {
			if was.value.opens(role) && (is == nil || !is.value.opens(role)) {
				lost[role] = true
			}
		}
	}
	return lost
}

// holds says whether the role's key is wrapped to the member's device.
func (b *brief) holds(role, device string) bool {
	return !b.retired && slices.Contains(b.roles, role) &&
		slices.ContainsFunc(b.devices, func(d briefDevice) bool { return d.id == device && !d.retired })
}

// mustTurn says whether a key lost one to whom it was wrapped, or its role is
// narrowed.
func (t *turning) mustTurn(ref KeyRef, lost map[string]bool) bool {
	if !t.old.active(ref) {
		return false
	}
	switch ref.Kind {
	case RoleKey:
		return lost[ref.Name] || narrowed(t.old.roles[ref.Name].value, t.new.roles[ref.Name].value) ||
			t.lostRole(ref.Name, func(r *Role) bool { return r.Manage })
	case AuditKey:
		return t.lostRole("", opensAudit)
	}
	return t.environmentTurns(ref.Name)
}

// lostRole says whether another role than the named one had what has asks for under
// old and hasn't under new.
func (t *turning) lostRole(except string, has func(*Role) bool) bool {
	for name, was := range t.old.roles {
		if name == except || was.value.Retired || !has(was.value) {
			continue
		}
		if is := t.new.roles[name]; is == nil || is.value.Retired || !has(is.value) {
			return true
		}
	}
	return false
}

func narrowed(old, new *Role) bool {
	if old.Manage && !new.Manage || old.Audit && !new.Audit {
		return true
	}
	for env, level := range old.Grants {
		if new.Grants[env] < level {
			return true
		}
	}
	return false
}

func (t *turning) environmentTurns(name string) bool {
	was, is := t.old.environments[name].value, t.new.environments[name].value
	if was.Due && !is.Due || (len(was.RequireKMS) > 0) != (len(is.RequireKMS) > 0) {
		return true
	}
	for _, id := range was.RequireKMS {
		if !slices.Contains(is.RequireKMS, id) {
			return true
		}
	}
	return t.lostRole("", func(r *Role) bool { return r.Grants[name] >= Read }) ||
		t.lostRole("", func(r *Role) bool { return r.Grants[name] >= List })
}
