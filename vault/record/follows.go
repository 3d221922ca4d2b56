package record

import (
	"errors"
	"fmt"
)

// ErrFollows says that a record is well formed and may not take the place that a
// change gives it.
var ErrFollows = errors.New("record: does not follow")

// At is what a change and its parent say of the place of a record.
type At struct {
	Seq    uint64  // the number of the change
	Epoch  uint64  // the environment's epoch in the policy that the change leaves
	Before *Before // the record that the parent has there; nil for none
}

// Follows says whether a record with this header may replace one with the header
// old, nil for none, in a change that is described by at. It needs no key. Whether
// the author may do that is the chain's to say. The error wraps [ErrFollows].
func (h Header) Follows(old *Header, at At) error {
	switch {
	case h.Seq != at.Seq:
		return unfit("it was written for change %d, not %d", h.Seq, at.Seq)
	case h.Epoch != at.Epoch:
		return unfit("it is sealed under epoch %d, the environment is at %d", h.Epoch, at.Epoch)
	case (old == nil) != (at.Before == nil):
		return unfit("the record before and its hashes don't go together")
	case (h.Before == nil) != (at.Before == nil), h.Before != nil && *h.Before != *at.Before:
		return unfit("it replaces %v, and there is %v", h.Before, at.Before)
	case old == nil:
		return h.followsNothing()
	}
	version, since := old.Version+1, h.Seq
	switch h.Kind {
	case Set:
	case Delete, Relabel:
		if old.State != Live {
			return unfit("a %s needs a secret with a value", h.Kind)
		}
	default:
		version = old.Version
		if h.State != old.State {
			return unfit("a reseal leaves a secret %s that is %s", h.State, old.State)
		}
		if h.Epoch <= old.Epoch {
			return unfit("a reseal stays at epoch %d", h.Epoch)
		}
	}
	if h.Kind == Relabel || h.Kind == Reseal {
		since = old.Since
	}
	switch {
	case h.Version != version:
		return unfit("it says version %d and is version %d", h.Version, version)
	case h.Since != since:
		return unfit("it says that its value is from change %d, which is from %d", h.Since, since)
	case h.Epoch < old.Epoch:
		return unfit("its epoch is older than that of the record before")
	}
	return nil
}

func (h Header) followsNothing() error {
	if h.Kind != Set || h.Version != 1 || h.Since != h.Seq {
		return unfit("a %s of version %d can't be a secret's first record", h.Kind, h.Version)
	}
	return nil
}

func unfit(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrFollows}, args...)...)
}
