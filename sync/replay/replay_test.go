package replay_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/sync/replay"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/chain/chaintest"
	"github.com/secr/secr/vault/change"
)

// fork is a vault with ana and ben, and what each side did since.
type fork struct {
	t        *testing.T
	w        *chaintest.World
	ben      *chaintest.Actor
	base     *chain.State
	local    []replay.Change
	here     *chain.State
	theirs   *chain.State
	decision func(replay.Question) replay.Decision
	same     map[replay.Secret]bool
	device   string
	now      int64
}

// newFork has A and B in development, and lets ben do the local changes.
func newFork(t *testing.T) *fork {
	t.Helper()
	w := chaintest.New(t)
	f := &fork{t: t, w: w, ben: w.Admit("ben", policy.Developer)}
	w.Commit(w.Set(w.Ana, policy.Development, "A", "a1"))
	w.Commit(w.Set(w.Ana, policy.Development, "B", "b1"))
	f.base, f.here, f.theirs, f.device, f.now = w.State, w.State, w.State, f.ben.Device.ID, chaintest.Start
	return f
}

// locally commits to the local side.
func (f *fork) locally(make func() *chaintest.Draft) {
	f.t.Helper()
	f.w.State = f.here
	d := make()
	s := f.w.Seal(d)
	next, err := chaintest.Apply(d.Parent, s)
	if err != nil {
		f.t.Fatal(err)
	}
	ops, err := change.Operations(d.Parent, s.Touched)
	if err != nil {
		f.t.Fatal(err)
	}
	c, err := change.Parse(s.Raw)
	if err != nil {
		f.t.Fatal(err)
	}
	f.local = append(f.local, replay.Change{
		Op: c.Op, ID: s.ID, Seq: c.Seq, Device: c.Author.Device, Subject: c.Subject, Operations: ops, Policy: d.Parent.Policy(),
	})
	f.here = next
}

// there commits to the remote's side.
func (f *fork) there(make func() *chaintest.Draft) {
	f.t.Helper()
	f.w.State = f.theirs
	f.w.Commit(make())
	f.theirs = f.w.State
}

func (f *fork) secret(environment, name string) replay.Secret {
	return replay.Secret{Environment: environment, ID: f.w.SecretID(environment, name)}
}

func (f *fork) plan() replay.Plan {
	return replay.Make(replay.Input{
		Base: f.base.Policy(), Theirs: f.theirs, Changes: f.local, Device: f.device, Now: f.now, Same: f.same, Decision: f.decision,
	})
}

// verdicts are the plan in short.
func verdicts(p replay.Plan) []string {
	var out []string
	for _, s := range p.Steps {
		text := s.Verdict.String()
		if s.Reason != replay.NoReason {
			text += ": " + string(s.Reason)
		}
		if len(s.Restore) > 0 {
			text += ", then restore"
		}
		out = append(out, text)
	}
	return out
}

func (f *fork) set(by *chaintest.Actor, name, value string) func() *chaintest.Draft {
	return func() *chaintest.Draft { return f.w.Set(by, policy.Development, name, value) }
}

func (f *fork) edit(edit func(*policy.Policy)) func() *chaintest.Draft {
	return func() *chaintest.Draft { return f.w.Edit(f.w.Ana, edit) }
}

// member changes a member of a draft.
func member(handle string, change func(*policy.Member)) func(*policy.Policy) {
	return func(p *policy.Policy) {
		m, _ := p.MemberByHandle(handle)
		change(&m)
		p.PutMember(m)
	}
}

func always(d replay.Decision) func(replay.Question) replay.Decision {
	return func(replay.Question) replay.Decision { return d }
}

func TestPlanForSecrets(t *testing.T) {
	delete := func(f *fork, by *chaintest.Actor, name string) func() *chaintest.Draft {
		return func() *chaintest.Draft { return f.w.Delete(by, policy.Development, name) }
	}
	for name, c := range map[string]struct {
		do   func(f *fork)
		want []string
	}{
		"nothing happened there": {func(f *fork) { f.locally(f.set(f.ben, "A", "a2")) }, []string{"apply"}},
		"different secrets":      {func(f *fork) { f.locally(f.set(f.ben, "A", "a2")); f.there(f.set(f.w.Ana, "B", "b2")) }, []string{"apply"}},
		"the same secret":        {func(f *fork) { f.locally(f.set(f.ben, "A", "a2")); f.there(f.set(f.w.Ana, "A", "a3")) }, []string{"conflict"}},
		"the same secret twice here": {func(f *fork) {
			f.locally(f.set(f.ben, "A", "a2"))
			f.locally(f.set(f.ben, "A", "a3"))
			f.there(f.set(f.w.Ana, "A", "a4"))
		}, []string{"conflict", "apply"}},
		"a new secret on both sides": {func(f *fork) { f.locally(f.set(f.ben, "C", "c1")); f.there(f.set(f.w.Ana, "C", "c2")) }, []string{"conflict"}},
		"the same value on both sides": {func(f *fork) {
			f.locally(f.set(f.ben, "A", "a2"))
			f.there(f.set(f.w.Ana, "A", "a2"))
			f.same = map[replay.Secret]bool{f.secret(policy.Development, "A"): true}
		}, []string{"apply"}},
		"deleted here, set there": {func(f *fork) { f.locally(delete(f, f.ben, "A")); f.there(f.set(f.w.Ana, "A", "a2")) }, []string{"conflict"}},
		"set here, deleted there": {func(f *fork) { f.locally(f.set(f.ben, "A", "a2")); f.there(delete(f, f.w.Ana, "A")) }, []string{"conflict"}},
		"deleted on both sides": {func(f *fork) {
			f.locally(delete(f, f.ben, "A"))
			f.there(delete(f, f.w.Ana, "A"))
			f.same = map[replay.Secret]bool{f.secret(policy.Development, "A"): true}
		}, []string{"apply"}},
		"relabelled there": {func(f *fork) {
			f.locally(f.set(f.ben, "A", "a2"))
			f.there(func() *chaintest.Draft { return f.w.Relabel(f.w.Ana, policy.Development, "A", "note") })
		}, []string{"conflict"}},
		"only rotated there": {func(f *fork) {
			f.locally(f.set(f.ben, "A", "a2"))
			f.there(func() *chaintest.Draft { return f.w.Rotate(f.w.Ana, policy.Development) })
		}, []string{"apply"}},
		"ours wins": {func(f *fork) {
			f.locally(f.set(f.ben, "A", "a2"))
			f.there(f.set(f.w.Ana, "A", "a3"))
			f.decision = always(replay.Ours)
		}, []string{"apply"}},
		"theirs wins": {func(f *fork) {
			f.locally(f.set(f.ben, "A", "a2"))
			f.locally(f.set(f.ben, "B", "b2"))
			f.there(f.set(f.w.Ana, "A", "a3"))
			f.decision = always(replay.TheirsWin)
		}, []string{"apply, then restore", "apply"}},
		"signed by another device": {func(f *fork) { f.locally(f.set(f.w.Ana, "A", "a2")) }, []string{"aside: " + string(replay.OtherDevice)}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFork(t)
			c.do(f)
			p := f.plan()
			if diff := cmp.Diff(c.want, verdicts(p)); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPlanWhenThePolicyMoved(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(f *fork)
		want []string
	}{
		"the author was removed": {func(f *fork) {
			f.locally(f.set(f.ben, "A", "a2"))
			f.there(func() *chaintest.Draft { return f.w.Remove(f.w.Ana, f.ben) })
		}, []string{"aside: " + string(replay.Removed)}},
		"the author may only read": {func(f *fork) {
			f.locally(f.set(f.ben, "A", "a2"))
			f.there(f.edit(member("ben", func(m *policy.Member) { m.Roles = []string{policy.Viewer} })))
		}, []string{"aside: " + string(replay.LostWrite)}},
		"the author's time is over": {func(f *fork) {
			f.locally(f.set(f.ben, "A", "a2"))
			f.there(f.edit(member("ben", func(m *policy.Member) { m.Expires = chaintest.Start + 5 })))
			f.now = chaintest.Start + 1000
		}, []string{"aside: " + string(replay.Expired)}},
		"the environment was retired": {func(f *fork) {
			f.locally(f.set(f.ben, "A", "a2"))
			f.there(f.edit(func(p *policy.Policy) {
				e, _ := p.Environment(policy.Development)
				e.Retired = true
				p.PutEnvironment(e)
			}))
		}, []string{"aside: " + string(replay.NoEnvironment)}},
		"others read it now": {func(f *fork) {
			f.locally(f.set(f.ben, "A", "a2"))
			f.there(f.edit(func(p *policy.Policy) { p.PutMember(f.w.NewActor("cleo").Member(policy.Viewer)) }))
		}, []string{"stop: " + string(replay.ReadersGrew)}},
		"others read it now, and may": {func(f *fork) {
			f.locally(f.set(f.ben, "A", "a2"))
			f.there(f.edit(func(p *policy.Policy) { p.PutMember(f.w.NewActor("cleo").Member(policy.Viewer)) }))
			f.decision = always(replay.Ours)
		}, []string{"apply"}},
		"others read it now, and may not": {func(f *fork) {
			f.locally(f.set(f.ben, "A", "a2"))
			f.there(f.edit(func(p *policy.Policy) { p.PutMember(f.w.NewActor("cleo").Member(policy.Viewer)) }))
			f.decision = always(replay.TheirsWin)
		}, []string{"aside: " + string(replay.Declined)}},
		"others read another environment": {func(f *fork) {
			f.locally(f.set(f.ben, "A", "a2"))
			f.there(f.edit(func(p *policy.Policy) {
				p.PutRole(policy.Role{Name: "ops", Earlier: []string{}, Grants: map[string]policy.Level{policy.Production: policy.Read}})
				p.PutMember(f.w.NewActor("cleo").Member("ops"))
			}))
		}, []string{"apply"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFork(t)
			c.do(f)
			if diff := cmp.Diff(c.want, verdicts(f.plan())); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPlanForPolicy(t *testing.T) {
	addCleo := func(f *fork) func() *chaintest.Draft {
		return f.edit(func(p *policy.Policy) { p.PutMember(f.w.NewActor("cleo").Member(policy.Viewer)) })
	}
	email := func(f *fork, text string) func() *chaintest.Draft {
		return f.edit(member("ben", func(m *policy.Member) { m.Email = text }))
	}
	for name, c := range map[string]struct {
		do   func(f *fork)
		want []string
	}{
		"unchanged underneath": {func(f *fork) { f.locally(addCleo(f)); f.there(f.set(f.ben, "A", "a2")) }, []string{"apply"}},
		"a write for a reader added here": {func(f *fork) {
			f.locally(addCleo(f))
			f.locally(f.set(f.w.Ana, "A", "a2"))
		}, []string{"apply", "apply"}},
		"changed underneath": {func(f *fork) { f.locally(addCleo(f)); f.there(email(f, "b@example.com")) }, []string{"stop: " + string(replay.PolicyChanged)}},
		"changed underneath, do it": {func(f *fork) {
			f.locally(addCleo(f))
			f.there(email(f, "b@example.com"))
			f.decision = always(replay.Ours)
		}, []string{"apply"}},
		"changed underneath, let it be": {func(f *fork) {
			f.locally(addCleo(f))
			f.there(email(f, "b@example.com"))
			f.decision = always(replay.TheirsWin)
		}, []string{"aside: " + string(replay.Declined)}},
		"a rotation": {func(f *fork) {
			f.locally(func() *chaintest.Draft { return f.w.Rotate(f.w.Ana, policy.Production) })
			f.there(f.set(f.ben, "A", "a2"))
		}, []string{"apply"}},
		"the role came there too": {func(f *fork) {
			ops := f.edit(func(p *policy.Policy) {
				p.PutRole(policy.Role{Name: "ops", Earlier: []string{}, Grants: map[string]policy.Level{}})
			})
			f.locally(ops)
			f.there(ops)
			f.decision = always(replay.Ours)
		}, []string{"aside: " + string(replay.Impossible)}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFork(t)
			f.device = f.w.Ana.Device.ID
			c.do(f)
			if diff := cmp.Diff(c.want, verdicts(f.plan())); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnOpInTheirChainIsDone(t *testing.T) {
	f := newFork(t)
	f.locally(f.set(f.ben, "A", "a2"))
	op := f.local[0].Op
	f.there(f.set(f.w.Ana, "B", "b2"))
	f.there(func() *chaintest.Draft {
		d := f.w.Set(f.ben, policy.Development, "A", "a2")
		d.Op = op
		return d
	})
	f.there(f.set(f.w.Ana, "A", "a3"))
	f.locally(f.set(f.ben, "B", "b3"))
	if diff := cmp.Diff([]string{"done", "conflict"}, verdicts(f.plan())); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]replay.Secret{f.secret(policy.Development, "B")}, replay.Compare(f.theirs, f.local)); diff != "" {
		t.Errorf("to compare (-want +got):\n%s", diff)
	}
}

// TestEditDoesToAnotherPolicyOnlyWhatItDid makes two edits of one member on two sides and
// wants both in the end.
func TestEditDoesToAnotherPolicyOnlyWhatItDid(t *testing.T) {
	f := newFork(t)
	f.locally(f.edit(member("ben", func(m *policy.Member) {
		m.Name = "Ben Here"
		m.Roles = []string{policy.Developer, policy.Viewer}
	})))
	f.there(f.edit(member("ben", func(m *policy.Member) { m.Email = "ben@example.com" })))
	draft := f.theirs.Policy().Clone()
	if err := replay.Edit(f.local[0].Operations)(draft); err != nil {
		t.Fatal(err)
	}
	got, err := draft.Check()
	if err != nil {
		t.Fatal(err)
	}
	m, _ := got.MemberByHandle("ben")
	if m.Name != "Ben Here" || m.Email != "ben@example.com" || !m.Has(policy.Viewer) || !m.Has(policy.Developer) {
		t.Errorf("the member became %+v", m)
	}
	if diff := cmp.Diff(f.theirs.Policy().Audit(), got.Audit()); diff != "" {
		t.Errorf("a key changed:\n%s", diff)
	}
}
