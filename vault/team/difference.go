package team

import (
	"cmp"
	"slices"

	"github.com/secr/secr/policy"
)

// Difference is what a change of policy means for one member: his level on an
// environment, or what he may do with the vault.
type Difference struct {
	Handle      string
	Environment string       // "" for the vault's own rights
	From, To    policy.Level // on the environment
	Gains       []string     // of "manage" and "audit"
	Loses       []string
}

// Differences lists who gains and who loses what between two policies, by handle
// and environment: what a plan shows before it is done. Reading that follows from
// managing counts.
func Differences(old, new *policy.Policy) []Difference {
	var out []Difference
	environments := map[string]bool{}
	for _, p := range []*policy.Policy{old, new} {
		for _, e := range p.Environments() {
			environments[e.Name] = true
		}
	}
	for _, m := range new.Members() { // members are never removed from a policy
		for name := range environments {
			from, to := levelIn(old, m.ID, name), levelIn(new, m.ID, name)
			if from != to {
				out = append(out, Difference{Handle: m.Handle, Environment: name, From: from, To: to})
			}
		}
		d := Difference{Handle: m.Handle}
		d.note("manage", old.Manages(m.ID), new.Manages(m.ID))
		d.note("audit", old.Audits(m.ID), new.Audits(m.ID))
		if len(d.Gains)+len(d.Loses) > 0 {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(a.Handle, b.Handle), cmp.Compare(a.Environment, b.Environment))
	})
	return out
}

func (d *Difference) note(right string, had, has bool) {
	switch {
	case had && !has:
		d.Loses = append(d.Loses, right)
	case has && !had:
		d.Gains = append(d.Gains, right)
	}
}

func levelIn(p *policy.Policy, memberID, environment string) policy.Level {
	e, ok := p.Environment(environment)
	if !ok {
		return policy.None
	}
	return opens(p, memberID, e)
}

// Managing counts what can still manage a vault: a vault with one device and no
// recovery is one lost laptop away from being closed for good.
type Managing struct {
	Members  int // who manage
	Devices  int // of theirs, without recovery
	Recovery int // recovery devices of theirs
}

// CountManaging counts devices in use of people in use: a token puts nothing right
// by itself. Expiry does not count as an end: it binds honest clients only.
func CountManaging(p *policy.Policy) Managing {
	var out Managing
	for _, m := range p.Members() {
		if !p.Manages(m.ID) || m.Kind != policy.Person {
			continue
		}
		out.Members++
		for _, d := range m.Devices {
			switch {
			case !d.Active():
			case d.Kind == policy.Recovery:
				out.Recovery++
			default:
				out.Devices++
			}
		}
	}
	return out
}

// Safe says whether losing any one device leaves another that manages.
func (m Managing) Safe() bool { return m.Devices+m.Recovery > 1 }
