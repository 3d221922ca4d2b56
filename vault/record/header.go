package record

import (
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/secr/secr/keys"
)

// Limits of format 1.
const (
	MaxValue  = 1 << 20       // bytes of a value
	MaxLabel  = 4096          // bytes of a label's JSON
	MaxRecord = 1<<20 + 1<<17 // bytes of a record; what its parts allow is less
	MaxNumber = 1<<53 - 1     // the largest number in a header: every JSON reader has it exactly
	MaxEpoch  = 4096          // the last epoch of an environment
)

// magic is the first line.
const magic = "secr/1 secret"

// ErrMalformed says that bytes are not of the form that the specification asks for.
var ErrMalformed = errors.New("record: malformed")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
}

// Kind says what the change that wrote a record did to the secret.
type Kind string

// The kinds of record.
const (
	Set     Kind = "set"    // gave it a value, and perhaps another label
	Relabel Kind = "label"  // gave it another label
	Reseal  Kind = "reseal" // sealed the same label and value under another key
	Delete  Kind = "delete" // took its value away
)

// State says whether the secret has a value.
type State string

// The states of a secret.
const (
	Live    State = "live"
	Deleted State = "deleted"
)

// Header is the clear part of a record.
type Header struct {
	Kind    Kind
	State   State
	Epoch   uint64  // of the environment's key
	Version uint64  // from 1; a reseal is no new version
	Seq     uint64  // the number of the change that wrote this record
	Since   uint64  // the number of the change that set or deleted the value
	Before  *Before // the record that this one replaces; nil for a secret's first
	Label   int     // bytes of the sealed label
	Value   int     // bytes of the sealed value; 0 if deleted
}

// Before names a record by both hashes of its bytes.
type Before struct {
	Hash [20]byte // its Git blob id
	Sum  [32]byte // its SHA-256
}

// String is the Git id and the SHA-256 in hex, with a space between; "none" for nil.
func (b *Before) String() string {
	if b == nil {
		return "none"
	}
	return hex.EncodeToString(b.Hash[:]) + " " + hex.EncodeToString(b.Sum[:])
}

// encode writes the header, the empty line included.
func (h Header) encode() []byte {
	return fmt.Appendf(nil, magic+"\nkind %s\nstate %s\nepoch %d\nversion %d\nseq %d\nsince %d\nbefore %s\nlabel %d\nvalue %d\n\n",
		h.Kind, h.State, h.Epoch, h.Version, h.Seq, h.Since, h.Before.String(), h.Label, h.Value)
}

// check holds the header's fields to each other.
func (h Header) check() error {
	switch {
	case h.Epoch < 1 || h.Epoch > MaxEpoch:
		return malformed("epoch is not in 1 to %d", MaxEpoch)
	case h.Version < 1 || h.Seq < 1 || h.Since < 1:
		return malformed("version, seq and since begin at 1")
	case h.Version > MaxNumber || h.Seq > MaxNumber:
		return malformed("a number is larger than %d", uint64(MaxNumber))
	case !sealedLength(h.Label, MaxLabel):
		return malformed("the label's length is none that a sealed label can have")
	}
	if err := h.checkState(); err != nil {
		return err
	}
	if err := h.checkBefore(); err != nil {
		return err
	}
	if fresh := h.Kind == Set || h.Kind == Delete; fresh && h.Since != h.Seq || !fresh && h.Since >= h.Seq {
		return malformed("since is not the change that a %s would name", h.Kind)
	}
	return nil
}

func (h Header) checkState() error {
	switch h.Kind {
	case Set, Relabel:
		if h.State != Live {
			return malformed("a %s leaves the secret live", h.Kind)
		}
	case Delete:
		if h.State != Deleted {
			return malformed("a delete leaves the secret deleted")
		}
	case Reseal:
	default:
		return malformed("kind is none of set, label, reseal and delete")
	}
	switch h.State {
	case Live:
		if !sealedLength(h.Value, MaxValue) {
			return malformed("the value's length is none that a sealed value can have")
		}
	case Deleted:
		if h.Value != 0 {
			return malformed("a deleted secret has no value")
		}
	default:
		return malformed("state is neither live nor deleted")
	}
	return nil
}

func (h Header) checkBefore() error {
	first := h.Kind == Set && h.Version == 1
	switch {
	case first && h.Before != nil:
		return malformed("the first version replaces nothing")
	case !first && h.Before == nil:
		return malformed("only the first version replaces nothing")
	case (h.Kind == Relabel || h.Kind == Delete) && h.Version == 1:
		return malformed("a %s is never the first version", h.Kind)
	}
	return nil
}

// sealedLength says whether n is the length of something of at most limit bytes,
// padded and sealed.
func sealedLength(n, limit int) bool {
	padded := n - keys.Overhead
	return padded >= keys.PaddedLen(0) && padded <= keys.PaddedLen(limit) && keys.PaddedLen(padded-4) == padded
}
