package team

import (
	"maps"
	"slices"

	"github.com/secr/secr/policy"
)

// Role is what a role may do.
type Role struct {
	Name   string
	Grants map[string]policy.Level // by environment; None takes a grant away
	Manage bool
	Audit  bool
}

// PutRole makes a role, or makes an existing one what r says: grants that r does
// not name are gone.
func PutRole(r Role) Edit {
	return func(p *policy.Policy) error {
		if !policy.ValidName(r.Name) {
			return about(ErrName, r.Name)
		}
		role, ok := p.Role(r.Name)
		if ok && !role.Active() {
			return about(ErrTaken, r.Name+" was retired")
		}
		role.Name, role.Manage, role.Audit = r.Name, r.Manage, r.Audit
		had := role.Grants
		role.Grants = map[string]policy.Level{}
		for name, level := range had { // what was granted on a retired environment stays
			if e, ok := p.Environment(name); ok && !e.Active() {
				role.Grants[name] = level
			}
		}
		for name, level := range r.Grants {
			if e, ok := p.Environment(name); !ok || !e.Active() {
				return about(ErrNoEnvironment, name)
			}
			if level != policy.None {
				role.Grants[name] = level
			}
		}
		p.PutRole(role)
		return nil
	}
}

// Grant gives a role a level on an environment, or takes what it has with None.
func Grant(role, environment string, level policy.Level) Edit {
	return func(p *policy.Policy) error {
		r, ok := p.Role(role)
		if !ok || !r.Active() {
			return about(ErrNoRole, role)
		}
		if e, ok := p.Environment(environment); !ok || !e.Active() {
			return about(ErrNoEnvironment, environment)
		}
		if level == policy.None {
			delete(r.Grants, environment)
		} else {
			r.Grants[environment] = level
		}
		p.PutRole(r)
		return nil
	}
}

// RetireRole takes a role out of use for good. Members keep its name in their
// files, where it means nothing any more.
func RetireRole(name string) Edit {
	return func(p *policy.Policy) error {
		r, ok := p.Role(name)
		if !ok || !r.Active() {
			return about(ErrNoRole, name)
		}
		r.Retired = true
		p.PutRole(r)
		return nil
	}
}

// AddEnvironment makes an environment. Roles get what grants say; those that
// manage get write when grants don't name them.
func AddEnvironment(name string, grants map[string]policy.Level) Edit {
	return func(p *policy.Policy) error {
		if !policy.ValidName(name) {
			return about(ErrName, name)
		}
		if _, ok := p.Environment(name); ok {
			return about(ErrTaken, name)
		}
		if err := knownRoles(p, slices.Collect(maps.Keys(grants))); err != nil {
			return err
		}
		p.PutEnvironment(policy.NewEnvironment(name))
		for _, r := range p.Roles() {
			level, said := grants[r.Name]
			if !said && r.Manage {
				level = policy.Write
			}
			if r.Active() && level != policy.None {
				r.Grants[name] = level
				p.PutRole(r)
			}
		}
		return nil
	}
}

// Settings are an environment's rules; nil fields stay as they are.
type Settings struct {
	AllowNames    *[]string // special names that may be set
	RequireReason *bool
	MaxAge        *int64 // seconds
	Receipts      *policy.Receipts
	RequireKMS    *[]string // ids of cloud keys
}

// SetEnvironment changes an environment's rules.
func SetEnvironment(name string, s Settings) Edit {
	return func(p *policy.Policy) error {
		e, ok := p.Environment(name)
		if !ok || !e.Active() {
			return about(ErrNoEnvironment, name)
		}
		if s.AllowNames != nil {
			e.AllowNames = uniq(*s.AllowNames)
		}
		if s.RequireReason != nil {
			e.RequireReason = *s.RequireReason
		}
		if s.MaxAge != nil {
			e.MaxAge = *s.MaxAge
		}
		if s.Receipts != nil {
			e.Receipts = *s.Receipts
		}
		if s.RequireKMS != nil {
			e.RequireKMS = uniq(*s.RequireKMS)
		}
		p.PutEnvironment(e)
		return nil
	}
}

// RetireEnvironment takes an environment out of use for good. Its secrets stay in
// history, and nothing there can change.
func RetireEnvironment(name string) Edit {
	return func(p *policy.Policy) error {
		e, ok := p.Environment(name)
		if !ok || !e.Active() {
			return about(ErrNoEnvironment, name)
		}
		e.Retired = true
		p.PutEnvironment(e)
		return nil
	}
}
