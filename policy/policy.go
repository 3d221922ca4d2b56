package policy

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"sync"
)

// Policy is a whole policy. One that [Parse], [Policy.With] or [Policy.Check]
// returned is valid, does not change and may be shared between goroutines. One that
// [Policy.Clone] returned is a draft: it may be edited, by one goroutine, and may be
// invalid meanwhile.
type Policy struct {
	format       *entry[formatFile]
	audit        *entry[Audit]
	environments map[string]*entry[Environment]
	roles        map[string]*entry[Role]
	members      crowd
	cloudKeys    map[string]*entry[CloudKey]
	templates    map[string]*entry[Template]
	invites      map[string]*entry[Invite]

	used    map[onceOnly]string // path by what members don't have
	manager string              // a member who managed when it was last looked for

	base  *Policy         // of a draft: what it was cloned from
	edits map[string]bool // of a draft: paths put or dropped since
}

// entry is one file, read. Its value does not change: a new one takes its place.
type entry[T any] struct {
	value *T
	raw   []byte // nil in a draft
}

// memberEntry is a member's file. Questions about everybody ask brief, so that a
// policy of thousands from a cache reads few files.
type memberEntry struct {
	raw   []byte                            // nil in a draft, and before it is read
	read  func(path string) ([]byte, error) // of a cache: where raw is
	brief brief
	load  sync.Once // of raw
	once  sync.Once // of full
	full  *Member
}

func empty() *Policy {
	return &Policy{
		environments: map[string]*entry[Environment]{},
		roles:        map[string]*entry[Role]{},
		members:      newCrowd(),
		cloudKeys:    map[string]*entry[CloudKey]{},
		templates:    map[string]*entry[Template]{},
		invites:      map[string]*entry[Invite]{},
		used:         map[onceOnly]string{},
	}
}

// copied returns a policy that can be altered without altering p.
func (p *Policy) copied() *Policy {
	return &Policy{
		format:       p.format,
		audit:        p.audit,
		environments: maps.Clone(p.environments),
		roles:        maps.Clone(p.roles),
		members:      p.members.clone(),
		cloudKeys:    maps.Clone(p.cloudKeys),
		templates:    maps.Clone(p.templates),
		invites:      maps.Clone(p.invites),
		used:         maps.Clone(p.used),
		manager:      p.manager,
	}
}

// Format is the number in policy/format.json. If it is higher than [Format], the
// changes that follow are of a format that this release does not know.
func (p *Policy) Format() int {
	if p.format == nil {
		return 0
	}
	return p.format.value.Format
}

// Audit returns the vault's key pair for receipts.
func (p *Policy) Audit() Audit {
	if p.audit == nil {
		return Audit{}
	}
	return *p.audit.value.copy()
}

// Environment returns an environment by name, retired ones too.
func (p *Policy) Environment(name string) (Environment, bool) {
	e, ok := p.environments[name]
	if !ok {
		return Environment{}, false
	}
	return *e.value.copy(), true
}

// Environments returns all environments by name, retired ones too.
func (p *Policy) Environments() []Environment {
	return sorted(p.environments, func(e *entry[Environment]) Environment { return *e.value.copy() })
}

// Role returns a role by name, retired ones too.
func (p *Policy) Role(name string) (Role, bool) {
	r, ok := p.roles[name]
	if !ok {
		return Role{}, false
	}
	return *r.value.copy(), true
}

// Roles returns all roles by name, retired ones too.
func (p *Policy) Roles() []Role {
	return sorted(p.roles, func(r *entry[Role]) Role { return *r.value.copy() })
}

// Member returns a member by id, retired ones too.
func (p *Policy) Member(id string) (Member, bool) {
	m := p.members.get(id)
	if m == nil {
		return Member{}, false
	}
	return *m.member().copy(), true
}

// MemberByHandle returns a member by handle, retired ones too.
func (p *Policy) MemberByHandle(handle string) (Member, bool) {
	return p.Member(p.members.byHandle(handle))
}

// Members returns all members by handle, retired ones too.
func (p *Policy) Members() []Member {
	all := make([]Member, 0, p.members.count)
	for _, m := range p.members.all {
		all = append(all, *m.member().copy())
	}
	slices.SortFunc(all, func(a, b Member) int { return cmp.Compare(a.Handle, b.Handle) })
	return all
}

// Handles goes over the handles of all members, retired ones too, in no order. No
// member's file is read for it.
func (p *Policy) Handles() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, m := range p.members.all {
			if !yield(m.brief.handle) {
				return
			}
		}
	}
}

// Device returns a device and its member by the device's id. Both may be retired:
// ask [Member.Active] and [Device.Active].
func (p *Policy) Device(id string) (Member, Device, bool) {
	m, ok := p.Member(p.members.byDevice(id))
	if !ok {
		return Member{}, Device{}, false
	}
	for _, d := range m.Devices {
		if d.ID == id {
			return m, d, true
		}
	}
	return Member{}, Device{}, false
}

// CloudKey returns a cloud key by id, retired ones too.
func (p *Policy) CloudKey(id string) (CloudKey, bool) {
	c, ok := p.cloudKeys[id]
	if !ok {
		return CloudKey{}, false
	}
	return *c.value.copy(), true
}

// CloudKeys returns all cloud keys by id, retired ones too.
func (p *Policy) CloudKeys() []CloudKey {
	return sorted(p.cloudKeys, func(c *entry[CloudKey]) CloudKey { return *c.value.copy() })
}

// Template returns an environment's template, if it has one.
func (p *Policy) Template(environment string) (Template, bool) {
	t, ok := p.templates[environment]
	if !ok {
		return Template{}, false
	}
	return *t.value.copy(), true
}

// Templates returns all templates by environment.
func (p *Policy) Templates() []Template {
	return sorted(p.templates, func(t *entry[Template]) Template { return *t.value.copy() })
}

// Invite returns an open invite by id.
func (p *Policy) Invite(id string) (Invite, bool) {
	i, ok := p.invites[id]
	if !ok {
		return Invite{}, false
	}
	return *i.value.copy(), true
}

// Invites returns all open invites by id.
func (p *Policy) Invites() []Invite {
	return sorted(p.invites, func(i *entry[Invite]) Invite { return *i.value.copy() })
}

// sorted returns the values of a map in the order of its keys.
func sorted[E, T any](m map[string]E, value func(E) T) []T {
	out := make([]T, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, value(m[k]))
	}
	return out
}
