package keys

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
)

// MaxWords is the most words that a fingerprint can have.
const MaxWords = 16

const (
	wordConsonants = "bdfghjklmnprstvz"
	wordVowels     = "aiou"
)

// Words is a fingerprint that two people can read to each other: n pronounceable
// words (proquints, 16 bits each) of a hash of data, joined by hyphens. n is 1 to
// [MaxWords]; six words withstand a search for a second thing with the same words.
func Words(data []byte, n int) string {
	if n < 1 || n > MaxWords {
		panic("keys: a fingerprint has 1 to 16 words")
	}
	h := sha256.New()
	h.Write([]byte("secr/1 words\n"))
	h.Write(data)
	sum := h.Sum(nil)
	words := make([]string, n)
	for i := range words {
		words[i] = word(binary.BigEndian.Uint16(sum[2*i:]))
	}
	return strings.Join(words, "-")
}

func word(x uint16) string {
	return string([]byte{
		wordConsonants[x>>12],
		wordVowels[x>>10&3],
		wordConsonants[x>>6&15],
		wordVowels[x>>4&3],
		wordConsonants[x&15],
	})
}
