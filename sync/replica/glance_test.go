package replica_test

import (
	"errors"
	"testing"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/sync/remote/remotetest"
	"github.com/secr/secr/sync/replica"
	"github.com/secr/secr/vault/repo"
)

// glances is c with a transport that saw the branch at tip.
func (c *client) glances(tip repo.Hash) *remotetest.Glancing {
	g := &remotetest.Glancing{Transport: remote.NewBuiltin(remote.BuiltinOptions{}), Tip: tip}
	c.transport = g
	c.deciding(nil)
	return g
}

// TestAnOldGlanceLosesNothing: what was seen long ago, or never was, is put right by the
// next look, and moves no pin back.
func TestAnOldGlanceLosesNothing(t *testing.T) {
	l := newLab(t)
	ana := l.found()
	founding := ana.v.Head().ID
	ben := ana.join("ben", policy.Developer)
	stale := ben.v.Head().ID

	if g := ben.glances(stale); ben.sync().Attempts != 1 || g.Fetches != 0 {
		t.Errorf("a sync with nothing to do fetched %d times", g.Fetches)
	}
	ana.set("A", "a1")
	ana.sync()
	ben.set("B", "b1")
	if g := ben.glances(stale); ben.sync().Attempts != 2 || g.Fetches != 1 {
		t.Errorf("a branch that moved since was fetched %d times", g.Fetches)
	}
	pin, err := ben.r.Status()
	if err != nil {
		t.Fatal(err)
	}
	for name, tip := range map[string]repo.Hash{"before the pin": stale, "the founding change": founding, "unknown": {1}} {
		g := ben.glances(tip)
		if result := ben.sync(); g.Fetches != 1 || result.Received+result.Sent != 0 {
			t.Errorf("%s: fetched %d times, %+v", name, g.Fetches, result)
		}
		if got, err := ben.r.Status(); err != nil || got.Pin != pin.Pin {
			t.Errorf("%s: the pin is %+v, %v", name, got.Pin, err)
		}
	}
	ana.sync()
	wantValues(t, ana, map[string]string{"A": "a1", "B": "b1"})
	wantValues(t, ben, map[string]string{"A": "a1", "B": "b1"})
}

// TestAGlanceAtNothingIsAFindingForWhoHasSeenTheBranch, and the start of one for who hasn't.
func TestAGlanceAtNothingIsAFindingForWhoHasSeenTheBranch(t *testing.T) {
	l := newLab(t)
	ana := l.found()
	ana.glances(repo.Hash{})
	_, err := ana.r.Sync(t.Context())
	var bad *replica.BadHeadError
	if !errors.As(err, &bad) || bad.Kind != replica.Gone || remote.KindOf(err) != remote.NoBranch {
		t.Errorf("got %v", err)
	}
	ana.glances(repo.Hash{})
	if _, err := ana.r.Pull(t.Context()); !errors.As(err, &bad) || bad.Kind != replica.Gone {
		t.Errorf("pull: got %v", err)
	}
	if got := ana.sync(); got.Created || got.Sent != 0 {
		t.Errorf("who looks again finds it: %+v", got)
	}
}
