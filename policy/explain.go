package policy

import (
	"maps"
	"slices"
)

// Reason is one way in which a member has a level on an environment.
type Reason struct {
	Role  string
	Level Level
	// Through is "" if Role itself has the grant. Otherwise Role manages, and so
	// holds the key of the role named here, which has it: that opens names and values
	// and changes no secret, so Level is at most Read.
	Through string
}

// Explain lists every way in which a member reaches an environment, the strongest
// first: grants before what follows from managing. It is empty if the member has no
// access, or if either is retired or unknown.
func (p *Policy) Explain(memberID, environment string) []Reason {
	m := p.members.get(memberID)
	if m == nil || m.brief.retired || !p.active(KeyRef{EnvironmentKey, environment}) {
		return nil
	}
	var out []Reason
	for _, name := range m.brief.roles {
		r := p.roles[name]
		if r == nil || r.value.Retired {
			continue
		}
		if level := r.value.Grants[environment]; level > None {
			out = append(out, Reason{Role: name, Level: level})
		}
		if r.value.Manage {
			out = append(out, p.throughManaging(name, environment)...)
		}
	}
	slices.SortStableFunc(out, func(a, b Reason) int {
		if a.Level != b.Level {
			return int(b.Level) - int(a.Level)
		}
		return compare(a.Through, b.Through)
	})
	return out
}

func (p *Policy) throughManaging(managing, environment string) []Reason {
	var out []Reason
	for _, name := range slices.Sorted(maps.Keys(p.roles)) {
		r := p.roles[name].value
		if level := r.Grants[environment]; name != managing && r.Active() && level > None {
			out = append(out, Reason{Role: managing, Level: min(level, Read), Through: name})
		}
	}
	return out
}

// Reads says what a member can open of an environment, by grants or by managing:
// None, List or Read. It is Level without the right to change, and with the keys of
// all roles for who manages.
func (p *Policy) Reads(memberID, environment string) Level {
	level := None
	for _, r := range p.Explain(memberID, environment) {
		level = max(level, min(r.Level, Read))
	}
	return level
}

// Who lists the members who can reach an environment, by handle, with their reasons.
func (p *Policy) Who(environment string) []Access {
	var out []Access
	for id, m := range p.members.all {
		if reasons := p.Explain(id, environment); len(reasons) > 0 {
			out = append(out, Access{Member: id, Handle: m.brief.handle, Reasons: reasons})
		}
	}
	slices.SortFunc(out, func(a, b Access) int { return compare(a.Handle, b.Handle) })
	return out
}

// Access is a member and how he reaches an environment.
type Access struct {
	Member, Handle string
	Reasons        []Reason
}
