// Package dotenv reads and writes .env files without changing a value.
//
// Programs disagree about these files, so the grammar is written down here. A
// file is UTF-8 lines: empty ones, comments that start with #, and assignments
//
//	[export ]NAME=value        to the end of the line or to a # after a space, trimmed
//	[export ]NAME='value'      exactly, over several lines too
//	[export ]NAME="value"      the same, with the escapes \n \r \" \\ and \$
//
// Nothing is interpolated: a dollar sign is a dollar sign. Values are read by
// github.com/joho/godotenv, one assignment at a time, with the characters
// hidden from it that it would expand or lose.
package dotenv

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/joho/godotenv"
)

// ErrSyntax is a file outside the grammar. The words around it name the line,
// never its content.
var ErrSyntax = errors.New("not a .env file")

// limit is far above any honest file.
const limit = 16 << 20

// Entry is one assignment.
type Entry struct {
	Name  string
	Value string
	// Line is where it starts, counted from 1.
	Line int
}

// Parse reads a file. A name that occurs twice counts with its last value and
// line, as in a shell. Names are not judged beyond [A-Za-z0-9_.-]+.
func Parse(data []byte) ([]Entry, error) {
	if len(data) > limit {
		return nil, fmt.Errorf("%w: larger than %d bytes", ErrSyntax, limit)
	}
	text := strings.ReplaceAll(string(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))), "\r\n", "\n")
	if !utf8.ValidString(text) || strings.ContainsAny(text, "\x00"+standIns) {
		return nil, fmt.Errorf("%w: it is not plain UTF-8 text", ErrSyntax)
	}
	var entries []Entry
	last := map[string]int{}
	for line := 1; text != ""; {
		s, err := cut(text)
		if err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrSyntax, line, err)
		}
		if s.name != "" {
			value, err := s.value()
			if err != nil {
				return nil, fmt.Errorf("%w: line %d: %w", ErrSyntax, line, err)
			}
			last[s.name] = len(entries)
			entries = append(entries, Entry{Name: s.name, Value: value, Line: line})
		}
		line += s.lines
		text = text[s.length:]
	}
	kept := entries[:0]
	for i, e := range entries {
		if last[e.Name] == i {
			kept = append(kept, e)
		}
	}
	return kept, nil
}

// statement is one line, or as many as a quoted value spans. name is empty for
// empty lines and comments.
type statement struct {
	name, raw     string // raw is the value with its quotes
	length, lines int
}

// cut takes the first statement off text.
func cut(text string) (statement, error) {
	first, _, _ := strings.Cut(text, "\n")
	one := statement{length: min(len(first)+1, len(text)), lines: 1}
	trimmed := strings.TrimSpace(first)
	if trimmed == "" || trimmed[0] == '#' {
		return one, nil
	}
	name, value, found := strings.Cut(first, "=")
	if !found {
		return one, errors.New("there is no =")
	}
	one.name = strings.TrimSpace(name)
	if after, exported := strings.CutPrefix(one.name, "export "); exported {
		one.name = strings.TrimSpace(after)
	}
	if one.name == "" || strings.Trim(one.name, letters) != "" {
		return one, errors.New("that is no name of a variable")
	}
	value = strings.TrimLeft(value, " \t")
	if value != "" && (value[0] == '\'' || value[0] == '"') {
		return cutQuoted(one, text, len(first)-len(value))
	}
	if at := comment(first[len(name)+1:]); at >= 0 {
		value = first[len(name)+1:][:at]
	}
	one.raw = strings.TrimSpace(value)
	return one, nil
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"

// comment is where a # follows a space, or -1.
func comment(value string) int {
	for i := 1; i < len(value); i++ {
		if value[i] == '#' && (value[i-1] == ' ' || value[i-1] == '\t') {
			return i
		}
	}
	return -1
}

// cutQuoted finishes a statement whose value opens a quote at open.
func cutQuoted(s statement, text string, open int) (statement, error) {
	end := closing(text, open)
	if end < 0 {
		return s, errors.New("a quote is not closed")
	}
	s.raw = text[open : end+1]
	tail, _, _ := strings.Cut(text[end+1:], "\n")
	s.length = min(end+1+len(tail)+1, len(text))
	s.lines += strings.Count(s.raw, "\n")
	if rest := strings.TrimLeft(tail, " \t"); rest != "" && (rest[0] != '#' || rest == tail) {
		return s, errors.New("something follows the closing quote")
	}
	return s, nil
}

// closing is where the quote at open is closed, or -1.
func closing(text string, open int) int {
	for i := open + 1; i < len(text); i++ {
		switch {
		case text[i] == text[open]:
			return i
		case text[i] == '\\' && text[open] == '"':
			i++
		}
	}
	return -1
}

// Stand-ins are private-use characters that no file may have itself. They take
// the places of the characters that godotenv would expand ($), trim (quotes),
// drop (a backslash before any letter) or misread (#).
const (
	dollar    = "\uf8f0"
	quote     = "\uf8f1"
	backslash = "\uf8f2"
	hash      = "\uf8f3"
	single    = "\uf8f4"
	standIns  = dollar + quote + backslash + hash + single
)

// value has the raw value read by godotenv.
func (s statement) value() (string, error) {
	plain := []string{"$", dollar, "#", hash}
	switch {
	case strings.HasPrefix(s.raw, `"`):
		plain = append(plain, `\n`, `\n`, `\r`, `\r`, `\"`, quote, `\\`, backslash, `\$`, dollar, `\`, backslash)
	default:
		plain = append(plain, `\`, backslash)
	}
	hidden := strings.NewReplacer(plain...).Replace(s.raw)
	if s.raw != "" && s.raw[0] != '"' && s.raw[0] != '\'' {
		hidden = strings.NewReplacer(`"`, quote, `'`, single).Replace(hidden)
	}
	read, err := godotenv.Unmarshal("X=" + hidden)
	if err != nil {
		return "", errors.New("its value can't be read") // the library's words quote the value
	}
	return strings.NewReplacer(dollar, "$", quote, `"`, backslash, `\`, hash, "#", single, "'").Replace(read["X"]), nil
}

// Format writes entries so that Parse, and the common readers of .env files,
// give the same values back.
func Format(entries []Entry) ([]byte, error) {
	var b bytes.Buffer
	for _, e := range entries {
		if !utf8.ValidString(e.Value) || strings.ContainsAny(e.Value, "\x00"+standIns) {
			return nil, fmt.Errorf("%s: its value is not text, which a .env file can't hold", e.Name)
		}
		fmt.Fprintf(&b, "%s=%s\n", e.Name, quoted(e.Value))
	}
	return b.Bytes(), nil
}

// quoted chooses the plainest spelling: bare, in single quotes, in double ones.
func quoted(value string) string {
	switch {
	case value == "":
		return ""
	case strings.Trim(value, letters+"/:@%+,") == "":
		return value
	case !strings.ContainsAny(value, "'\r"):
		return "'" + value + "'"
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "\r", `\r`, "\n", `\n`).Replace(value) + `"`
}
