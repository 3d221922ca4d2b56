package policy

import (
	"maps"
	"slices"
)

// Level is what a member's roles grant on an environment: None if the member or the
// environment is retired or unknown. Writing needs the grant. Reading also follows
// from managing, which holds the keys of all roles: see [Policy.Reach].
func (p *Policy) Level(memberID, environment string) Level {
	m := p.members.get(memberID)
	if m == nil || m.brief.retired {
		return None
	}
	e, ok := p.environments[environment]
	if !ok || e.value.Retired {
		return None
	}
	level := None
	for _, name := range m.brief.roles {
		if r := p.roles[name]; r != nil && r.value.Active() {
			level = max(level, r.value.Grants[environment])
		}
	}
	return level
}

// Manages says whether a member may change the policy.
func (p *Policy) Manages(memberID string) bool {
	m := p.members.get(memberID)
	return m != nil && !m.brief.retired && p.manages(&m.brief)
}

// Audits says whether a member may read receipts: who audits, and who manages.
func (p *Policy) Audits(memberID string) bool {
	m := p.members.get(memberID)
	return m != nil && !m.brief.retired && slices.ContainsFunc(m.brief.roles, func(name string) bool {
		r := p.roles[name]
		return r != nil && opensAudit(r.value)
	})
}

func (p *Policy) manages(b *brief) bool {
	return slices.ContainsFunc(b.roles, func(name string) bool {
		r := p.roles[name]
		return r != nil && r.value.Active() && r.value.Manage
	})
}

func opensAudit(r *Role) bool { return r.Active() && (r.Manage || r.Audit) }

// Holder is who is wrapped a role's key.
type Holder struct {
	ID        string // of the device or the cloud key
	Recipient string // of the device; "" for a cloud key
	Cloud     bool
}

// RoleHolders lists who holds a role's key by an entry of their own, by id: the
// devices in use of its members in use, and the cloud keys in use that are not
// waiting for it. Roles that manage hold it too: see [Policy.ManagingRoles]. A
// retired role has no holders.
func (p *Policy) RoleHolders(role string) []Holder {
	if r := p.roles[role]; r == nil || r.value.Retired {
		return nil
	}
	var out []Holder
	for _, m := range p.members.all {
		out = append(out, m.holders(role)...)
	}
	for _, c := range p.cloudKeys {
		if c.value.opens(role) {
			out = append(out, Holder{ID: c.value.ID, Cloud: true})
		}
	}
	slices.SortFunc(out, func(a, b Holder) int { return compare(a.ID, b.ID) })
	return out
}

// holders lists the member's devices that hold a role.
func (m *memberEntry) holders(role string) []Holder {
	if m.brief.retired || !slices.Contains(m.brief.roles, role) {
		return nil
	}
	var out []Holder
	for _, d := range m.member().Devices {
		if d.Active() {
			out = append(out, Holder{ID: d.ID, Recipient: d.Recipient})
		}
	}
	return out
}

// opens says whether the role's key is wrapped to the cloud key.
func (c *CloudKey) opens(role string) bool {
	return c.Active() && slices.Contains(c.Roles, role) && !slices.Contains(c.Waiting, role)
}

// ManagingRoles lists the roles in use that manage, by name.
func (p *Policy) ManagingRoles() []Role {
	return slices.DeleteFunc(p.Roles(), func(r Role) bool { return r.Retired || !r.Manage })
}

// RoleLevel is a role and what it may do with an environment.
type RoleLevel struct {
	Role  Role
	Level Level
}

// EnvironmentRoles lists the roles in use with a grant on an environment, by name.
// A retired environment has none.
func (p *Policy) EnvironmentRoles(environment string) []RoleLevel {
	if e := p.environments[environment]; e == nil || e.value.Retired {
		return nil
	}
	var out []RoleLevel
	for _, name := range slices.Sorted(maps.Keys(p.roles)) {
		r := p.roles[name].value
		if level := r.Grants[environment]; r.Active() && level > None {
			out = append(out, RoleLevel{Role: *r.copy(), Level: level})
		}
	}
	return out
}
