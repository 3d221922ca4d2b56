package keys

import (
	"crypto/sha256"
	"fmt"
	"strings"
)

const (
	tokenPrefix = "secrtok1_"
	tokenCheck  = 4
	tokenLength = len(tokenPrefix) + (8*(Size+tokenCheck)+4)/5
)

// FormatToken spells a seed as one line that can be copied: a machine identity.
func FormatToken(s Seed) Secret {
	if s.IsZero() {
		panic("keys: token of no seed")
	}
	b := append(append(make([]byte, 0, Size+tokenCheck), s.Reveal()...), tokenSum(s)...)
	defer clear(b)
	text := make([]byte, tokenLength)
	copy(text, tokenPrefix)
	lowerBase32().Encode(text[len(tokenPrefix):], b)
	return Secret{box: closed(text)}
}

// ParseToken reads what [FormatToken] wrote, in that one spelling. Its errors
// say what is wrong, never what was read.
func ParseToken(text string) (Seed, error) {
	body, ok := strings.CutPrefix(text, tokenPrefix)
	if !ok {
		return Seed{}, fmt.Errorf("%w: a token starts with %s", ErrMalformed, tokenPrefix)
	}
	if len(text) != tokenLength {
		return Seed{}, fmt.Errorf("%w: a token is %d characters, not %d", ErrMalformed, tokenLength, len(text))
	}
	b, err := lowerBase32().DecodeString(body)
	if err != nil || len(b) != Size+tokenCheck {
		return Seed{}, fmt.Errorf("%w: a token has lower-case letters and the digits 2 to 7 only", ErrMalformed)
	}
	defer clear(b)
	s, err := SeedFromBytes(b[:Size])
	if err != nil {
		return Seed{}, err
	}
	if again := FormatToken(s); string(again.Reveal()) != text {
		return Seed{}, fmt.Errorf("%w: the token's check characters do not fit; was it copied whole?", ErrMalformed)
	}
	return s, nil
}

func tokenSum(s Seed) []byte {
	h := sha256.New()
	h.Write([]byte("secr/1 token\n"))
	h.Write(s.Reveal())
	return h.Sum(nil)[:tokenCheck]
}
