package policy

import (
	"errors"
	"fmt"
)

var (
	// ErrMalformed says that a file is not of the form that the specification asks
	// for, or that two files contradict each other.
	ErrMalformed = errors.New("policy: malformed")
	// ErrIncomplete says that each file is well formed but the policy is not whole:
	// nobody could manage the vault any more, or nobody could read an environment.
	ErrIncomplete = errors.New("policy: incomplete")
	// ErrDenied says that the new policy may not follow the old one.
	ErrDenied = errors.New("policy: not allowed after the one before")
	// ErrJoin says that a device's own signature over its keys is wrong.
	ErrJoin = errors.New("policy: join signature is wrong")
)

// Error is a complaint about one file. It wraps one of [ErrMalformed],
// [ErrIncomplete], [ErrDenied] and [ErrJoin].
type Error struct {
	Path string // the file, from the vault's root
	What string // what is wrong with it, free of the file's own bytes but for checked names
	Kind error  // one of the sentinels
}

// Error names the file and what is wrong with it.
func (e *Error) Error() string { return fmt.Sprintf("%v: %s: %s", e.Kind, e.Path, e.What) }

// Unwrap returns the sentinel.
func (e *Error) Unwrap() error { return e.Kind }

func malformed(path, format string, args ...any) error {
	return &Error{Path: path, What: fmt.Sprintf(format, args...), Kind: ErrMalformed}
}

func incomplete(path, format string, args ...any) error {
	return &Error{Path: path, What: fmt.Sprintf(format, args...), Kind: ErrIncomplete}
}

func denied(path, format string, args ...any) error {
	return &Error{Path: path, What: fmt.Sprintf(format, args...), Kind: ErrDenied}
}

// ErrNewer says that a vault was founded with a later format than this release
// reads. Nothing is known to be wrong with it.
var ErrNewer = errors.New("policy: a newer format")

var errFounderJoin = errors.New("the founder's device is not as in vault.json")
