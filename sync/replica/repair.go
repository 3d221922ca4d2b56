package replica

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/change"
	"github.com/secr/secr/vault/repo"
)

// Repaired is what a repair did.
type Repaired struct {
	Bad *BadHeadError // what was wrong; nil if nothing was
	Now chain.Head    // what the branch has now
}

// ErrNothingToRepair says that the remote's head is good.
var ErrNothingToRepair = errors.New("the remote's branch is a valid head that follows from what was seen: there is nothing to repair")

// ErrChoose says that a head can't be repaired without somebody who manages choosing
// between two histories that are both valid.
var ErrChoose = errors.New("both histories are valid: somebody who manages the vault must choose which one to keep")

// Keep says which of two histories a repair keeps.
type Keep int

const (
	// KeepNothing chooses nothing: enough for every head but a fork.
	KeepNothing Keep = iota
	// KeepOurs puts back what this machine has seen.
	KeepOurs
	// KeepTheirs takes over what the remote shows. Local changes are replayed on it, and
	// those of others that it lacks are set aside.
	KeepTheirs
)

// Repair puts the newest valid head back on a branch that somebody spoiled: the only push
// that moves a branch otherwise than forward, and only from exactly the head that was
// seen. It never drops a change that verifies; the bad head stays here as evidence. Any
// member may do it. Which side of a fork stays on the branch is for somebody who manages to
// choose; anybody may follow that choice on his own machine, with [KeepTheirs].
func (r *Replica) Repair(ctx context.Context, keep Keep) (Repaired, error) {
	who, err := r.vault.Identity(ctx)
	if err != nil {
		return Repaired{}, err
	}
	if !who.Active {
		return Repaired{}, fmt.Errorf("%w: %s was removed", vault.ErrNotMember, who.Member.Handle)
	}
	if err := r.vault.Refresh(ctx); err != nil {
		return Repaired{}, err
	}
	bad, err := r.examine(ctx)
	if err != nil {
		return Repaired{}, err
	}
	if bad.Kind == Forked || bad.Kind == OtherVault {
		if keep == KeepTheirs {
			return r.yield(ctx, bad)
		}
		if keep == KeepNothing || !r.vault.Policy().Manages(who.Member.ID) {
			return Repaired{Bad: bad}, errors.Join(ErrChoose, bad)
		}
	}
	best, err := r.best(ctx, bad)
	if err != nil {
		return Repaired{Bad: bad}, err
	}
	push := remote.Push{URL: r.o.URL, Ref: r.o.Branch, Old: bad.Tip, New: best.Head().ID, From: r.vault.Repo().Dir(), Limits: r.o.Limits}
	if err := r.o.Transport.Push(ctx, push); err != nil {
		return Repaired{Bad: bad}, err
	}
	return Repaired{Bad: bad, Now: best.Head()}, r.pin(context.WithoutCancel(ctx), best.Head())
}

// examine finds out what is wrong with the remote's head. A head that can't even be
// fetched within the limits is known by its name alone.
func (r *Replica) examine(ctx context.Context) (*BadHeadError, error) {
	r.repairing = true
	defer func() { r.repairing = false }()
	_, err := r.fetch(ctx)
	var bad *BadHeadError
	switch kind := remote.KindOf(err); {
	case err == nil:
		return nil, ErrNothingToRepair
	case errors.As(err, &bad):
		return bad, nil
	case kind != remote.TooMuch && kind != remote.Broken:
		return nil, err
	}
	refs, listed := r.o.Transport.List(ctx, remote.List{URL: r.o.URL, Refs: []string{r.o.Branch}, Limits: r.o.Limits})
	pin, seen, pinned := r.pinned()
	tip, ok := refs[r.o.Branch]
	if listed != nil || pinned != nil || !seen || !ok {
		return nil, errors.Join(err, listed, pinned)
	}
	if tip == pin.Head.ID {
		return nil, err // the head is good, and the way to it is not
	}
	return &BadHeadError{Kind: Invalid, Remote: r.o.URL.String(), Pin: pin.Head, Tip: tip, Err: err}, nil
}

// best is the newest valid state that is known: what the bad head has before its first
// bad change, if that follows from the pin; else the pin.
func (r *Replica) best(ctx context.Context, bad *BadHeadError) (*chain.State, error) {
	pin, seen, err := r.pinned()
	if err != nil {
		return nil, err
	}
	var best *chain.State
	if seen {
		if best, err = r.known(ctx, pin.Head.ID); err != nil {
			return nil, err
		}
	}
	if bad.Kind == Invalid {
		longer, err := r.validPart(ctx, bad.Tip, best)
		if err != nil {
			return nil, err
		}
		if longer != nil {
			best = longer
		}
	}
	if best == nil {
		return nil, fmt.Errorf("this machine has seen no valid head of this vault there: %w", bad)
	}
	return best, nil
}

// known is the state of a commit that was verified before.
func (r *Replica) known(ctx context.Context, id repo.Hash) (*chain.State, error) {
	if r.vault.Head().ID == id {
		return r.vault.State(), nil
	}
	base := r.shared()
	if base != nil && !ancestor(r.vault.Repo(), base.Head().ID, id) {
		base = nil
	}
	return vault.Verify(ctx, r.vault.Repo(), base, id)
}

// maxBad is how many changes behind a bad head are looked at for valid ones.
const maxBad = 10_000

// validPart finds the newest change behind a bad head that verifies and follows from
// what is known, in whatever way the bad commits hang together. Nil is none.
func (r *Replica) validPart(ctx context.Context, tip remote.Hash, known *chain.State) (*chain.State, error) {
	seen := map[remote.Hash]bool{}
	for open := []remote.Hash{tip}; len(open) > 0 && len(seen) < maxBad; {
		at := open[0]
		open = open[1:]
		if seen[at] || known != nil && at == known.Head().ID {
			continue
		}
		seen[at] = true
		raw, err := r.vault.Repo().Commit(at)
		if err != nil {
			continue // not in the evidence
		}
		if s, ok := r.validAt(ctx, at, raw, known); ok {
			return s, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		open = append(open, parents(raw)...)
	}
	return nil, nil
}

// validAt verifies one commit that follows from what is known.
func (r *Replica) validAt(ctx context.Context, id remote.Hash, raw []byte, known *chain.State) (*chain.State, bool) {
	if _, err := change.Parse(raw); err != nil {
		return nil, false
	}
	if known != nil && !ancestor(r.vault.Repo(), known.Head().ID, id) {
		return nil, false
	}
	s, err := vault.Verify(ctx, r.vault.Repo(), known, id)
	if err != nil || s.VaultID() != r.vault.ID() {
		return nil, false
	}
	pin, seen, err := r.pinned()
	if err != nil || r.fits(s, pin, seen) != nil {
		return nil, false
	}
	return s, true
}

// parents reads the parents of a raw commit, whatever else it holds.
func parents(raw []byte) []remote.Hash {
	var out []remote.Hash
	for _, line := range headerLines(raw) {
		if id, ok := strings.CutPrefix(line, "parent "); ok {
			if h, err := repo.ParseHash(id); err == nil {
				out = append(out, h)
			}
		}
	}
	return out
}

// yield takes over a history that contradicts what was seen: the pin of this remote is
// given up, and local changes are replayed on the other history.
func (r *Replica) yield(ctx context.Context, bad *BadHeadError) (Repaired, error) {
	if bad.Kind == OtherVault {
		return Repaired{Bad: bad}, errOtherVault
	}
	theirs, err := vault.Verify(ctx, r.vault.Repo(), nil, bad.Tip)
	if err != nil {
		return Repaired{Bad: bad}, err
	}
	if err := r.forget(ctx); err != nil {
		return Repaired{Bad: bad}, err
	}
	if err := r.pin(ctx, theirs.Head()); err != nil {
		return Repaired{Bad: bad}, err
	}
	result, err := r.merge(ctx, both, theirs)
	return Repaired{Bad: bad, Now: result.Remote}, err
}

func (r *Replica) forget(ctx context.Context) error {
	lock, err := r.place.Lock(ctx, "sync")
	if err != nil {
		return err
	}
	defer lock.Unlock()
	return r.place.ForgetPin(r.o.URL.String())
}
