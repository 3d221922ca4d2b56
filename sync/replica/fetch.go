package replica

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/change"
	"github.com/secr/secr/vault/local"
	"github.com/secr/secr/vault/repo"
)

// there is what a remote has.
type there struct {
	nothing bool         // no such branch, and this machine has never seen one
	head    chain.Head   // otherwise: verified, and not less than was seen before
	state   *chain.State // nil if the head is in this machine's own chain
}

// own reports whether the remote has nothing that this machine's chain doesn't have.
func (t there) own() bool { return !t.nothing && t.state == nil }

// fetch brings the remote's head, verified and in the vault's repository. A head that is
// not in the own chain is pinned.
func (r *Replica) fetch(ctx context.Context) (there, error) {
	pin, seen, err := r.pinned()
	if err != nil {
		return there{}, err
	}
	if tip, known := remote.Glance(r.o.Transport, r.o.Branch); known {
		if tip.IsZero() {
			return there{nothing: true}, r.noBranch(pin, seen)
		}
		// Most syncs end here, without a place to fetch into.
		if head, ok := r.own(tip); ok {
			return there{head: head}, nil
		}
	}
	q, tip, err := r.download(ctx, pin, seen)
	if err != nil || q == nil {
		return there{nothing: err == nil}, err
	}
	if head, ok := r.own(tip); ok {
		return there{head: head}, q.Discard()
	}
	theirs, err := r.judge(ctx, q.Repo(), tip, pin, seen)
	if err != nil {
		return there{}, r.bad(ctx, q, refused{tip: tip, state: theirs, pin: pin, verdict: err})
	}
	lock, err := r.place.Lock(ctx, "sync")
	if err != nil {
		return there{}, errors.Join(err, q.Discard())
	}
	defer lock.Unlock()
	if err := q.Commit(ctx); err != nil {
		return there{}, errors.Join(err, q.Discard())
	}
	r.judged = theirs
	// Who only reads gets a pack at each fetch. If this fails, the next one tries again.
	_ = r.vault.Repo().Maintain(ctx, repo.Maintenance{})
	return there{head: theirs.Head(), state: theirs}, r.writePin(theirs.Head())
}

// own finds a remote's head in this machine's own chain, which is verified, at or after
// everything that was seen anywhere: then no other state is needed. It finds nothing when
// in doubt.
func (r *Replica) own(tip remote.Hash) (chain.Head, bool) {
	here := r.vault.State()
	least := uint64(1)
	pins, err := r.place.Pins()
	if err != nil {
		return chain.Head{}, false
	}
	for _, p := range pins {
		if here.CheckDescends(point(p.Head)) != nil {
			return chain.Head{}, false
		}
		if p.Remote == local.RemoteName(r.o.URL.String()) {
			least = max(least, p.Head.Seq)
		}
	}
	floors, err := r.place.Floors()
	if err != nil {
		return chain.Head{}, false
	}
	for _, f := range floors {
		if here.CheckDescends(chain.Point{Seq: f.Seq, Sum: f.Sum}) != nil {
			return chain.Head{}, false
		}
		least = max(least, f.Seq)
	}
	for seq := here.Head().Seq; seq >= least; seq-- {
		if link, ok := here.Link(seq); ok && link.ID == tip {
			return chain.Head{Seq: link.Seq, ID: link.ID, Sum: link.Sum, Time: link.Time}, true
		}
	}
	return chain.Head{}, false
}

// download fetches the branch into a quarantine, which is nil when there is nothing and
// never was.
func (r *Replica) download(ctx context.Context, pin local.Pin, seen bool) (*repo.Quarantine, remote.Hash, error) {
	have := []remote.Hash{r.vault.Head().ID}
	if seen && pin.Head.ID != r.vault.Head().ID {
		if ok, err := r.vault.Repo().Has(pin.Head.ID); err != nil {
			return nil, remote.Hash{}, err
		} else if ok {
			have = append(have, pin.Head.ID)
		}
	}
	q, err := r.vault.Repo().Quarantine(ctx, have...)
	if err != nil {
		return nil, remote.Hash{}, err
	}
	tip, err := r.o.Transport.Fetch(ctx, remote.Fetch{URL: r.o.URL, Ref: r.o.Branch, Have: have, Into: q, Limits: r.o.Limits})
	if err == nil {
		return q, tip, nil
	}
	dropped := q.Discard()
	if remote.KindOf(err) == remote.NoBranch {
		err = r.noBranch(pin, seen)
	}
	return nil, remote.Hash{}, errors.Join(err, dropped)
}

// noBranch is what it means that the remote has no such branch: an error if this machine
// has seen one there.
func (r *Replica) noBranch(pin local.Pin, seen bool) error {
	if !seen {
		return nil
	}
	return &BadHeadError{Kind: Gone, Remote: r.o.URL.String(), Pin: pin.Head, Err: &remote.Error{Kind: remote.NoBranch, URL: r.o.URL.String(), Message: r.o.Branch}}
}

// judge verifies a head and holds it against everything that was seen before.
func (r *Replica) judge(ctx context.Context, from *repo.Repo, tip remote.Hash, pin local.Pin, seen bool) (*chain.State, error) {
	theirs, err := vault.Verify(ctx, from, r.start(from, tip), tip)
	if err != nil {
		return nil, err
	}
	return theirs, r.fits(theirs, pin, seen)
}

// start is the state to verify from: this machine's head if the remote's comes after it,
// else the last one that both sides had. Nil is from the founding change on.
func (r *Replica) start(from *repo.Repo, tip remote.Hash) *chain.State {
	here, shared := r.vault.State(), r.shared()
	for at := tip; ; {
		if at == here.Head().ID {
			return here
		}
		if r.judged != nil && at == r.judged.Head().ID {
			return r.judged
		}
		if shared != nil && at == shared.Head().ID {
			return shared
		}
		raw, err := from.Commit(at)
		if err != nil {
			return nil
		}
		c, err := change.Parse(raw)
		if err != nil || c.Founding() {
			return nil
		}
		at = c.Parent
	}
}

// fits holds a verified state against the vault's id, the pins and the floors.
func (r *Replica) fits(theirs *chain.State, pin local.Pin, seen bool) error {
	if theirs.VaultID() != r.vault.ID() {
		return errOtherVault
	}
	if seen {
		if err := theirs.CheckDescends(point(pin.Head)); err != nil {
			return err
		}
	}
	floors, err := r.place.Floors()
	if err != nil {
		return err
	}
	for _, f := range floors {
		if err := theirs.CheckDescends(chain.Point{Seq: f.Seq, Sum: f.Sum}); err != nil {
			return fmt.Errorf("a floor: %w", err)
		}
	}
	return r.fitsOthers(theirs)
}

// fitsOthers holds a state against what other remotes have shown. One remote may lag
// behind another; it may not tell another story.
func (r *Replica) fitsOthers(theirs *chain.State) error {
	pins, err := r.place.Pins()
	if err != nil {
		return err
	}
	here := r.vault.State()
	for _, p := range pins {
		err := theirs.CheckDescends(point(p.Head))
		if err == nil {
			continue
		}
		if here.CheckDescends(point(p.Head)) == nil && contains(here, theirs) {
			continue
		}
		return fmt.Errorf("the remote %s has shown another history: %w", p.Remote, err)
	}
	return nil
}

func point(h local.Head) chain.Point { return chain.Point{Seq: h.Seq, Sum: h.Sum} }

// stateAt is the state that both sides had, of which only the number is known.
func (r *Replica) stateAt(ctx context.Context, theirs *chain.State, seq uint64) (*chain.State, error) {
	link, ok := theirs.Link(seq)
	if !ok {
		return nil, errOtherVault
	}
	base := r.shared()
	if base != nil && (base.Head().Seq > seq || !contains(theirs, base)) {
		base = nil
	}
	if base != nil && base.Head().Seq == seq {
		return base, nil
	}
	return vault.Verify(ctx, r.vault.Repo(), base, link.ID)
}

// shared is the last state that this machine and the remote both had, from the cache; nil
// when it isn't there. It only saves time.
func (r *Replica) shared() *chain.State {
	if r.last != nil && contains(r.vault.State(), r.last) {
		return r.last
	}
	s := r.vault.ReadCache(r.sharedPath())
	if s == nil || !contains(r.vault.State(), s) {
		return nil
	}
	r.last = s
	return s
}

// remember keeps a state that both sides have now. It is a cache: failing to write it
// costs time at the next sync, and nothing else.
func (r *Replica) remember(s *chain.State) {
	if r.last != nil && r.last.Head().Sum == s.Head().Sum {
		return
	}
	if r.vault.CopyCache(s, r.sharedPath()) == nil || r.vault.WriteCache(s, r.sharedPath()) == nil {
		r.last = s
	}
}

func (r *Replica) sharedPath() string {
	sum := sha256.Sum256([]byte(local.RemoteName(r.o.URL.String())))
	return filepath.Join(r.place.Cache(), "shared-"+hex.EncodeToString(sum[:8]))
}
