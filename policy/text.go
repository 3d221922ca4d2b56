package policy

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"
)

// ValidName says whether s may be a handle, or the name of a role, an environment
// or a device: [a-z0-9][a-z0-9-]{0,31}.
func ValidName(s string) bool {
	if len(s) == 0 || len(s) > MaxName || s[0] == '-' {
		return false
	}
	return only(s, "abcdefghijklmnopqrstuvwxyz0123456789-")
}

// ValidSecretName says whether s may be a secret's name:
// [A-Za-z_][A-Za-z0-9_]{0,127}.
func ValidSecretName(s string) bool {
	if len(s) == 0 || len(s) > MaxSecretName || '0' <= s[0] && s[0] <= '9' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c != '_' && !isLetter(c) && !isDigit(c) {
			return false
		}
	}
	return true
}

// ValidID says whether s has the form of an id made by keys.ID.
func ValidID(s string) bool {
	return len(s) == idLength && only(s, "abcdefghijklmnopqrstuvwxyz234567")
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isLower(c byte) bool  { return 'a' <= c && c <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }

// only says whether s has no byte outside the set.
func only(s, set string) bool {
	for i := range len(s) {
		if strings.IndexByte(set, s[i]) < 0 {
			return false
		}
	}
	return true
}

// validText says whether s is UTF-8 of at most limit bytes without control
// characters: U+0000 to U+001F and U+007F to U+009F, a list that no table of
// Unicode can change.
func validText(s string, limit int) bool {
	if len(s) > limit || !utf8.ValidString(s) {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool { return r < 0x20 || 0x7f <= r && r <= 0x9f }) < 0
}

// validSum says whether s is a SHA-256 in lower-case hex.
func validSum(s string) bool { return len(s) == 64 && only(s, "0123456789abcdef") }

// ascending says whether a list is sorted bytewise with no entry twice.
func ascending(list []string) bool {
	for i := 1; i < len(list); i++ {
		if list[i-1] >= list[i] {
			return false
		}
	}
	return true
}

// Hex32 is 32 bytes that are written as lower-case hex.
type Hex32 [32]byte

// MarshalText writes lower-case hex.
func (h Hex32) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText reads exactly 64 digits of lower-case hex.
func (h *Hex32) UnmarshalText(text []byte) error { return unhex(h[:], text) }

// Hex64 is 64 bytes that are written as lower-case hex.
type Hex64 [64]byte

// MarshalText writes lower-case hex.
func (h Hex64) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText reads exactly 128 digits of lower-case hex.
func (h *Hex64) UnmarshalText(text []byte) error { return unhex(h[:], text) }

func unhex(to, text []byte) error {
	if len(text) != hex.EncodedLen(len(to)) || !only(string(text), "0123456789abcdef") {
		return fmt.Errorf("not %d bytes of lower-case hex", len(to))
	}
	_, err := hex.Decode(to, text)
	return err
}
