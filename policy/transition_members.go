package policy

import (
	"maps"
	"slices"
)

func memberTransitions(old, new *Policy) error {
	changed := map[string][2]*memberEntry{}
	for was, is := range differing(&old.members, &new.members) {
		m := is
		if m == nil {
			m = was
		}
		changed[m.brief.id] = [2]*memberEntry{was, is}
	}
	for _, id := range slices.Sorted(maps.Keys(changed)) {
		was, is := changed[id][0], changed[id][1]
		path := MemberPath(id)
		if is == nil {
			return denied(path, "the file is removed: members are retired, never removed")
		}
		before := &Member{}
		if was != nil {
			before = was.member()
			if err := memberTransition(path, before, is.member()); err != nil {
				return err
			}
		} else if err := newMemberTransition(path, is.member()); err != nil {
			return err
		}
		if err := newRoles(path, new, before.Roles, is.member().Roles); err != nil {
			return err
		}
	}
	return nil
}

func newMemberTransition(path string, m *Member) error {
	if m.Retired || slices.ContainsFunc(m.Devices, func(d Device) bool { return d.Retired }) {
		return denied(path, "a new member begins with devices in use")
	}
	return nil
}

func memberTransition(path string, old, new *Member) error {
	switch {
	case old.Retired:
		return unchanged(path, sameMember(old, new))
	case new.Handle != old.Handle || new.Kind != old.Kind:
		return denied(path, "handle and kind are for ever")
	case len(new.Devices) < len(old.Devices):
		return denied(path, "a device is removed: devices are retired, never removed")
	}
	for i, is := range new.Devices {
		if i >= len(old.Devices) {
			if is.Retired {
				return denied(path, "a new device is retired already")
			}
			continue
		}
		was := old.Devices[i]
		if was.Retired && was != is {
			return denied(path, "device %s is retired and may not change", was.ID)
		}
		was.Name, was.Expires, was.Retired = is.Name, is.Expires, is.Retired
		if was != is {
			return denied(path, "the keys, kind, invite or join signature of a device change")
		}
	}
	return nil
}

func sameMember(a, b *Member) bool {
	return a.ID == b.ID && a.Handle == b.Handle && a.Name == b.Name && a.Email == b.Email && a.Kind == b.Kind &&
		slices.Equal(a.Roles, b.Roles) && slices.Equal(a.Devices, b.Devices) && a.Expires == b.Expires && a.Retired == b.Retired
}

// newRoles refuses a retired role for somebody who had it not.
func newRoles(path string, p *Policy, before, after []string) error {
	for _, role := range after {
		if p.roles[role].value.Retired && !slices.Contains(before, role) {
			return denied(path, "role %s is retired", role)
		}
	}
	return nil
}

func cloudTransitions(old, new *Policy) error {
	err := each(old.cloudKeys, new.cloudKeys, CloudKeyPath, func(path string, was, is *CloudKey) error {
		switch {
		case was == nil && is.Retired:
			return denied(path, "a new cloud key is retired already")
		case was == nil:
			return nil
		case was.Retired:
			return unchanged(path, slices.Equal(was.Roles, is.Roles) && slices.Equal(was.Waiting, is.Waiting) && is.Retired)
		}
		return nil // its provider and key are held by its id
	})
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(new.cloudKeys)) {
		var before []string
		if was := old.cloudKeys[id]; was != nil {
			before = was.value.Roles
		}
		if err := newRoles(CloudKeyPath(id), new, before, new.cloudKeys[id].value.Roles); err != nil {
			return err
		}
	}
	return nil
}

// looseTransitions checks templates and invites, which may go.
func looseTransitions(old, new *Policy) error {
	for _, name := range slices.Sorted(maps.Keys(old.environments)) {
		if old.environments[name].value.Active() {
			continue
		}
		was, is := old.templates[name], new.templates[name]
		if (was == nil) != (is == nil) || was != nil && !slices.Equal(was.value.Entries, is.value.Entries) {
			return denied(TemplatePath(name), "its environment is retired")
		}
	}
	for _, id := range slices.Sorted(maps.Keys(new.invites)) {
		is := new.invites[id].value
		path := InvitePath(id)
		was := old.invites[id]
		if was == nil {
			if new.members.get(is.By).brief.retired {
				return denied(path, "who invites is retired")
			}
			if err := newRoles(path, new, nil, is.Roles); err != nil {
				return err
			}
			continue
		}
		sealedAgain := *was.value
		sealedAgain.Verifier = is.Verifier
		if sealedAgain.Handle != is.Handle || sealedAgain.Expires != is.Expires || sealedAgain.By != is.By || !slices.Equal(sealedAgain.Roles, is.Roles) {
			return denied(path, "an invite may be sealed again or deleted, not changed")
		}
	}
	return nil
}
