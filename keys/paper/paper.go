// Package paper spells a seed as 24 English words for a sheet of paper, and reads
// them back: the form of BIP-39 (256 bits, a checksum of 8), which people know, and
// for which other tools exist should this one be gone. The words are the seed
// itself; nothing is derived.
package paper

import (
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/secr/secr/keys"
)

// Count is the number of words.
const Count = 24

var (
	// ErrCount says that there are not 24 words.
	ErrCount = errors.New("a recovery sheet has 24 words")
	// ErrWord says that one of them is no word of the list. See [WordError].
	ErrWord = errors.New("not a word of a recovery sheet")
	// ErrChecksum says that all are words of the list, and that they belong together
	// in another way: a word is another, or two changed places.
	ErrChecksum = errors.New("the words do not belong together; is one misread, or are two swapped?")
)

// WordError says which word is none of the list. It does not repeat it.
type WordError struct{ Number int } // from 1

// Error names the place.
func (e *WordError) Error() string { return fmt.Sprintf("word %d is %v", e.Number, ErrWord) }

// Unwrap returns [ErrWord].
func (e *WordError) Unwrap() error { return ErrWord }

// list is the English list of BIP-39, 2,048 words in alphabetical order, of which
// no two share their first four letters.
//
//go:embed words.txt
var list string

// Words spells a seed: 24 words with a space between. It panics for the zero Seed.
func Words(s keys.Seed) keys.Secret {
	if s.IsZero() {
		panic("paper: words of no seed")
	}
	words := strings.Fields(list)
	bits := bits(s.Reveal())
	defer clear(bits)
	var text []byte
	for i := range Count {
		if i > 0 {
			text = append(text, ' ')
		}
		text = append(text, words[number(bits, 11*i)]...)
	}
	defer clear(text)
	return keys.NewSecret(text)
}

// bits is a seed with its checksum behind.
func bits(seed []byte) []byte {
	sum := sha256.Sum256(seed)
	return append(append(make([]byte, 0, keys.Size+1), seed...), sum[0])
}

// number is the 11 bits at an offset.
func number(bits []byte, at int) int {
	n := 0
	for i := at; i < at+11; i++ {
		n = n<<1 | int(bits[i/8]>>(7-i%8)&1)
	}
	return n
}

// Seed reads what [Words] wrote, as a person types it: case, spaces and line ends
// do not matter, and the first four letters of a word are enough.
func Seed(text keys.Secret) (keys.Seed, error) {
	typed := strings.Fields(strings.ToLower(string(text.Reveal())))
	if len(typed) != Count {
		return keys.Seed{}, fmt.Errorf("%w, not %d", ErrCount, len(typed))
	}
	words := strings.Fields(list)
	got := make([]byte, keys.Size+1)
	defer clear(got)
	for i, w := range typed {
		n, ok := find(words, w)
		if !ok {
			return keys.Seed{}, &WordError{Number: i + 1}
		}
		for b := range 11 {
			at := 11*i + b
			got[at/8] |= byte(n>>(10-b)&1) << (7 - at%8)
		}
	}
	if !slices.Equal(bits(got[:keys.Size]), got) {
		return keys.Seed{}, ErrChecksum
	}
	return keys.SeedFromBytes(got[:keys.Size])
}

// find is the number of a word, or of the one that begins with four letters or more.
func find(words []string, typed string) (int, bool) {
	n, ok := slices.BinarySearch(words, typed)
	if ok {
		return n, true
	}
	return n, len(typed) >= 4 && n < len(words) && strings.HasPrefix(words[n], typed)
}
