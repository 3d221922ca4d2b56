package replica_test

import (
	"context"
	"errors"
	"fmt"

	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/sync/replay"
	"github.com/secr/secr/sync/replica"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/change"
	"github.com/secr/secr/vault/local"
	"github.com/secr/secr/vault/repo"
)

// sim is several clients and a host that follows a script drawn from a seed. It lies,
// fails and forgets; the clients write, sync, come, go, die and repair.
type sim struct {
	*lab
	r       *rand.Rand
	ana     *client
	clients []*player
	n       int

	shared map[change.Op]string   // ops whose push was acknowledged, and what they are
	shown  map[change.Op][]string // readers that the author of a write was shown
	pins   map[string]local.Pin   // by client, to see that none moves back
}

// player is a client of the simulation.
type player struct {
	*client
	name  string
	trick *trickster
}

// trickster is the host as one client sees it.
type trickster struct {
	remote.Transport
	s    *sim
	lied bool
}

var errTrick = errors.New("the host failed")

func (k *trickster) Fetch(ctx context.Context, f remote.Fetch) (remote.Hash, error) {
	undo := func() {}
	switch k.s.r.IntN(14) {
	case 0: // an older head
		undo = k.s.show(k.s.older())
		k.lied = true
	case 1: // nothing there
		undo = k.s.show(repo.Hash{})
		k.lied = true
	case 2:
		return remote.Hash{}, errTrick
	case 3: // something that isn't a change
		undo = k.s.show(k.s.garbage())
		k.lied = true
	}
	defer undo()
	tip, err := k.Transport.Fetch(ctx, f)
	if err == nil && k.s.r.IntN(20) == 0 {
		return remote.Hash{}, errTrick // the pack came, and then the line broke
	}
	return tip, err
}

func (k *trickster) Push(ctx context.Context, p remote.Push) error {
	switch k.s.r.IntN(12) {
	case 0:
		return errTrick
	case 1: // takes it and says no
		if err := k.Transport.Push(ctx, p); err != nil {
			return err
		}
		return errTrick
	}
	return k.Transport.Push(ctx, p)
}

// show makes the branch something else for a while.
func (s *sim) show(id repo.Hash) (undo func()) {
	path := filepath.Join(s.dir, filepath.FromSlash(replica.Branch))
	was, err := os.ReadFile(path)
	if err != nil {
		return func() {}
	}
	if id.IsZero() {
		os.Remove(path)
	} else {
		os.WriteFile(path, []byte(id.String()+"\n"), 0o600)
	}
	return func() { os.WriteFile(path, was, 0o600) }
}

// older is a change before the branch's head.
func (s *sim) older() repo.Hash {
	all := strings.Fields(s.git("rev-list", replica.Branch))
	return id(all[s.r.IntN(len(all))])
}

func (s *sim) garbage() repo.Hash {
	tree := s.git("rev-parse", replica.Branch+"^{tree}")
	return id(s.git("-c", "user.name=x", "-c", "user.email=x@example.com", "commit-tree", "-p", s.tip(), "-m", fmt.Sprint("noise ", s.r.Uint64()), tree))
}

func (s *sim) player(name string, c *client) *player {
	p := &player{client: c, name: name}
	p.trick = &trickster{Transport: remote.NewBuiltin(remote.BuiltinOptions{}), s: s}
	c.transport = p.trick
	c.deciding(s.decide)
	s.clients = append(s.clients, p)
	return p
}

// decide lets readers and policy pass, and takes sides in a clash by lot.
func (s *sim) decide(q replay.Question) replay.Decision {
	if q.Secret == (replay.Secret{}) {
		return replay.Ours
	}
	return []replay.Decision{replay.Ours, replay.TheirsWin}[s.r.IntN(2)]
}

func (s *sim) write(p *player) {
	s.t.Helper()
	before := p.v.Head().Seq
	d := p.v.Draft()
	name := fmt.Sprintf("S%d", s.r.IntN(6))
	d.Set(policy.Development, name, keys.NewSecret(fmt.Append(nil, s.n, s.r.Uint64())), vault.Meta{})
	s.n++
	if _, err := d.Commit(s.t.Context(), "a change"); err != nil {
		s.t.Fatalf("%s writes: %v", p.name, err)
	}
	for _, op := range s.opsSince(p, before) {
		s.shown[op] = replay.Readers(p.v.Policy(), policy.Development)
	}
}

func (s *sim) opsSince(p *player, seq uint64) []change.Op {
	var out []change.Op
	err := p.v.Changes(s.t.Context(), func(c change.Change, _ repo.Hash) bool {
		if c.Seq > seq {
			out = append(out, c.Op)
		}
		return c.Seq > seq
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// syncOnce syncs, and repairs what somebody spoiled: for real, or only in the host's story.
func (s *sim) syncOnce(p *player) {
	s.t.Helper()
	p.trick.lied = false
	result, err := p.r.Sync(s.t.Context())
	s.t.Logf("%s syncs: %+v, %v", p.name, result, err)
	var bad *replica.BadHeadError
	switch {
	case err == nil:
		s.acknowledged(p)
	case errors.As(err, &bad):
		if !p.trick.lied {
			s.t.Fatalf("%s was told an honest head is bad: %v", p.name, err)
		}
		if s.r.IntN(3) == 0 {
			repaired, err := p.r.Repair(s.t.Context(), replica.KeepNothing) // may meet the next lie
			s.t.Logf("%s repairs: %+v, %v", p.name, repaired, err)
		}
	case errors.Is(err, errTrick):
	default:
		s.t.Fatalf("%s: %v", p.name, err)
	}
	s.pinsHold(p)
}

// acknowledged notes what the remote has now according to a successful sync.
func (s *sim) acknowledged(p *player) {
	s.t.Helper()
	for _, op := range s.opsSince(p, 0) {
		s.shared[op] = p.name
	}
}

// pinsHold holds that a pin never moves back.
func (s *sim) pinsHold(p *player) {
	s.t.Helper()
	pin, err := p.v.Local().Pin(s.url.String())
	if err != nil {
		return
	}
	if was := s.pins[p.name]; pin.Head.Seq < was.Head.Seq || pin.Head.Seq == was.Head.Seq && pin.Head != was.Head {
		s.t.Fatalf("%s: the pin moved from %d to %d", p.name, was.Head.Seq, pin.Head.Seq)
	}
	s.pins[p.name] = pin
}

func (s *sim) step() {
	s.t.Helper()
	p := s.clients[s.r.IntN(len(s.clients))]
	switch s.r.IntN(10) {
	case 0, 1, 2, 3:
		s.write(p)
	case 4, 5, 6:
		s.syncOnce(p)
	case 7: // dies and starts again
		p.v.Close()
		v, err := vault.Open(s.t.Context(), p.options(p.v.ID()))
		if err != nil {
			s.t.Fatalf("%s starts again: %v", p.name, err)
		}
		p.v = v
		p.deciding(s.decide)
	case 8: // somebody new, who stays or goes at once
		if len(s.clients) < 5 {
			s.join()
		} else {
			s.ephemeral()
		}
	case 9:
		s.syncOnce(s.clients[0])
	}
}

func (s *sim) join() {
	s.t.Helper()
	name := fmt.Sprintf("m%d", len(s.clients))
	m := s.machine()
	s.ana.admit(m, name, policy.Developer)
	honest := s.honestly(s.ana)
	if _, err := honest.Sync(s.t.Context()); err != nil {
		s.t.Fatalf("ana admits: %v", err)
	}
	s.player(name, m.clone())
}

// honestly is a way to the host without its tricks.
func (s *sim) honestly(c *client) *replica.Replica {
	return replica.New(replica.Options{Vault: c.v, Transport: remote.NewBuiltin(remote.BuiltinOptions{}), URL: s.url, Clock: c.options("").Clock, Decide: s.decide})
}

// ephemeral is a CI job of a member: a clone against a floor, one write, gone.
func (s *sim) ephemeral() {
	s.t.Helper()
	m := s.machineWith(s.clients[1].seed)
	v, err := m.tryClone(replica.CloneOptions{})
	if err != nil {
		s.t.Fatalf("an ephemeral clone: %v", err)
	}
	c := m.client(v)
	p := &player{client: c, name: "job"}
	s.write(p)
	if _, err := s.honestly(c).Sync(s.t.Context()); err != nil {
		s.t.Fatalf("an ephemeral sync: %v", err)
	}
	s.acknowledged(p)
}

// settle lets everybody sync with an honest host and checks what must hold.
func (s *sim) settle() {
	s.t.Helper()
	for range 2 {
		for _, p := range s.clients {
			if _, err := s.honestly(p.client).Sync(s.t.Context()); err != nil {
				var bad *replica.BadHeadError
				if !errors.As(err, &bad) {
					s.t.Fatalf("%s settles: %v", p.name, err)
				}
				if _, err := s.honestly(p.client).Repair(s.t.Context(), replica.KeepNothing); err != nil {
					s.t.Fatalf("%s repairs: %v", p.name, err)
				}
			}
			s.pinsHold(p)
		}
	}
	for _, p := range s.clients {
		if _, err := s.honestly(p.client).Sync(s.t.Context()); err != nil {
			s.t.Fatalf("%s settles: %v", p.name, err)
		}
		if p.v.Head() != s.ana.v.Head() {
			s.t.Errorf("%s ended at change %d, ana at %d", p.name, p.v.Head().Seq, s.ana.v.Head().Seq)
		}
	}
	s.chainHolds()
}

// chainHolds checks that nothing acknowledged is lost, that each op is there once, and
// that no value was sealed to readers that its author wasn't shown.
func (s *sim) chainHolds() {
	s.t.Helper()
	count := map[change.Op]int{}
	if err := s.ana.v.Changes(s.t.Context(), func(c change.Change, _ repo.Hash) bool { count[c.Op]++; return true }); err != nil {
		s.t.Fatal(err)
	}
	for op, name := range s.shared {
		if count[op] != 1 {
			s.t.Errorf("op %s, which %s saw published, is in the chain %d times", op, name, count[op])
		}
	}
	for op := range s.shown {
		if n := count[op]; n > 1 {
			s.t.Errorf("op %s was applied %d times", op, n)
		}
	}
}

// TestSimulation: SECR_TEST_SEEDS makes it longer, SECR_TEST_FIRST starts elsewhere.
func TestSimulation(t *testing.T) {
	first := size(t, "SECR_TEST_FIRST", 1)
	for seed := first; seed < first+size(t, "SECR_TEST_SEEDS", 2); seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			s := &sim{lab: newLab(t), r: rand.New(rand.NewPCG(uint64(seed), 7)),
				shared: map[change.Op]string{}, shown: map[change.Op][]string{}, pins: map[string]local.Pin{}}
			s.ana = s.found()
			s.player("ana", s.ana)
			s.join()
			s.join()
			for range 40 {
				s.step()
			}
			s.settle()
		})
	}
}

// TestSimulatedReadersAreShown holds the last promise with a client that decides nothing:
// what it published was sealed to nobody whom it had not been shown.
func TestSimulatedReadersAreShown(t *testing.T) {
	for seed := range 2 {
		r := rand.New(rand.NewPCG(uint64(seed), 9))
		l := newLab(t)
		ana := l.found()
		ben := ana.join("ben", policy.Developer)
		for i := range 5 {
			ben.set(fmt.Sprint("S", r.IntN(3)), fmt.Sprint(i))
			shown := replay.Readers(ben.v.Policy(), policy.Development)
			if r.IntN(2) == 0 {
				ana.admit(l.machine(), fmt.Sprintf("g%d", i), policy.Viewer)
			} else {
				ana.set("OTHER", fmt.Sprint(i))
			}
			ana.sync()
			_, err := ben.r.Sync(t.Context())
			var undecided *replica.UndecidedError
			if err != nil && !errors.As(err, &undecided) {
				t.Fatal(err)
			}
			if err == nil {
				for _, who := range replay.Readers(ben.v.Policy(), policy.Development) {
					if !slices.Contains(shown, who) {
						t.Errorf("seed %d, step %d: sealed to %s, who was not shown", seed, i, who)
					}
				}
				continue
			}
			ben.deciding(func(replay.Question) replay.Decision { return replay.Ours }).sync()
			ben.deciding(nil)
			ana.sync()
		}
	}
}
