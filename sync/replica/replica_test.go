package replica_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/sync/remote/remotetest"
	"github.com/secr/secr/sync/replay"
	"github.com/secr/secr/sync/replica"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/chain"
)

func wantValues(t *testing.T, c *client, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, c.values()); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}

func TestWhatOneSetsTheOtherGets(t *testing.T) {
	l := newLab(t)
	ana := l.found()
	ana.set("A", "a1")
	ben := ana.join("ben", policy.Developer)
	wantValues(t, ben, map[string]string{"A": "a1"})
	ben.set("B", "b1")
	if got := ben.sync(); got.Sent != 1 || got.Received != 0 {
		t.Errorf("ben: %+v", got)
	}
	if got := ana.sync(); got.Received != 1 || got.Sent != 0 {
		t.Errorf("ana: %+v", got)
	}
	wantValues(t, ana, map[string]string{"A": "a1", "B": "b1"})
	before := ana.v.Head()
	if got := ana.sync(); got.Received != 0 || got.Sent != 0 || got.Head != before {
		t.Errorf("a sync with nothing to do: %+v", got)
	}
	remotetest.Run(t, l.dir, "fsck", "--strict")
}

func TestBothChangeDifferentSecretsOffline(t *testing.T) {
	l := newLab(t)
	ana := l.found()
	ana.set("A", "a1", "B", "b1")
	ben := ana.join("ben", policy.Developer)
	ana.set("A", "a2")
	ana.set("C", "c1")
	ben.set("B", "b2")
	ben.delete("B")
	ana.sync()
	if got := ben.sync(); got.Received != 2 || got.Sent != 2 {
		t.Errorf("ben: %+v", got)
	}
	ana.sync()
	want := map[string]string{"A": "a2", "C": "c1"}
	wantValues(t, ana, want)
	wantValues(t, ben, want)
	if ana.v.Head() != ben.v.Head() {
		t.Error("the heads differ")
	}
}

func TestAClashIsUndecidedUntilSomebodyDecides(t *testing.T) {
	for name, c := range map[string]struct {
		decide  replay.Decision
		want    string
		history []string
	}{
		"ours":   {replay.Ours, "ben's", []string{"ben's", "ana's", "a1"}},
		"theirs": {replay.TheirsWin, "ana's", []string{"ana's", "ben's", "ana's", "a1"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			ana := l.found()
			ana.set("A", "a1")
			ben := ana.join("ben", policy.Developer)
			ana.set("A", "ana's")
			ana.sync()
			ben.set("A", "ben's")
			ben.set("B", "b1")
			head, tip := ben.v.Head(), l.tip()
			_, err := ben.r.Sync(t.Context())
			var undecided *replica.UndecidedError
			if !errors.As(err, &undecided) || len(undecided.Plan.With(replay.Conflict)) != 1 {
				t.Fatalf("the clash gave %v", err)
			}
			clash := undecided.Plan.With(replay.Conflict)[0].Conflicts[0]
			names, err := ben.v.Beside(undecided.Theirs).Names(t.Context(), clash.Secret.Environment, []string{clash.Secret.ID})
			if err != nil || names[0].Label.Name != "A" || names[0].By != "ana" {
				t.Errorf("the other version is %+v, %v", names, err)
			}
			if ben.v.Head() != head || l.tip() != tip {
				t.Error("something moved before a decision")
			}
			wantValues(t, ben, map[string]string{"A": "ben's", "B": "b1"})
			ben.deciding(func(replay.Question) replay.Decision { return c.decide })
			ben.sync()
			ana.sync()
			wantValues(t, ana, map[string]string{"A": c.want, "B": "b1"})
			versions, err := ana.v.History(t.Context(), policy.Development, "A")
			if err != nil {
				t.Fatal(err)
			}
			if len(versions) != len(c.history) {
				t.Errorf("A has %d versions, want %q", len(versions), c.history)
			}
		})
	}
}

func TestTheSameValueOnBothSidesIsNoClash(t *testing.T) {
	l := newLab(t)
	ana := l.found()
	ana.set("A", "a1")
	ben := ana.join("ben", policy.Developer)
	ana.set("A", "a2")
	ana.sync()
	ben.set("A", "a2")
	ben.sync()
	wantValues(t, ben, map[string]string{"A": "a2"})
	if ben.v.Head() != ana.v.Head() {
		t.Error("a change was made for what was there already")
	}
}

func TestALocalChangeWithoutRightIsSetAsideAndStaysReadable(t *testing.T) {
	l := newLab(t)
	ana := l.found()
	ana.set("A", "a1")
	ben := ana.join("ben", policy.Developer)
	ben.set("A", "a2")
	ana.edit(func(p *policy.Policy) error {
		m, _ := p.MemberByHandle("ben")
		m.Roles = []string{policy.Viewer}
		p.PutMember(m)
		return nil
	})
	ana.sync()
	got := ben.sync()
	if len(got.Aside) != 1 || got.Aside[0].Reason != replay.LostWrite || got.Sent != 0 {
		t.Fatalf("ben: %+v", got)
	}
	wantValues(t, ben, map[string]string{"A": "a1"})
	list, err := replica.ListAside(ben.v)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got.Aside, list); diff != "" {
		t.Errorf("the list (-want +got):\n%s", diff)
	}
	old, err := replica.OpenAside(t.Context(), ben.v, list[0])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"A": "a2"}, ben.valuesOf(old)); diff != "" {
		t.Errorf("what was set aside (-want +got):\n%s", diff)
	}
	if err := replica.DropAside(t.Context(), ben.v, list[0].Op); err != nil {
		t.Fatal(err)
	}
	if list, err = replica.ListAside(ben.v); err != nil || len(list) != 0 {
		t.Errorf("after dropping: %v, %v", list, err)
	}
}

func TestWritesWaitWhenReadersGrew(t *testing.T) {
	l := newLab(t)
	ana := l.found()
	ana.set("A", "a1")
	ben := ana.join("ben", policy.Developer)
	ben.set("A", "for ana and me")
	ana.admit(l.machine(), "cleo", policy.Viewer)
	ana.sync()
	tip := l.tip()
	_, err := ben.r.Sync(t.Context())
	var undecided *replica.UndecidedError
	if !errors.As(err, &undecided) {
		t.Fatalf("the sync gave %v", err)
	}
	stop := undecided.Plan.With(replay.Stop)
	if len(stop) != 1 || stop[0].Reason != replay.ReadersGrew || !cmp.Equal(stop[0].Readers, []string{"cleo"}) {
		t.Errorf("stops: %+v", stop)
	}
	if l.tip() != tip {
		t.Error("the value was published")
	}
	shown := undecided.Plan.Steps[0].Questions()
	if !cmp.Equal(shown, []replay.Question{{Readers: policy.Development, Names: "cleo"}}) {
		t.Errorf("questions: %+v", shown)
	}
	// Somebody else comes before the answer: it is another question.
	ana.admit(l.machine(), "dan", policy.Viewer)
	ana.sync()
	ben.deciding(func(q replay.Question) replay.Decision {
		if q == shown[0] {
			return replay.Ours
		}
		return replay.Undecided
	})
	if _, err := ben.r.Sync(t.Context()); !errors.As(err, &undecided) || undecided.Plan.Steps[0].Questions()[0].Names != "cleo, dan" {
		t.Errorf("an answer about cleo let dan in: %v", err)
	}
	ben.deciding(func(q replay.Question) replay.Decision {
		if q.Readers == policy.Development && q.Names == "cleo, dan" {
			return replay.Ours
		}
		return replay.Undecided
	}).sync()
	ana.sync()
	wantValues(t, ana, map[string]string{"A": "for ana and me"})
}

func TestLocalPolicyIsMadeAgainOnNewSecrets(t *testing.T) {
	l := newLab(t)
	ana := l.found()
	ana.set("A", "a1")
	ben := ana.join("ben", policy.Developer)
	cleo := l.machine()
	ana.admit(cleo, "cleo", policy.Viewer)
	d := ana.v.Draft()
	d.Rotate(policy.KeyRef{Kind: policy.EnvironmentKey, Name: policy.Development})
	ana.commit(d)
	ben.set("A", "a2")
	ben.sync()
	if got := ana.sync(); got.Sent != 2 {
		t.Errorf("ana: %+v", got)
	}
	wantValues(t, cleo.clone(), map[string]string{"A": "a2"})
	ben.sync()
	wantValues(t, ben, map[string]string{"A": "a2"})
}

func TestPolicyOnAChangedPolicyStops(t *testing.T) {
	l := newLab(t)
	ana := l.found()
	bea := ana.join("bea", policy.Admin)
	ana.admit(l.machine(), "cleo", policy.Viewer)
	bea.admit(l.machine(), "dan", policy.Viewer)
	bea.sync()
	_, err := ana.r.Sync(t.Context())
	var undecided *replica.UndecidedError
	if !errors.As(err, &undecided) || undecided.Plan.With(replay.Stop)[0].Reason != replay.PolicyChanged {
		t.Fatalf("the sync gave %v", err)
	}
	ana.deciding(func(replay.Question) replay.Decision { return replay.Ours }).sync()
	bea.sync()
	for _, handle := range []string{"cleo", "dan"} {
		if m, ok := bea.v.Policy().MemberByHandle(handle); !ok || !m.Active() {
			t.Errorf("%s is no member", handle)
		}
	}
}

func TestPullPublishesNothing(t *testing.T) {
	l := newLab(t)
	ana := l.found()
	ben := ana.join("ben", policy.Developer)
	ana.set("A", "a1")
	ana.sync()
	ben.set("B", "b1")
	tip := l.tip()
	got, err := ben.r.Pull(t.Context())
	if err != nil || got.Received != 1 || got.Sent != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	wantValues(t, ben, map[string]string{"A": "a1", "B": "b1"})
	if l.tip() != tip {
		t.Error("the branch moved")
	}
	status, err := ben.r.Status()
	if err != nil || status.Ahead != 1 || status.Behind != 0 || status.Fetched != l.clock.Unix() {
		t.Errorf("status %+v, %v", status, err)
	}
	ben.sync()
	if status, err = ben.r.Status(); err != nil || status.Ahead != 0 || status.Behind != 0 {
		t.Errorf("status %+v, %v", status, err)
	}
	if _, err := l.machine().tryClone(replica.CloneOptions{Branch: "refs/heads/none"}); remote.KindOf(err) != remote.NoBranch {
		t.Errorf("a branch that isn't there: %v", err)
	}
}

func TestFetchMovesTheHeadOnlyWhereNothingWaits(t *testing.T) {
	l := newLab(t)
	ana := l.found()
	ben := ana.join("ben", policy.Developer)
	ana.set("A", "a1")
	ana.sync()
	if got, err := ben.r.Fetch(t.Context()); err != nil || got.Received != 1 || ben.v.Head() != ana.v.Head() {
		t.Errorf("behind: %+v, %v", got, err)
	}
	ben.set("B", "b1")
	ana.set("A", "a2")
	ana.sync()
	head := ben.v.Head()
	if got, err := ben.r.Fetch(t.Context()); err != nil || got.Sent != 0 || ben.v.Head() != head {
		t.Errorf("both moved: %+v, %v", got, err)
	}
	if status, err := ben.r.Status(); err != nil || status.Ahead != 1 || status.Behind != 1 {
		t.Errorf("status %+v, %v", status, err)
	}
}

func TestCloneTakesOnlyWhatItWasTold(t *testing.T) {
	l := newLab(t)
	ana := l.found()
	ana.set("A", "a1")
	ana.sync()
	h := ana.v.Head()
	other := newLab(t).found().v.ID()
	wrong := h.Point()
	wrong.Sum[0] ^= 1
	for name, c := range map[string]struct {
		o    replica.CloneOptions
		want replica.BadKind
	}{
		"nothing told": {replica.CloneOptions{}, 0},
		"id":           {replica.CloneOptions{Vault: vault.Options{ID: ana.v.ID()}}, 0},
		"floor":        {replica.CloneOptions{Floor: h.Point()}, 0},
		"older floor":  {replica.CloneOptions{Floor: chain.Point{Seq: 1, Sum: linkSum(ana, 1)}}, 0},
		"another id":   {replica.CloneOptions{Vault: vault.Options{ID: other}}, replica.OtherVault},
		"later floor":  {replica.CloneOptions{Floor: chain.Point{Seq: h.Seq + 1, Sum: h.Sum}}, replica.Rewound},
		"other floor":  {replica.CloneOptions{Floor: wrong}, replica.Forked},
	} {
		t.Run(name, func(t *testing.T) {
			m := l.machine()
			v, err := m.tryClone(c.o)
			if badKind(err) != c.want {
				t.Errorf("clone gave %v", err)
			}
			if err == nil {
				v.Close()
			}
		})
	}
}

func linkSum(c *client, seq uint64) [32]byte {
	link, _ := c.v.State().Link(seq)
	return link.Sum
}

func TestManyChangesAreOnePushOfOnePack(t *testing.T) {
	l := newLab(t)
	ana := l.found()
	ben := ana.join("ben", policy.Developer)
	ana.set("OTHER", "x")
	ana.sync()
	for i := range 40 {
		ben.set("A", strings.Repeat("a", i+1))
	}
	before := packs(t, ben)
	if got := ben.sync(); got.Sent != 40 {
		t.Errorf("ben: %+v", got)
	}
	if n := packs(t, ben) - before; n > 2 {
		t.Errorf("the replay left %d packs, want one fetched and one made", n)
	}
	ana.sync()
	versions, err := ana.v.History(t.Context(), policy.Development, "A")
	if err != nil || len(versions) != 40 {
		t.Errorf("%d versions arrived: %v", len(versions), err)
	}
}

func packs(t *testing.T, c *client) int {
	t.Helper()
	out := remotetest.Run(t, c.v.Repo().Dir(), "count-objects", "-v")
	for line := range strings.Lines(out) {
		if n, ok := strings.CutPrefix(line, "packs: "); ok {
			return atoi(t, strings.TrimSpace(n))
		}
	}
	return 0
}

func TestTwoRemotesTellOneStory(t *testing.T) {
	l := newLab(t)
	ana := l.found()
	ana.set("A", "a1")
	ana.sync()
	mirror := remotetest.Folder(t)
	mirrorDir := mirror.Create(t, "mirror")
	u, err := remote.Parse(mirror.Address("mirror"), remote.FromUser, "")
	if err != nil {
		t.Fatal(err)
	}
	second := replica.New(replica.Options{Vault: ana.v, Transport: ana.transport, URL: u, Clock: ana.options("").Clock})
	if _, err := second.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	ana.set("A", "a2")
	ana.sync()
	// The mirror lags behind, which is no crime.
	if _, err := second.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	// A remote that was never seen and holds another history of this vault is.
	fork := forkOf(t, l, ana)
	remotetest.Run(t, mirrorDir, "fetch", "--quiet", fork, "+"+replica.Branch+":refs/heads/forked")
	remotetest.Run(t, mirrorDir, "update-ref", replica.Branch, "refs/heads/forked")
	third := replica.New(replica.Options{Vault: ana.v, Transport: ana.transport, URL: u, Clock: ana.options("").Clock})
	if _, err := third.Sync(t.Context()); badKind(err) != replica.Forked {
		t.Errorf("a second history gave %v", err)
	}
}

// forkOf makes a folder with a second, valid history of ana's vault: one that her own
// device signed somewhere else.
func forkOf(t *testing.T, l *lab, ana *client) string {
	t.Helper()
	twin := l.machine()
	twin.seed = ana.seed
	dir := remotetest.Init(t, t.TempDir()+"/fork.git")
	at, _ := ana.v.State().Link(1)
	remotetest.Run(t, dir, "fetch", "--quiet", ana.v.Repo().Dir(), "+"+hexID(at.ID)+":"+replica.Branch)
	old := l.url
	defer func() { l.url = old }()
	var err error
	if l.url, err = remote.Parse(dir, remote.FromUser, ""); err != nil {
		t.Fatal(err)
	}
	c := twin.clone()
	d := c.v.Draft()
	d.Set(policy.Development, "A", keys.NewSecret([]byte("forked")), vault.Meta{})
	c.commit(d)
	c.sync()
	return dir
}

// TestWhoOnlyReadsHasFewPacks: each fetch brings one.
func TestWhoOnlyReadsHasFewPacks(t *testing.T) {
	l := newLab(t)
	ana := l.found()
	ben := ana.join("ben", policy.Developer)
	for i := range 30 {
		ana.set("A", fmt.Sprint(i))
		ana.sync()
		ben.sync()
	}
	packs, err := filepath.Glob(filepath.Join(ben.v.Repo().Dir(), "objects", "pack", "*.pack"))
	if err != nil || len(packs) > 25 {
		t.Errorf("%d packs, %v", len(packs), err)
	}
	wantValues(t, ben, map[string]string{"A": "29"})
}
