package team

import (
	"context"
	"slices"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
)

// Source is a change that something follows from.
type Source struct {
	Seq  uint64
	Time int64
	By   string // handle of the author
}

// Reason is one way in which a member comes to a level: he has a role, and the role
// grants it, or manages.
type Reason struct {
	Role    string
	Level   policy.Level // what the role grants; Read if it only manages
	Manages bool         // the level follows from managing
	Member  Source       // the change that gave him the role
	Grant   Source       // the change that gave the role the grant, or let it manage
}

// Access is what a member may do with an environment, and why.
type Access struct {
	Handle, Environment string
	Level               policy.Level
	Reasons             []Reason // the widest first
}

// Can says what a member may do with an environment, by which roles, and which
// changes made it so.
func Can(ctx context.Context, v *vault.Vault, handle, environment string) (Access, error) {
	p := v.Policy()
	m, ok := p.MemberByHandle(handle)
	if !ok {
		return Access{}, about(ErrNoMember, handle)
	}
	e, ok := p.Environment(environment)
	if !ok {
		return Access{}, about(ErrNoEnvironment, environment)
	}
	a := Access{Handle: handle, Environment: environment}
	if !m.Active() || !e.Active() {
		return a, nil
	}
	a.Level = opens(p, m.ID, e)
	l, err := ReadLedger(ctx, v)
	if err != nil {
		return Access{}, err
	}
	for _, name := range m.Roles {
		r, ok := p.Role(name)
		if !ok || !r.Active() {
			continue
		}
		if level := r.Grants[environment]; level != policy.None {
			a.Reasons = append(a.Reasons, Reason{
				Role: name, Level: level, Member: source(v, l.roles[[2]string{m.ID, name}]),
				Grant: source(v, l.grants[[2]string{name, environment + " " + level.String()}]),
			})
		}
		if r.Manage && r.Grants[environment] < policy.Read {
			a.Reasons = append(a.Reasons, Reason{
				Role: name, Level: policy.Read, Manages: true, Member: source(v, l.roles[[2]string{m.ID, name}]),
				Grant: source(v, l.manages[name]),
			})
		}
	}
	slices.SortStableFunc(a.Reasons, func(x, y Reason) int { return int(y.Level) - int(x.Level) })
	return a, nil
}

func source(v *vault.Vault, seq uint64) Source {
	link, ok := v.State().Link(seq)
	if !ok {
		return Source{}
	}
	m, _, _ := v.Policy().Device(link.Device)
	return Source{Seq: seq, Time: link.Time, By: m.Handle}
}

// Who lists whose keys open an environment now, one span for each device and cloud
// key, and whose did once. It needs no key.
func Who(ctx context.Context, v *vault.Vault, environment string) (now, once []Span, err error) {
	if _, ok := v.Policy().Environment(environment); !ok {
		return nil, nil, about(ErrNoEnvironment, environment)
	}
	l, err := ReadLedger(ctx, v)
	if err != nil {
		return nil, nil, err
	}
	for _, s := range l.Spans {
		switch {
		case s.Environment != environment:
		case s.To == 0:
			now = append(now, s)
		default:
			once = append(once, s)
		}
	}
	return now, once, nil
}
