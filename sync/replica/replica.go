// Package replica keeps a vault on this machine and a branch on an untrusted Git remote in
// step:
//
//	fetch -> verify from what was seen before -> replay local changes -> push -> pin
//
// A [Replica] joins a vault (package vault), a way to a remote (package remote) and the
// plan for local changes (package replay). [Replica.Sync] does all of it and tries again
// when others were faster; [Replica.Pull] publishes nothing; [Clone] makes a vault from a
// remote; [Replica.Repair] puts a branch right that somebody spoiled.
//
// What the remote says counts only after package chain has judged every change since the
// last one that both sides had, and after the result was held against the pin of this
// remote, the pins of others and the floors. Until then it lies in a quarantine. A head
// that fails is a [BadHeadError]: the pin and the vault stay as they are, and the evidence
// is kept. docs/spec/sync.md has the order of the writes and what a crash between them
// leaves.
package replica

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/sync/replay"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/local"
)

// Branch is where a vault is on a remote, unless a project says otherwise.
const Branch = "refs/heads/secr/vault"

// Options join a vault and a remote.
type Options struct {
	Vault     *vault.Vault
	Transport remote.Transport
	URL       remote.URL
	Branch    string // full name of the ref; empty is [Branch]
	Clock     func() time.Time
	// Patience is for how long a lost race is run again; 0 is two minutes, or as long as a
	// hundred tries take, up to ten.
	Patience time.Duration
	Limits   remote.Limits
	// Decide answers what the plan asks; nil leaves everything undecided.
	Decide func(replay.Question) replay.Decision
}

// Replica is a vault and its branch on one remote. One goroutine may use it at a time.
type Replica struct {
	o     Options
	vault *vault.Vault
	place local.Vault

	tries     int          // how often a race is run at least
	judged    *chain.State // what the remote had at the last try: who lost often needn't judge it all again
	last      *chain.State // what the cache has, once read or written
	repairing bool         // a person acts: evidence is kept whatever its size
}

// New makes a replica. It does nothing yet.
func New(o Options) *Replica {
	if o.Branch == "" {
		o.Branch = Branch
	}
	r := &Replica{o: o, vault: o.Vault, place: o.Vault.Local()}
	if o.Patience == 0 {
		r.o.Patience, r.tries = 2*time.Minute, 100
	}
	return r
}

// Result is what a sync did.
type Result struct {
	Received uint64     // changes of others that are new here
	Sent     uint64     // changes that were published
	Done     int        // local changes that the remote had already
	Aside    []SetAside // local changes that can't be made any more
	Created  bool       // the branch was not there before
	Head     chain.Head // of the vault now
	Remote   chain.Head // of the remote's branch now
	Attempts int        // how often the race was run
}

// errRaced says that another process of this machine did something meanwhile.
var errRaced = errors.New("another process moved the vault meanwhile")

// mode is how far a sync goes.
type mode int

const (
	both mode = iota
	pullOnly
	fetchOnly
)

// Sync brings what the remote has, replays local changes on top, and publishes them.
// Lost races are run again until the patience is over; then the error is of kind
// [remote.Moved].
func (r *Replica) Sync(ctx context.Context) (Result, error) { return r.repeat(ctx, both) }

// Pull is Sync without publishing anything.
func (r *Replica) Pull(ctx context.Context) (Result, error) { return r.repeat(ctx, pullOnly) }

// Fetch brings and pins what the remote has. The head follows if nothing was changed here
// meanwhile; otherwise it stays for a Sync, because to replay takes keys, and perhaps a
// decision. It is what can be done in the background.
func (r *Replica) Fetch(ctx context.Context) (Result, error) { return r.repeat(ctx, fetchOnly) }

// longest is how many times its patience a race is run for the sake of tries.
const longest = 5

func (r *Replica) repeat(ctx context.Context, m mode) (Result, error) {
	patience, limit := time.After(r.o.Patience), time.After(longest*r.o.Patience)
	patient := true
	s := stall{most: r.o.Patience / 6}
	for attempt := 1; ; attempt++ {
		started := r.o.Clock()
		result, err := r.once(ctx, m)
		result.Attempts = attempt
		if !lostRace(err) {
			return result, err
		}
		if s.lasts(result.Remote, err) {
			return result, locked(err)
		}
		select {
		case <-patience:
			patient = false
		default:
		}
		if !patient && attempt >= r.tries {
			return result, err
		}
		select {
		case <-limit:
			return result, err
		case <-ctx.Done():
			return result, context.Cause(ctx)
		case <-time.After(pause(attempt, r.o.Clock().Sub(started))):
		}
	}
}

// lostRace tells errors after which everything is looked at again.
func lostRace(err error) bool {
	return err != nil && (remote.KindOf(err) == remote.Moved || errors.Is(err, vault.ErrMoved) || errors.Is(err, errRaced))
}

// once runs the race once.
func (r *Replica) once(ctx context.Context, m mode) (Result, error) {
	if err := r.vault.Refresh(ctx); err != nil {
		return Result{}, err
	}
	started := r.o.Clock()
	there, err := r.fetch(ctx)
	if err == nil && m == both && there.own() && crowded(r.vault.State(), there.head, r.o.Clock()) {
		if err = giveWay(ctx, r.o.Clock().Sub(started)); err == nil {
			there, err = r.fetch(ctx)
		}
	}
	if err != nil {
		return Result{}, err
	}
	here := r.vault.State()
	result := Result{Head: here.Head(), Remote: there.head}
	theirs := there.state
	switch {
	case there.nothing && m != both:
		return result, &remote.Error{Kind: remote.NoBranch, URL: r.o.URL.String()}
	case there.nothing:
		result.Created = true
		return r.share(ctx, result, chain.Head{}, here)
	case theirs == nil && (m != both || there.head.Sum == here.Head().Sum):
		return result, r.pin(ctx, there.head)
	case theirs == nil:
		return r.share(ctx, result, there.head, here)
	case contains(theirs, here):
		result.Head, result.Received = there.head, there.head.Seq-here.Head().Seq
		if err := r.vault.Replace(ctx, here.Head(), theirs); err != nil {
			return result, err
		}
		r.remember(theirs)
		return result, nil
	case m == fetchOnly:
		return result, nil
	}
	return r.merge(ctx, m, theirs)
}

// contains reports whether a's chain has b's head.
func contains(a, b *chain.State) bool {
	h := b.Head()
	link, ok := a.Link(h.Seq)
	return ok && link.Sum == h.Sum
}

// merge replays local changes onto theirs.
func (r *Replica) merge(ctx context.Context, m mode, theirs *chain.State) (Result, error) {
	here := r.vault.State()
	common := chain.Common(here, theirs)
	result := Result{Head: here.Head(), Remote: theirs.Head(), Received: theirs.Head().Seq - common}
	plan, err := r.plan(ctx, theirs, common)
	if err != nil {
		return result, err
	}
	if plan.Blocked() {
		return result, &UndecidedError{Plan: plan, Theirs: theirs}
	}
	next, err := r.vault.Rebase(ctx, theirs, redo(plan))
	if err != nil {
		return result, err
	}
	result.Done = len(plan.With(replay.Done))
	if result.Aside, err = r.setAside(ctx, plan.With(replay.Aside)); err != nil {
		return result, err
	}
	if m == both && next != theirs {
		if result, err = r.publish(ctx, result, theirs.Head(), next); err != nil {
			return result, err
		}
	}
	if err := r.vault.Replace(ctx, here.Head(), next); err != nil {
		return result, err
	}
	result.Head = next.Head()
	if m == both || next == theirs {
		r.remember(next)
	}
	return result, nil
}

// publish pushes a state and pins it. old is what the remote has; the zero Head is nothing.
func (r *Replica) publish(ctx context.Context, result Result, old chain.Head, next *chain.State) (Result, error) {
	push := remote.Push{URL: r.o.URL, Ref: r.o.Branch, Old: old.ID, New: next.Head().ID, From: r.vault.Repo().Dir(), Limits: r.o.Limits}
	if err := r.o.Transport.Push(ctx, push); err != nil {
		return result, err
	}
	result.Sent, result.Remote = next.Head().Seq-old.Seq, next.Head()
	// What is published is published: an interruption now must not leave it unpinned.
	return result, r.pin(context.WithoutCancel(ctx), next.Head())
}

// share is publish of this machine's head.
func (r *Replica) share(ctx context.Context, result Result, old chain.Head, here *chain.State) (Result, error) {
	result, err := r.publish(ctx, result, old, here)
	if err == nil {
		r.remember(here)
	}
	return result, err
}

// pin writes the pin of this remote.
func (r *Replica) pin(ctx context.Context, h chain.Head) error {
	lock, err := r.place.Lock(ctx, "sync")
	if err != nil {
		return err
	}
	defer lock.Unlock()
	return r.writePin(h)
}

// writePin is pin for who holds the lock. A higher pin was written by another process of
// this machine, which saw more.
func (r *Replica) writePin(h chain.Head) error {
	err := r.place.WritePin(local.Pin{
		Remote: r.o.URL.String(), Head: local.Head{Seq: h.Seq, ID: h.ID, Sum: h.Sum}, Fetched: r.o.Clock().Unix(),
	})
	var back *local.PinBackError
	if errors.As(err, &back) && back.Old.Seq > back.New.Seq {
		return errRaced
	}
	return err
}

// pinned reads the pin; ok is false when this machine has never seen the vault there.
func (r *Replica) pinned() (pin local.Pin, ok bool, err error) {
	pin, err = r.place.Pin(r.o.URL.String())
	if errors.Is(err, fs.ErrNotExist) {
		return local.Pin{}, false, nil
	}
	return pin, err == nil, err
}
