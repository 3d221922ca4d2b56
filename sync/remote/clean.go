package remote

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxLine    = 300 // runes of one line of a host's message
	maxLines   = 20
	maxMessage = 2048 // bytes
)

// Clean makes text that somebody else wrote safe for one line of a terminal: escape
// sequences and control characters go, so do the invisible characters that reorder
// text, and it is cut to a bounded length.
func Clean(text string) string {
	var b strings.Builder
	count := 0
	for i := 0; i < len(text); {
		if n := escapeLength(text[i:]); n > 0 {
			i += n
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		i += size
		switch {
		case r == '\t' || r == '\n' || r == '\r':
			r = ' '
		case r == utf8.RuneError || !unicode.IsPrint(r):
			continue
		}
		if count++; count > maxLine {
			b.WriteString("...")
			break
		}
		b.WriteRune(r)
	}
	return strings.TrimRight(b.String(), " ")
}

// CleanLines is Clean for a message of several lines; empty lines are dropped.
func CleanLines(text string) string {
	var lines []string
	size := 0
	for raw := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		line := Clean(raw)
		if line == "" {
			continue
		}
		if size += len(line) + 1; len(lines) == maxLines || size > maxMessage {
			lines = append(lines, "...")
			break
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// escapeLength is the length of the terminal escape sequence at the start of s, or 0.
// An unfinished sequence runs to the end: nothing after it would be seen as text.
func escapeLength(s string) int {
	switch {
	case strings.HasPrefix(s, "\x1b["):
		return csiLength(s, 2)
	case strings.HasPrefix(s, "\u009b"):
		return csiLength(s, len("\u009b"))
	case len(s) > 1 && s[0] == 0x1b && strings.IndexByte("]P_^X", s[1]) >= 0:
		return stringLength(s, 2)
	case len(s) > 1 && s[0] == 0x1b:
		return 2
	case s[0] == 0x1b:
		return 1
	}
	return 0
}

// csiLength covers ESC [ parameters and one final byte.
func csiLength(s string, from int) int {
	for i := from; i < len(s); i++ {
		if s[i] >= 0x40 && s[i] <= 0x7e {
			return i + 1
		}
		if s[i] < 0x20 || s[i] > 0x7e {
			return i
		}
	}
	return len(s)
}

// stringLength covers ESC ] text, up to BEL or ESC \.
func stringLength(s string, from int) int {
	for i := from; i < len(s); i++ {
		if s[i] == 0x07 {
			return i + 1
		}
		if s[i] == 0x1b && i+1 < len(s) && s[i+1] == '\\' {
			return i + 2
		}
	}
	return len(s)
}

func isControl(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }
