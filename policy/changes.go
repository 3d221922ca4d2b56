package policy

import (
	"iter"
	"maps"
	"slices"
)

// Subject says what an Event is about.
type Subject string

// The subjects of events.
const (
	AboutMember      Subject = "member"
	AboutDevice      Subject = "device"
	AboutRole        Subject = "role"
	AboutEnvironment Subject = "environment"
	AboutCloudKey    Subject = "cloud key"
	AboutTemplate    Subject = "template"
	AboutInvite      Subject = "invite"
	AboutAudit       Subject = "audit key"
	AboutFormat      Subject = "format"
)

// Verb says what happened.
type Verb string

// The verbs of events.
const (
	Added    Verb = "added"
	Retired  Verb = "retired"
	Removed  Verb = "removed"
	Altered  Verb = "changed"
	KeyTurns Verb = "key turned" // to its next epoch
)

// Event is one difference between two policies.
type Event struct {
	Subject Subject
	Name    string // handle, role, environment; of a device its member's handle, a slash and its name
	Verb    Verb
	What    string // of Altered: which setting, by its name in the file
}

// Right is something that a member may do.
type Right struct {
	Environment string // "" for managing and auditing
	Manage      bool
	Audit       bool
}

// Shift is a right that somebody gains or loses. For managing and auditing, None is
// without the right and Read with it.
type Shift struct {
	Who      string // a member's handle, or a cloud key's id
	Cloud    bool
	Right    Right
	From, To Level
}

// Gains says whether the shift is upwards.
func (s Shift) Gains() bool { return s.To > s.From }

// Difference is what a change of policy means, for people.
type Difference struct {
	Shifts []Shift // who gains and loses what, by name
	Events []Event // what changed in the files, by subject and name
}

// Empty says whether there is no difference.
func (d Difference) Empty() bool { return len(d.Shifts) == 0 && len(d.Events) == 0 }

// Changes compares two policies for people. Level counts grants and what managing
// opens. Either may be a draft; old may be nil for nothing at all.
func Changes(old, new *Policy) Difference {
	if old == nil {
		old = empty()
	}
	return Difference{Shifts: shifts(old, new), Events: events(old, new)}
}

// standing is everything that a holder may do, in the order of rights.
type standing map[Right]Level

func (p *Policy) standing(b *brief) standing {
	s := standing{}
	if b == nil || b.retired {
		return s
	}
	return p.rolesStanding(b.roles)
}

func (p *Policy) rolesStanding(roles []string) standing {
	s := standing{}
	for _, name := range roles {
		r := p.roles[name]
		if r == nil || r.value.Retired {
			continue
		}
		s.grants(p, r.value, Write)
		if r.value.Manage {
			s[Right{Manage: true}] = Read
			for _, other := range p.roles {
				if other.value.Active() {
					s.grants(p, other.value, Read)
				}
			}
		}
		if opensAudit(r.value) {
			s[Right{Audit: true}] = Read
		}
	}
	return s
}

func (s standing) grants(p *Policy, r *Role, most Level) {
	for env, level := range r.Grants {
		if p.active(KeyRef{EnvironmentKey, env}) {
			right := Right{Environment: env}
			s[right] = max(s[right], min(level, most))
		}
	}
}

func shifts(old, new *Policy) []Shift {
	var out []Shift
	// Where no role and no environment changed, only who changed himself can shift: of a
	// large team, one.
	steady := maps.Equal(old.roles, new.roles) && maps.Equal(old.environments, new.environments)
	members := everybody(old, new)
	if steady {
		members = differing(&old.members, &new.members)
	}
	for from, to := range members {
		var was, is *brief
		handle := ""
		if from != nil {
			was, handle = &from.brief, from.brief.handle
		}
		if to != nil {
			is, handle = &to.brief, to.brief.handle
		}
		out = append(out, compareStandings(Shift{Who: handle}, old.standing(was), new.standing(is))...)
	}
	for id := range both(old.cloudKeys, new.cloudKeys) {
		if steady && old.cloudKeys[id] == new.cloudKeys[id] {
			continue
		}
		out = append(out, compareStandings(Shift{Who: id, Cloud: true}, old.cloudStanding(id), new.cloudStanding(id))...)
	}
	slices.SortStableFunc(out, func(a, b Shift) int { return compare(a.Who, b.Who) })
	return out
}

// everybody goes over the members of two policies, with both entries; nil is none.
func everybody(old, new *Policy) iter.Seq2[*memberEntry, *memberEntry] {
	return func(yield func(was, is *memberEntry) bool) {
		for id, was := range old.members.all {
			if !yield(was, new.members.get(id)) {
				return
			}
		}
		for id, is := range new.members.all {
			if old.members.get(id) == nil && !yield(nil, is) {
				return
			}
		}
	}
}

// both goes over the keys of two maps, each once.
func both[K comparable, V any](a, b map[K]V) iter.Seq[K] {
	return func(yield func(K) bool) {
		for k := range a {
			if !yield(k) {
				return
			}
		}
		for k := range b {
			if _, seen := a[k]; !seen && !yield(k) {
				return
			}
		}
	}
}

func (p *Policy) cloudStanding(id string) standing {
	c := p.cloudKeys[id]
	if c == nil {
		return standing{}
	}
	s := p.rolesStanding(slices.DeleteFunc(slices.Clone(c.value.Roles), func(r string) bool { return !c.value.opens(r) }))
	for right, level := range s {
		s[right] = min(level, Read) // it reads, it never signs
	}
	delete(s, Right{Manage: true})
	return s
}

// compareStandings lists the differences in the order of environments, managing,
// auditing.
func compareStandings(who Shift, was, is standing) []Shift {
	rights := union(was, is)
	slices.SortFunc(rights, func(a, b Right) int {
		if a.Environment != b.Environment && a.Environment != "" && b.Environment != "" {
			return compare(a.Environment, b.Environment)
		}
		return a.rank() - b.rank()
	})
	var out []Shift
	for _, right := range rights {
		if was[right] != is[right] {
			s := who
			s.Right, s.From, s.To = right, was[right], is[right]
			out = append(out, s)
		}
	}
	return out
}

func (r Right) rank() int {
	switch {
	case r.Manage:
		return 1
	case r.Audit:
		return 2
	}
	return 0
}

// union lists the keys of both maps, in no order.
func union[K comparable, V any](a, b map[K]V) []K { return slices.Collect(both(a, b)) }
