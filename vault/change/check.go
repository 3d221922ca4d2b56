package change

import (
	"strings"
	"unicode/utf8"
)

const (
	maxName  = 32 // bytes of a handle
	idLength = 26 // characters of an id, see keys.ID
)

// check holds the values of a draft to the grammar.
func (d Draft) check() error {
	switch {
	case !isName(d.Author.Handle):
		return bad("the author's handle is not a name")
	case !isID(d.Author.Device):
		return bad("the author's device is not an id")
	case !isID(d.Author.Vault):
		return bad("the author's vault is not an id")
	case d.Time < 0 || d.Time > MaxTime:
		return bad("the time is before 1970 or after the year 9999")
	case d.Seq == 0 || d.Seq > MaxSeq:
		return bad("Secr-Seq is not from 1 to %d", uint64(MaxSeq))
	}
	return CheckSubject(d.Subject)
}

// CheckSubject says whether a text can be the subject of a change: 1 to MaxSubject bytes
// of UTF-8 on one line, without a space at either end, control characters, or characters
// that turn the direction of writing or can't be seen.
func CheckSubject(s string) error {
	switch {
	case s == "" || len(s) > MaxSubject:
		return bad("the subject is not 1 to %d bytes long", MaxSubject)
	case !utf8.ValidString(s):
		return bad("the subject is not UTF-8")
	case strings.HasPrefix(s, " ") || strings.HasSuffix(s, " "):
		return bad("the subject starts or ends with a space")
	}
	for _, r := range s {
		if forbidden(r) {
			return bad("the subject has the control character %U", r)
		}
	}
	return nil
}

// forbidden is a fixed list, not a table of Unicode, so that it never changes what a
// published change means.
func forbidden(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7f && r <= 0x9f: // C0, DEL, C1
		return true
	case r == 0xad, r == 0x61c, r == 0xfeff: // soft hyphen, Arabic letter mark, byte order mark
		return true
	case r >= 0x200b && r <= 0x200f, r >= 0x2028 && r <= 0x202e: // zero width, marks, line ends, embeddings
		return true
	case r >= 0x2060 && r <= 0x206f: // invisible operators, isolates
		return true
	}
	return r >= 0xe0000 && r <= 0xe007f // tags
}

// isName says whether s is [a-z0-9][a-z0-9-]{0,31}.
func isName(s string) bool {
	if s == "" || len(s) > maxName || s[0] == '-' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// isID says whether s is 26 characters of lower-case base32.
func isID(s string) bool {
	if len(s) != idLength {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}
