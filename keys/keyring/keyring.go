// Package keyring keeps a seed on this machine: in the operating system's
// keyring, in a file sealed with a passphrase, in a token that the process was
// given, or in memory. Every place is a [Store] and passes the same suite of
// tests; none of them prompts, and none overwrites a seed.
//
// A new seed goes to the first of several places that works, and [Places.Save]
// reports which and why not the others. An old one is only ever looked for where
// it was put: a keyring that is locked today must not become a second identity.
// The formats are in docs/spec/keyring.md.
package keyring

import (
	"context"
	"errors"
	"fmt"

	"github.com/secr/secr/keys"
)

// Store keeps one seed per profile. Every method ends by its context, and by
// itself after a deadline of its own where something else could block it.
type Store interface {
	// Load returns the seed, or ErrNotFound if there is none.
	Load(ctx context.Context, profile string) (keys.Seed, error)
	// Save keeps a seed. It fails with ErrExists, and changes nothing, if the
	// profile has one.
	Save(ctx context.Context, profile string, s keys.Seed) error
	// Delete leaves nothing. It fails with ErrNotFound if there was nothing.
	Delete(ctx context.Context, profile string) error
}

// What can be wrong, to be found with errors.Is in an [Error].
var (
	// ErrNotFound says that the profile has no seed in this store.
	ErrNotFound = errors.New("no identity is kept there")
	// ErrExists says that the profile has a seed in this store already.
	ErrExists = errors.New("an identity is kept there already")
	// ErrLocked says that the store is there, but nobody unlocked it in time.
	ErrLocked = errors.New("it is locked")
	// ErrUnavailable says that this machine has no such store now.
	ErrUnavailable = errors.New("there is none that works here")
	// ErrPassphrase says that no passphrase was given, or not the right one.
	ErrPassphrase = errors.New("wrong or no passphrase")
	// ErrReadOnly says that this store keeps nothing.
	ErrReadOnly = errors.New("nothing can be kept or deleted there")
	// ErrDamaged says that what is kept is not a seed that secr wrote.
	ErrDamaged = errors.New("what is kept there is damaged")
	// ErrTooLarge says that the operating system's keyring takes less than that.
	ErrTooLarge = errors.New("the system's keyring can't take that much")
)

// Kind names a kind of store.
type Kind string

// The kinds of store.
const (
	KindOS     Kind = "os"
	KindFile   Kind = "file"
	KindToken  Kind = "token"
	KindMemory Kind = "memory"
)

func (k Kind) words() string {
	switch k {
	case KindOS:
		return "the system's keyring"
	case KindFile:
		return "the passphrase file"
	case KindToken:
		return "the token"
	case KindMemory:
		return "memory"
	}
	return string(k)
}

// Error says what went wrong in which store. It never holds a secret.
type Error struct {
	Kind    Kind
	Profile string
	// Err is or wraps one of this package's errors, or is a context's or the
	// system's.
	Err error
}

// Error is one line for people.
func (e *Error) Error() string {
	return fmt.Sprintf("keyring: identity %q in %s: %v", e.Profile, e.Kind.words(), e.Err)
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

func fail(k Kind, profile string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Kind: k, Profile: profile, Err: err}
}

var errProfile = errors.New("a profile is named by a-z, 0-9 and -, at most 32 of them")

// checkProfile keeps names that are paths, options or someone else's entry away
// from every store.
func checkProfile(profile string) error {
	for i, c := range profile {
		letter := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !letter && (c != '-' || i == 0) {
			return errProfile
		}
	}
	if profile == "" || len(profile) > 32 {
		return errProfile
	}
	return nil
}
