// Package team is what people do with a vault's policy: admit and remove members
// and devices, change roles and environments, invite and join, and see who could
// read what.
//
// What changes the policy is an [Edit], for [vault.Draft.EditPolicy]. It says who
// shall be and may do what; which keys turn, and what is sealed again, follows
// from that in package vault. So every edit can be planned before it is done:
//
//	d := v.Draft()
//	d.EditPolicy(team.Remove("ben"))
//	report, err := d.Plan(ctx)
//	head, err := d.Commit(ctx, "remove ben")
//
// What explains ([Exposed], [Explain]) reads verified state only.
package team

import (
	"errors"
	"fmt"
	"slices"

	"github.com/secr/secr/policy"
)

// Edit changes a draft of a policy.
type Edit = func(*policy.Policy) error

var (
	// ErrNoMember says that there is no member of that handle, or none any more.
	ErrNoMember = errors.New("no such member")
	// ErrNoDevice says that the member has no device of that name or id in use.
	ErrNoDevice = errors.New("no such device")
	// ErrNoRole says that there is no role of that name, or none any more.
	ErrNoRole = errors.New("no such role")
	// ErrNoEnvironment says that there is no environment of that name, or none any more.
	ErrNoEnvironment = errors.New("no such environment")
	// ErrNoInvite says that there is no open invite of that id or handle.
	ErrNoInvite = errors.New("no such invite")
	// ErrTaken says that a name is in use, or was: names are never used again.
	ErrTaken = errors.New("the name is taken")
	// ErrKnownDevice says that a device is in the vault already, or was.
	ErrKnownDevice = errors.New("the device is a member's already")
	// ErrName says that a name is not of the form that names have.
	ErrName = errors.New("a name is a-z, 0-9 and -, at most 32, no - first")
)

func about(err error, what string) error { return fmt.Errorf("%w: %s", err, what) }

// member finds a member in use by handle.
func member(p *policy.Policy, handle string) (policy.Member, error) {
	m, ok := p.MemberByHandle(handle)
	if !ok || !m.Active() {
		return policy.Member{}, about(ErrNoMember, handle)
	}
	return m, nil
}

// editMember is an edit of one member.
func editMember(handle string, edit func(p *policy.Policy, m *policy.Member) error) Edit {
	return func(p *policy.Policy) error {
		m, err := member(p, handle)
		if err != nil {
			return err
		}
		if err := edit(p, &m); err != nil {
			return err
		}
		p.PutMember(m)
		return nil
	}
}

// Remove retires a member. With the last one who manages the policy is refused.
func Remove(handle string) Edit {
	return editMember(handle, func(_ *policy.Policy, m *policy.Member) error {
		m.Retired = true
		return nil
	})
}

// SetRoles gives a member exactly these roles.
func SetRoles(handle string, roles ...string) Edit {
	return editMember(handle, func(p *policy.Policy, m *policy.Member) error {
		m.Roles = uniq(roles)
		return knownRoles(p, roles)
	})
}

// AddRole gives a member one more role.
func AddRole(handle, role string) Edit {
	return editMember(handle, func(p *policy.Policy, m *policy.Member) error {
		m.Roles = uniq(append(m.Roles, role))
		return knownRoles(p, []string{role})
	})
}

// DropRole takes a role from a member.
func DropRole(handle, role string) Edit {
	return editMember(handle, func(_ *policy.Policy, m *policy.Member) error {
		if !m.Has(role) {
			return about(ErrNoRole, handle+" is no "+role)
		}
		m.Roles = slices.DeleteFunc(m.Roles, func(r string) bool { return r == role })
		return nil
	})
}

// SetExpiry sets until when a member may act, in Unix seconds; 0 is for ever.
func SetExpiry(handle string, expires int64) Edit {
	return editMember(handle, func(_ *policy.Policy, m *policy.Member) error {
		m.Expires = expires
		return nil
	})
}

// Describe sets what is shown of a member: any text, or none.
func Describe(handle, name, email string) Edit {
	return editMember(handle, func(_ *policy.Policy, m *policy.Member) error {
		m.Name, m.Email = name, email
		return nil
	})
}

// RemoveDevice retires one device of a member, by its name or id.
func RemoveDevice(handle, device string) Edit {
	return editMember(handle, func(_ *policy.Policy, m *policy.Member) error {
		i := slices.IndexFunc(m.Devices, func(d policy.Device) bool {
			return d.Active() && (d.Name == device || d.ID == device)
		})
		if i < 0 {
			return about(ErrNoDevice, handle+"/"+device)
		}
		m.Devices[i].Retired = true
		return nil
	})
}

// knownRoles checks that roles are there and in use.
func knownRoles(p *policy.Policy, roles []string) error {
	for _, name := range roles {
		if r, ok := p.Role(name); !ok || !r.Active() {
			return about(ErrNoRole, name)
		}
	}
	return nil
}

func uniq(list []string) []string {
	sorted := slices.Clone(list)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}
