package canonical

import (
	"strings"
	"unicode/utf8"
)

// MaxSecretName is the most bytes that a secret's name may have.
const MaxSecretName = 128

// ValidSecretName says whether s may be a secret's name:
// [A-Za-z_][A-Za-z0-9_]{0,127}.
func ValidSecretName(s string) bool {
	if len(s) == 0 || len(s) > MaxSecretName || '0' <= s[0] && s[0] <= '9' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && c != '_' && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// ValidText says whether s is UTF-8 of at most limit bytes without control
// characters: U+0000 to U+001F and U+007F to U+009F, a list that no table of
// Unicode can change. What else a terminal should not see, it may still hold.
func ValidText(s string, limit int) bool {
	if len(s) > limit || !utf8.ValidString(s) {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool { return r < 0x20 || 0x7f <= r && r <= 0x9f }) < 0
}

// Ascending says whether a list is sorted bytewise with no entry twice.
func Ascending(list []string) bool {
	for i := 1; i < len(list); i++ {
		if list[i-1] >= list[i] {
			return false
		}
	}
	return true
}
