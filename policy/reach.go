package policy

// Reached is a key in one epoch that a holder can open.
type Reached struct {
	Holder string // id of a device or of a cloud key
	Key    KeyRef
	Epoch  uint64
}

// Reach is all that holders can open.
type Reach map[Reached]bool

// Reach computes what every holder in use can open at the current epochs: the keys
// of his roles; all roles' keys if one of his roles manages; with a role's key the
// names keys (list) and the environment keys (read, write) that it is granted, and
// the audit key if it manages or audits. Of an environment that needs a cloud key it
// counts who holds the roles' share. Retired roles and environments are left out:
// nothing is sealed with their keys any more.
//
// It is a large set. To see what must turn, [Turns] is far quicker.
func (p *Policy) Reach() Reach {
	reach := Reach{}
	for name := range p.roles {
		for _, h := range p.RoleHolders(name) {
			p.reachRole(reach, h.ID, name)
		}
	}
	return reach
}

func (p *Policy) reachRole(reach Reach, holder, name string) {
	ref := KeyRef{RoleKey, name}
	at := Reached{holder, ref, p.Epoch(ref)}
	if reach[at] || !p.active(ref) {
		return
	}
	reach[at] = true
	r := p.roles[name].value
	for env, level := range r.Grants {
		if !p.active(KeyRef{EnvironmentKey, env}) {
			continue
		}
		epoch := p.environments[env].value.Epoch
		reach[Reached{holder, KeyRef{NamesKey, env}, epoch}] = true
		if level >= Read {
			reach[Reached{holder, KeyRef{EnvironmentKey, env}, epoch}] = true
		}
	}
	if opensAudit(r) {
		reach[Reached{holder, KeyRef{Kind: AuditKey}, p.audit.value.Epoch}] = true
	}
	if r.Manage {
		for other := range p.roles {
			p.reachRole(reach, holder, other)
		}
	}
}
