package chain

import (
	"encoding/hex"
	"fmt"
)

// A Class is the kind of verdict on a change. The words are those of docs/spec/chain.md
// and of the test vectors.
type Class string

// The classes of verdict.
const (
	// OK is the verdict on a valid change.
	OK Class = "ok"
	// Malformed says that bytes are outside a grammar, a shape or a limit.
	Malformed Class = "malformed"
	// BadParent says that the change is not the next one of this chain.
	BadParent Class = "bad-parent"
	// BadSignature says that a signature is missing, wrong, or by an unknown key.
	BadSignature Class = "bad-signature"
	// Denied says that the author was not allowed to do this.
	Denied Class = "denied"
	// Incomplete says that the state the change leaves would not be whole: a wrap is
	// missing or too many, or a key did not turn that had to.
	Incomplete Class = "incomplete"
	// Tampered says that bytes are not those that hashes, links or earlier changes fix.
	Tampered Class = "tampered"
	// Rewind says that a chain lacks a change that was seen before.
	Rewind Class = "rewind"
	// NewerFormat says that the vault is of a format that this program does not know.
	NewerFormat Class = "newer-format"
	// Damaged says that a cached state can't be used. It is no verdict on the vault.
	Damaged Class = "damaged"
)

// An Error is the verdict on a change that is not valid.
type Error struct {
	Class Class
	Seq   uint64   // number of the change that was judged
	ID    [20]byte // its git id, zero where there is none
	Rule  string   // name of the rule, as in docs/spec/chain.md
	Path  string   // the file it is about, or empty
	What  string   // a sentence
}

// Error names the change and says what is wrong with it.
func (e *Error) Error() string {
	what := e.What
	if e.Path != "" {
		what = fmt.Sprintf("%q: %s", e.Path, what)
	}
	if e.ID == ([20]byte{}) {
		return fmt.Sprintf("%s: %s", e.Class, what)
	}
	return fmt.Sprintf("change %d (%s): %s: %s", e.Seq, hex.EncodeToString(e.ID[:4]), e.Class, what)
}

// Hint says what a person can do about the error.
func (e *Error) Hint() string {
	switch e.Class {
	case NewerFormat:
		return "update secr; reading at the head you have still works"
	case Rewind:
		return "nothing was taken over; ask a colleague for his head, and see it with \"secr audit verify\""
	case Damaged:
		return "the cache is rebuilt from the vault by itself"
	default:
		return "nothing was taken over; see it with \"secr audit verify\", put the branch right with \"secr sync --repair\""
	}
}

// Is lets errors.Is compare by class alone: errors.Is(err, &Error{Class: Denied}).
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && *t == Error{Class: t.Class} && t.Class == e.Class
}

func fail(class Class, format string, args ...any) *Error {
	return &Error{Class: class, What: fmt.Sprintf(format, args...)}
}

func failAt(class Class, path, format string, args ...any) *Error {
	return &Error{Class: class, Path: path, What: fmt.Sprintf(format, args...)}
}

// A LostError says that this machine's repository no longer has a change that was verified
// here. It is no verdict on the vault, and nobody's lie.
type LostError struct {
	Seq uint64
	ID  [20]byte // git id of the change
	Err error
}

// Error names the change.
func (e *LostError) Error() string {
	return fmt.Sprintf("change %d (%s) was verified on this machine and can't be read any more: %v", e.Seq, hex.EncodeToString(e.ID[:4]), e.Err)
}

// Unwrap is why the change can't be read.
func (e *LostError) Unwrap() error { return e.Err }

// Hint says what a person can do about the error.
func (e *LostError) Hint() string {
	return "the vault's repository on this machine is damaged: put its folder back from a backup, or move it away and run \"secr clone\""
}

// Caught, when deferred, makes an error of the one panic that is no mistake of the program:
// a *LostError, after which what was asked about the chain has no answer. Every goroutine
// that asks a State for links needs it.
func Caught(err *error) {
	switch found := recover().(type) {
	case nil:
	case *LostError:
		*err = found
	default:
		panic(found)
	}
}
