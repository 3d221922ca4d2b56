package replica

import (
	"context"
	"errors"
	"fmt"

	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/local"
	"github.com/secr/secr/vault/repo"
)

// BadKind says what is wrong with a remote's head.
type BadKind int

// The kinds of bad head.
const (
	// Invalid: a change in it breaks a rule, or is no change at all.
	Invalid BadKind = iota + 1
	// Rewound: it is an older head than the one that was seen there.
	Rewound
	// Gone: the branch was there and isn't any more.
	Gone
	// Forked: it is valid by itself, but another history than was seen before.
	Forked
	// OtherVault: it is the head of another vault.
	OtherVault
)

func (k BadKind) String() string {
	switch k {
	case Invalid:
		return "its branch is not a valid vault"
	case Rewound:
		return "its branch went back to an older change"
	case Gone:
		return "its branch is gone"
	case Forked:
		return "it shows another history than before"
	case OtherVault:
		return "its branch holds another vault"
	}
	return "its branch is bad"
}

// BadHeadError says that a remote's head was refused. This machine's vault and pins are as
// they were.
type BadHeadError struct {
	Kind     BadKind
	Remote   string
	Pin      local.Head  // what was seen there before; zero if nothing was
	Tip      remote.Hash // the refused head; zero if the branch is gone
	Evidence string      // the ref that keeps it in this machine's repository; may be empty
	Err      error       // the verdict
}

func (e *BadHeadError) Error() string {
	text := fmt.Sprintf("the remote %s is not to be trusted: %s", e.Remote, e.Kind)
	if e.Err != nil && e.Kind != Gone {
		text += ": " + remote.Clean(e.Err.Error())
	}
	return text
}

// Unwrap returns the verdict.
func (e *BadHeadError) Unwrap() error { return e.Err }

var errOtherVault = errors.New("its founding file is not this vault's")

// refused is a head that judge did not accept.
type refused struct {
	tip     remote.Hash
	state   *chain.State // when it is valid by itself
	pin     local.Pin
	verdict error
}

// bad makes the error for a refused head, and keeps the evidence. Errors that say nothing
// about the head pass.
func (r *Replica) bad(ctx context.Context, q *repo.Quarantine, x refused) error {
	kind := r.kindOf(x)
	if kind == 0 {
		return errors.Join(x.verdict, q.Discard())
	}
	e := &BadHeadError{Kind: kind, Remote: r.o.URL.String(), Pin: x.pin.Head, Tip: x.tip, Err: x.verdict}
	var err error
	if e.Evidence, err = r.keep(ctx, q, x.tip); err != nil {
		return errors.Join(e, fmt.Errorf("the evidence could not be kept: %w", err))
	}
	return e
}

// kindOf tells what a verdict means; 0 is nothing about the head.
func (r *Replica) kindOf(x refused) BadKind {
	var broken *chain.Error
	isBroken := errors.As(x.verdict, &broken)
	switch {
	case errors.Is(x.verdict, errOtherVault):
		return OtherVault
	case isBroken && broken.Class == chain.NewerFormat:
		return 0
	case isBroken && broken.Class == chain.Rewind:
		if r.isOlder(x) {
			return Rewound
		}
		return Forked
	case isBroken, isMalformed(x.verdict):
		return Invalid
	}
	return 0
}

// isOlder reports whether a head lies before what was seen, as far as this machine can
// tell: before its own head, or before the pin; or after its own head and not yet where a
// floor says it must be.
func (r *Replica) isOlder(x refused) bool {
	here := r.vault.State()
	if x.state == nil || contains(here, x.state) {
		return x.state != nil
	}
	if x.pin.Head.Seq > x.state.Head().Seq && ancestor(r.vault.Repo(), x.tip, x.pin.Head.ID) {
		return true
	}
	return x.pin.Head.Seq == 0 && contains(x.state, here)
}

// maxEvidence bounds what is kept of one bad head, and maxKept how many.
const (
	maxEvidence = 64 << 20
	maxKept     = 32
)

// evidence is where bad heads are kept.
const evidence = "refs/secr/evidence/"

// keep takes a bad head into the repository, where nothing leads to it but a ref of its
// own. More than the bounds is thrown away.
func (r *Replica) keep(ctx context.Context, q *repo.Quarantine, tip remote.Hash) (string, error) {
	ref := evidence + tip.String()[:16]
	kept, err := r.countEvidence(ref)
	if err != nil {
		return "", errors.Join(err, q.Discard())
	}
	if !r.repairing && (kept >= maxKept || folderSize(q.Dir()) > maxEvidence) {
		return "", q.Discard()
	}
	lock, err := r.place.Lock(ctx, "sync")
	if err != nil {
		return "", errors.Join(err, q.Discard())
	}
	defer lock.Unlock()
	if err := q.Commit(ctx); err != nil {
		return "", errors.Join(err, q.Discard())
	}
	return ref, r.vault.Repo().SetRef(ref, tip)
}
