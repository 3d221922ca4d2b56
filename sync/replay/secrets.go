package replay

import (
	"slices"
	"strings"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/change"
	"github.com/secr/secr/vault/record"
)

// secrets decides on a change of secrets. It is applied, stopped or set aside as a whole:
// its op is one.
func (p *planner) secrets(s Step) Step {
	member, _, _ := p.now.Device(p.in.Device)
	for _, environment := range environments(s.Change.Operations) {
		s.Where = environment
		env, ok := p.now.Environment(environment)
		switch {
		case !ok || !env.Active():
			s.Verdict, s.Reason = Aside, NoEnvironment
			return s
		case p.now.Level(member.ID, environment) < policy.Write:
			s.Verdict, s.Reason = Aside, LostWrite
			return s
		case env.Due:
			s.Verdict, s.Reason = Stop, Due
			return s
		}
		if grown := newReaders(s.Change.Policy, p.now, environment); len(grown) > 0 {
			switch p.in.Decision(Question{Readers: environment, Names: strings.Join(grown, ", ")}) {
			case TheirsWin:
				s.Verdict, s.Reason = Aside, Declined
				return s
			case Undecided:
				s.Verdict, s.Reason, s.Readers = Stop, ReadersGrew, grown
				return s
			}
		}
	}
	s.Where = ""
	for _, o := range s.Change.Operations {
		p.clash(&s, o)
	}
	return s
}

// clash looks whether the others changed the secret since it was changed here. Only the
// first operation here on a secret can tell: the next ones follow it.
func (p *planner) clash(s *Step, o change.Operation) {
	secret := Secret{o.Environment, o.Secret}
	if p.touched[secret] {
		return
	}
	p.touched[secret] = true
	theirs, ok := p.in.Theirs.Secret(o.Environment, o.Secret)
	if !ok || theirs.Version == versionBefore(o) || p.in.Same[secret] {
		return
	}
	clash := Clash{Secret: secret, Ours: o, Theirs: theirs}
	switch p.in.Decision(clash.question()) {
	case Ours:
	case TheirsWin:
		s.Restore = append(s.Restore, secret)
	default:
		s.Verdict = Conflict
		s.Conflicts = append(s.Conflicts, clash)
	}
}

// versionBefore is the version that the operation replaced; 0 is none. A rotation keeps
// versions, so it is nothing that another could conflict with.
func versionBefore(o change.Operation) uint64 { return o.Header.Version - 1 }

func environments(ops []change.Operation) []string {
	var out []string
	for _, o := range ops {
		if o.Environment != "" && !slices.Contains(out, o.Environment) {
			out = append(out, o.Environment)
		}
	}
	return out
}

// newReaders lists who may read an environment under now and could not under shown:
// handles of members, and cloud keys. Another device of the same member is no news.
func newReaders(shown, now *policy.Policy, environment string) []string {
	before := Readers(shown, environment)
	return slices.DeleteFunc(Readers(now, environment), func(name string) bool { return slices.Contains(before, name) })
}

// Readers lists who may open an environment's values, sorted: members by handle, then
// cloud keys by provider and name.
func Readers(p *policy.Policy, environment string) []string {
	var out []string
	for _, m := range p.Members() {
		if m.Active() && (p.Level(m.ID, environment) >= policy.Read || p.Manages(m.ID)) {
			out = append(out, m.Handle)
		}
	}
	for _, c := range p.CloudKeys() {
		if c.Active() && cloudReads(p, c, environment) {
			out = append(out, string(c.Provider)+" "+c.Key)
		}
	}
	return out
}

func cloudReads(p *policy.Policy, c policy.CloudKey, environment string) bool {
	for _, name := range c.Roles {
		r, ok := p.Role(name)
		if ok && r.Active() && (r.Manage || r.Grants[environment] >= policy.Read) {
			return true
		}
	}
	return false
}

// Compare lists the secrets that both sides changed, which the caller compares for
// [Input.Same]. It is what [Make] would call a conflict if all contents differed.
func Compare(theirs Theirs, changes []Change) []Secret {
	var out []Secret
	seen := map[Secret]bool{}
	for _, c := range changes {
		if _, ok := theirs.Done(c.Op); ok {
			continue
		}
		for _, o := range c.Operations {
			secret := Secret{o.Environment, o.Secret}
			if !isRecord(o) || seen[secret] {
				continue
			}
			seen[secret] = true
			if e, ok := theirs.Secret(o.Environment, o.Secret); ok && e.Version != versionBefore(o) {
				out = append(out, secret)
			}
		}
	}
	return out
}

func isRecord(o change.Operation) bool {
	return o.Kind == change.Set || o.Kind == change.Label || o.Kind == change.Delete
}

// Deleted reports whether an operation left a tombstone.
func Deleted(o change.Operation) bool { return o.Header.State == record.Deleted }

var _ Theirs = (*chain.State)(nil)
