package policy

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// ValidName says whether s may be a handle, or the name of a role, an environment
// or a device: [a-z0-9][a-z0-9-]{0,31}.
func ValidName(s string) bool {
	if len(s) == 0 || len(s) > MaxName || s[0] == '-' {
		return false
	}
	return only(s, "abcdefghijklmnopqrstuvwxyz0123456789-")
}

// ValidID says whether s has the form of an id made by keys.ID.
func ValidID(s string) bool {
	return len(s) == idLength && only(s, "abcdefghijklmnopqrstuvwxyz234567")
}

func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// only says whether s has no byte outside the set.
func only(s, set string) bool {
	for i := range len(s) {
		if strings.IndexByte(set, s[i]) < 0 {
			return false
		}
	}
	return true
}

// validSum says whether s is a SHA-256 in lower-case hex.
func validSum(s string) bool { return len(s) == 64 && only(s, "0123456789abcdef") }

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
