// Package keys is the ground that everything secret in secr stands on: seeds
// and keys that refuse to be printed, how keys derive from each other, how
// bytes are sealed and opened, how a key is committed to, and how ids, tokens
// and fingerprints are spelled.
//
// It uses the standard library only and does no input or output but for
// crypto/rand. The formats are in docs/spec/keys.md, complete to the byte.
//
// A [Seed] is what a person keeps on one machine. [Seed.Device] gives the two
// keys of that machine in one vault; everything else is a [Key]. Bytes that
// people gave us are a [Secret]. Each has one way out, Reveal, so that a search
// for that word finds every place where key material leaves its type.
package keys

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
)

// Size is the length in bytes of every seed and key.
const Size = 32

// ErrMalformed says that bytes are not of the form that the specification asks for.
var ErrMalformed = errors.New("keys: malformed")

// Seed is the root of one person's keys on one machine. The zero Seed is no
// seed. Copies share their memory.
type Seed struct {
	Redacted
	box *cell
}

// NewSeed returns a random seed.
func NewSeed() Seed { return Seed{box: random()} }

// SeedFromBytes copies 32 bytes into a seed.
func SeedFromBytes(b []byte) (Seed, error) {
	box, err := boxed(b, "seed")
	return Seed{box: box}, err
}

// Reveal returns the bytes of s, not a copy; nil for the zero Seed.
func (s Seed) Reveal() []byte { return s.box.open() }

// IsZero says whether s is no seed.
func (s Seed) IsZero() bool { return s.box == nil }

// Equal compares in constant time.
func (s Seed) Equal(t Seed) bool { return s.box.equal(t.box) }

// Wipe overwrites s and all its copies with zeros.
func (s Seed) Wipe() { clear(s.box.open()) }

// Key is 32 bytes of key material. The zero Key is no key. Copies share their
// memory.
type Key struct {
	Redacted
	box *cell
}

// NewKey returns a random key.
func NewKey() Key { return Key{box: random()} }

// KeyFromBytes copies 32 bytes into a key.
func KeyFromBytes(b []byte) (Key, error) {
	box, err := boxed(b, "key")
	return Key{box: box}, err
}

// Reveal returns the bytes of k, not a copy; nil for the zero Key.
func (k Key) Reveal() []byte { return k.box.open() }

// IsZero says whether k is no key.
func (k Key) IsZero() bool { return k.box == nil }

// Equal compares in constant time.
func (k Key) Equal(l Key) bool { return k.box.equal(l.box) }

// Wipe overwrites k and all its copies with zeros.
func (k Key) Wipe() { clear(k.box.open()) }

// Secret is bytes of any length that must not be printed, logged or marshalled.
// The zero Secret is empty. Copies share their memory.
type Secret struct {
	Redacted
	box *cell
}

// NewSecret copies b.
func NewSecret(b []byte) Secret {
	return Secret{box: closed(append(make([]byte, 0, len(b)), b...))}
}

// Reveal returns the bytes of s, not a copy.
func (s Secret) Reveal() []byte { return s.box.open() }

// Len is the number of bytes.
func (s Secret) Len() int { return len(s.Reveal()) }

// Equal compares in constant time, but for the length.
func (s Secret) Equal(t Secret) bool {
	return s.box.equal(t.box)
}

// Wipe overwrites s and all its copies with zeros. The length stays.
func (s Secret) Wipe() { clear(s.Reveal()) }

// cell keeps bytes two pointers away from the value that a program may print by
// mistake: package fmt follows one for some verbs, but never two.
type cell struct{ bytes *[]byte }

func closed(b []byte) *cell { return &cell{bytes: &b} }

func (c *cell) open() []byte {
	if c == nil {
		return nil
	}
	return *c.bytes
}

func (c *cell) equal(d *cell) bool {
	return subtle.ConstantTimeCompare(c.open(), d.open()) == 1
}

func random() *cell {
	b := make([]byte, Size)
	rand.Read(b) // never fails: it ends the program instead
	return closed(b)
}

func boxed(b []byte, what string) (*cell, error) {
	if len(b) != Size {
		return nil, fmt.Errorf("%w: a %s is %d bytes, not %d", ErrMalformed, what, Size, len(b))
	}
	return closed(append(make([]byte, 0, Size), b...)), nil
}
