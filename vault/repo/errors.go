package repo

import (
	"errors"
	"fmt"
)

// What can go wrong with objects and refs. Each is found with errors.Is,
// mostly inside an [ObjectError].
var (
	// ErrNotFound means that the repository lacks an object.
	ErrNotFound = errors.New("is not in the repository")
	// ErrDamaged means that bytes on the disk are not what their name says.
	ErrDamaged = errors.New("is damaged")
	// ErrMalformed means that an object is what its name says, but nothing
	// that a vault may contain.
	ErrMalformed = errors.New("is not what a vault may contain")
	// ErrTooLarge means that an object, a tree, a difference or a pack is over
	// its limit.
	ErrTooLarge = errors.New("is over the limit")
	// ErrNoRef means that a ref does not exist.
	ErrNoRef = errors.New("there is no such ref")
)

// ObjectError says what is wrong with one object.
type ObjectError struct {
	Hash Hash
	Kind string // what it was read as, or empty
	Err  error
}

func (e *ObjectError) Error() string {
	k := e.Kind
	if k == "" {
		k = "object"
	}
	return fmt.Sprintf("%s %s %v", k, e.Hash.String()[:12], e.Err)
}

func (e *ObjectError) Unwrap() error { return e.Err }

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

func tooLarge(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrTooLarge, fmt.Sprintf(format, args...))
}
