package replica_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/sync/remote/remotetest"
	"github.com/secr/secr/vault"
)

// size reads a number for a long campaign from the environment.
func size(t testing.TB, name string, short int) int {
	t.Helper()
	if text := os.Getenv(name); text != "" {
		return atoi(t, text)
	}
	return short
}

// TestRacingClonesAllArrive: SECR_TEST_CLONES and SECR_TEST_CHANGES make it 8 and 25.
func TestRacingClonesAllArrive(t *testing.T) {
	clones, changes := size(t, "SECR_TEST_CLONES", 3), size(t, "SECR_TEST_CHANGES", 2)
	for _, host := range []*remotetest.Host{remotetest.Folder(t), remotetest.HTTPS(t)} {
		for _, which := range []string{"native", "builtin"} {
			t.Run(host.Name+"/"+which, func(t *testing.T) { race(t, host, which, clones, changes) })
		}
	}
}

func race(t *testing.T, host *remotetest.Host, which string, clones, changes int) {
	l := newLab(t)
	l.dir = host.Create(t, which)
	l.url = parse(t, host.Address(which))
	transport := func() remote.Transport {
		if which == "native" {
			return remote.NewNative(remote.NativeOptions{Git: remotetest.Git(t), Environ: remotetest.Env(t, host.Env...)})
		}
		return remotetest.Builtin(t, host)
	}
	l.transport = transport
	ana := l.found()
	all := []*client{ana}
	for i := 1; i < clones; i++ {
		all = append(all, ana.join(fmt.Sprint("m", i), policy.Developer))
	}
	for _, c := range all {
		c.sync() // so that everybody knows who reads
	}
	l.began = time.Now() // pauses depend on how long things take
	ends := make([]time.Duration, clones)
	start := time.Now()
	var wg sync.WaitGroup
	for i, c := range all {
		wg.Go(func() {
			for k := range changes {
				if err := c.tryChange(fmt.Sprintf("S_%d_%d", i, k), fmt.Sprint(k)); err != nil {
					t.Errorf("clone %d, change %d: %v", i, k, err)
					return
				}
			}
			ends[i] = time.Since(start)
		})
	}
	wg.Wait()
	slices.Sort(ends)
	t.Logf("%d clones x %d changes: median %v, last %v", clones, changes, ends[clones/2], ends[clones-1])
	fresh := l.machineWith(ana.seed).clone()
	if got := len(fresh.values()); got != clones*changes {
		t.Errorf("%d secrets arrived, want %d", got, clones*changes)
	}
	for _, c := range all {
		c.sync()
		if c.v.Head() != fresh.v.Head() {
			t.Error("a clone ended elsewhere")
		}
	}
}

// counting counts how often the remote was looked at.
type counting struct {
	remote.Transport
	looks int
}

func (c *counting) Fetch(ctx context.Context, f remote.Fetch) (remote.Hash, error) {
	c.looks++
	return c.Transport.Fetch(ctx, f)
}

// TestWhoWonGivesWay: who published last looks again before publishing more, while others
// publish too.
func TestWhoWonGivesWay(t *testing.T) {
	l := newLab(t)
	ana := l.found()
	host := &counting{Transport: ana.transport}
	ana.transport = host
	ana.deciding(nil)
	bob := ana.join("bob", policy.Developer)
	change := func(c *client, name string, want int) {
		t.Helper()
		host.looks = 0
		c.set(name, "x")
		if c.sync(); host.looks != want {
			t.Errorf("%s: the remote was looked at %d times, want %d", name, host.looks, want)
		}
	}
	change(ana, "ALONE", 1)
	change(ana, "ALONE_STILL", 1)
	change(bob, "FROM_BOB", 0)
	change(ana, "AFTER_BOB", 1)
	change(ana, "AGAIN", 2)
	l.clock = l.clock.Add(time.Minute)
	change(ana, "MUCH_LATER", 1)
	change(ana, "NOT_IN_A_CROWD", 1)
}

// tryChange sets a secret and shares it.
func (c *client) tryChange(name, value string) error {
	d := c.v.Draft()
	d.Set(policy.Development, name, keys.NewSecret([]byte(value)), vault.Meta{})
	if _, err := d.Commit(c.l.t.Context(), "a change"); err != nil {
		return err
	}
	_, err := c.r.Sync(c.l.t.Context())
	return err
}

func parse(t testing.TB, address string) remote.URL {
	t.Helper()
	u, err := remote.Parse(address, remote.FromUser, "")
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestTwoProcessesOfOneMachineSyncAtOnce: each has the vault open for itself.
func TestTwoProcessesOfOneMachineSyncAtOnce(t *testing.T) {
	l := newLab(t)
	ana := l.found()
	const processes, changes = 3, 4
	var wg sync.WaitGroup
	for i := range processes {
		v, err := vault.Open(t.Context(), ana.options(ana.v.ID()))
		if err != nil {
			t.Fatal(err)
		}
		c := ana.machine.client(v)
		wg.Go(func() {
			for k := range changes {
				if err := c.tryChange(fmt.Sprintf("S_%d_%d", i, k), "x"); err != nil {
					t.Errorf("process %d, change %d: %v", i, k, err)
					return
				}
			}
		})
	}
	wg.Wait()
	ana.sync()
	if got := len(ana.values()); got != processes*changes {
		t.Errorf("%d secrets are there, want %d", got, processes*changes)
	}
	if l.tip() != hexID(ana.v.Head().ID) {
		t.Error("the remote has another head")
	}
}
