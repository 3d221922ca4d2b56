package replay_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/sync/replay"
	"github.com/secr/secr/vault/chain/chaintest"
	"github.com/secr/secr/vault/change"
)

// TestPlansKeepTheirPromises draws histories of both sides and holds every plan, for
// every way to decide, to what the package says of it.
func TestPlansKeepTheirPromises(t *testing.T) {
	for seed := range uint64(25) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			f := newFork(t)
			for range 1 + r.IntN(5) {
				f.locally(randomChange(f, r, f.ben))
			}
			for range r.IntN(6) {
				f.there(randomThere(f, r))
			}
			for _, d := range []replay.Decision{replay.Undecided, replay.Ours, replay.TheirsWin} {
				f.decision = always(d)
				hold(t, f, d)
			}
		})
	}
}

func randomChange(f *fork, r *rand.Rand, by *chaintest.Actor) func() *chaintest.Draft {
	name, value := string(rune('A'+r.IntN(4))), fmt.Sprint(r.IntN(3))
	entry, ok := f.w.State.Secret(policy.Development, f.w.SecretID(policy.Development, name))
	if ok && !entry.Deleted && r.IntN(4) == 0 {
		return func() *chaintest.Draft {
			// The secret may be gone on this side; a delete needs one that is there.
			if e, ok := f.w.State.Secret(policy.Development, f.w.SecretID(policy.Development, name)); !ok || e.Deleted {
				return f.w.Set(by, policy.Development, name, value)
			}
			return f.w.Delete(by, policy.Development, name)
		}
	}
	return f.set(by, name, value)
}

// randomThere is by ana: a write, a rotation, somebody who comes, ben who goes.
func randomThere(f *fork, r *rand.Rand) func() *chaintest.Draft {
	switch r.IntN(8) {
	case 0:
		return func() *chaintest.Draft { return f.w.Rotate(f.w.Ana, policy.Development) }
	case 1:
		return f.edit(func(p *policy.Policy) {
			p.PutMember(f.w.NewActor(fmt.Sprintf("guest-%d-%d", r.IntN(1000), len(p.Members()))).Member(policy.Viewer))
		})
	case 2:
		return f.edit(member("ben", func(m *policy.Member) {
			if r.IntN(2) == 0 {
				m.Roles = []string{policy.Viewer}
			} else {
				m.Roles = []string{policy.Developer}
			}
		}))
	}
	return randomChange(f, r, f.w.Ana)
}

func hold(t *testing.T, f *fork, d replay.Decision) {
	t.Helper()
	p := f.plan()
	if len(p.Steps) != len(f.local) {
		t.Fatalf("%d steps for %d changes", len(p.Steps), len(f.local))
	}
	now, readers := f.theirs.Policy(), replay.Readers(f.theirs.Policy(), policy.Development)
	for i, s := range p.Steps {
		c := f.local[i]
		if s.Change.Op != c.Op {
			t.Errorf("step %d is of another change", i)
		}
		may := now.Level(f.ben.Device.ID, policy.Development) >= policy.Write
		switch s.Verdict {
		case replay.Apply:
			if !may {
				t.Error("a change is applied whose author may not write")
			}
			if d == replay.Undecided && slices.ContainsFunc(readers, func(x string) bool { return !slices.Contains(replay.Readers(c.Policy, policy.Development), x) }) {
				t.Error("a change is applied though its author wasn't shown all readers")
			}
		case replay.Aside:
			if may && d != replay.TheirsWin {
				t.Errorf("a change is set aside (%s) whose author may write", s.Reason)
			}
		case replay.Conflict, replay.Stop:
			if d != replay.Undecided {
				t.Errorf("decided, and still %s: %s", s.Verdict, s.Reason)
			}
		}
		for _, clash := range s.Conflicts {
			if before, _ := f.base.Secret(clash.Secret.Environment, clash.Secret.ID); before.Version == clash.Theirs.Version {
				t.Error("a conflict with a secret that nobody changed")
			}
		}
	}
	if d == replay.Undecided {
		noSilentOverwrite(t, f, p)
	}
}

// noSilentOverwrite holds that without a decision no secret is applied that both changed.
func noSilentOverwrite(t *testing.T, f *fork, p replay.Plan) {
	t.Helper()
	if p.Blocked() {
		return
	}
	for _, s := range p.With(replay.Apply) {
		for _, o := range s.Change.Operations {
			base, _ := f.base.Secret(o.Environment, o.Secret)
			theirs, _ := f.theirs.Secret(o.Environment, o.Secret)
			if base.Version != theirs.Version && o.Kind != change.Policy {
				t.Errorf("%s/%s was changed on both sides and is simply applied", o.Environment, o.Secret)
			}
		}
	}
}
