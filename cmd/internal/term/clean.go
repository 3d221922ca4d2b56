package term

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// maxMarks is how many combining marks may stand on one character: real writing needs
// two or three; towers of them climb over the lines above.
const maxMarks = 3

// Clean makes text that somebody else wrote safe for one line of a terminal: a secret's
// name, a note, a handle, a remote's message, an error. Control characters, escape
// sequences, line breaks, characters that turn the direction of writing, that can't be
// seen or that hide others, and bytes that are not UTF-8 are replaced by what a Go
// string literal would show, such as \x1b or \u202e, so that a reader sees that
// something was there. Everything else stays as it is.
func Clean(s string) string { return clean(s, false) }

// Message is Clean for text that may have several lines, such as what a host says: those
// after the first are set in, so that none can pass for a line of secr's own.
func Message(s string) string { return CleanLines(strings.ReplaceAll(s, "\n", "\n  ")) }

// CleanLines is Clean for text of several lines: line feeds stay.
func CleanLines(s string) string { return clean(s, true) }

func clean(s string, lines bool) string {
	if plain(s) {
		return s
	}
	var out strings.Builder
	marks := maxMarks // a mark at the beginning would sit on what stands before the text
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n <= 1:
			fmt.Fprintf(&out, `\x%02x`, s[0])
			marks = 0
		case lines && r == '\n':
			out.WriteByte('\n')
			marks = maxMarks
		case unicode.Is(unicode.M, r) && !invisible(r):
			if marks++; marks > maxMarks {
				escape(&out, r)
			} else {
				out.WriteRune(r)
			}
		case !unicode.IsPrint(r) || invisible(r):
			escape(&out, r)
			marks = 0
		default:
			out.WriteRune(r)
			marks = 0
		}
		s = s[n:]
	}
	return out.String()
}

// CleanJSON makes a JSON document safe for a terminal without changing what it says:
// characters that would do something to a terminal, or that can't be seen, are spelled as
// \u escapes. In JSON such characters stand in texts only, where that is the same.
func CleanJSON(doc []byte) []byte {
	if !slices.ContainsFunc(doc, func(b byte) bool { return b >= 0x7f }) {
		return doc
	}
	out := make([]byte, 0, len(doc)+64)
	for len(doc) > 0 {
		r, n := utf8.DecodeRune(doc)
		if r < 0x7f || unicode.IsPrint(r) && !invisible(r) {
			out = append(out, doc[:n]...)
		} else {
			for _, unit := range utf16.AppendRune(nil, r) {
				out = fmt.Appendf(out, `\u%04x`, unit)
			}
		}
		doc = doc[n:]
	}
	return out
}

// plain tells text of printable ASCII alone: nearly all of it.
func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

func escape(out *strings.Builder, r rune) {
	switch {
	case r == '\n':
		out.WriteString(`\n`)
	case r == '\r':
		out.WriteString(`\r`)
	case r == '\t':
		out.WriteString(`\t`)
	case r < 0x100:
		fmt.Fprintf(out, `\x%02x`, r)
	case r < 0x10000:
		fmt.Fprintf(out, `\u%04x`, r)
	default:
		fmt.Fprintf(out, `\U%08x`, r)
	}
}

// invisible are letters, marks and symbols that Unicode calls printable and that show
// nothing. Format characters (bidi, zero width, tags) are not printable to begin with.
func invisible(r rune) bool {
	switch {
	case r == 0x034f, r == 0x115f, r == 0x1160, r == 0x17b4, r == 0x17b5, r == 0x3164, r == 0xffa0, r == 0x2800:
		return true
	case r >= 0x180b && r <= 0x180f, r >= 0xfe00 && r <= 0xfe0f, r >= 0xe0100 && r <= 0xe01ef:
		return true
	case r == 0xfffc, r == 0x1d159:
		return true
	}
	return false
}
