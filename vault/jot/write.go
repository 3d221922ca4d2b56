package jot

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Form is how an object looks.
type Form bool

// The forms: one line without any white space, or a line for each field and item,
// indented by two spaces.
const (
	Compact  Form = false
	Indented Form = true
)

// Append adds the object with these fields to b, without a final newline.
func Append(b []byte, fields Fields, form Form) []byte {
	w := writer{out: b, form: form}
	w.object(fields)
	return w.out
}

type writer struct {
	out   []byte
	form  Form
	depth int
}

func (w *writer) object(fields Fields) {
	w.items('{', '}', len(fields), func(i int) {
		w.string(fields[i].Name)
		w.out = append(w.out, ':')
		if w.form == Indented {
			w.out = append(w.out, ' ')
		}
		w.value(fields[i].Value)
	})
}

func (w *writer) value(from any) {
	switch from := from.(type) {
	case *string:
		w.string(*from)
	case *bool:
		w.out = strconv.AppendBool(w.out, *from)
	case *int64:
		w.out = strconv.AppendInt(w.out, *from, 10)
	case *uint64:
		w.out = strconv.AppendUint(w.out, *from, 10)
	case *[]string:
		w.items('[', ']', len(*from), func(i int) { w.string((*from)[i]) })
	case list:
		from.write(w)
	default:
		panic(fmt.Sprintf("jot: no field can be a %T", from))
	}
}

func (w *writer) items(open, end byte, count int, item func(i int)) {
	w.out = append(w.out, open)
	w.depth++
	for i := range count {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		w.line()
		item(i)
	}
	w.depth--
	if count > 0 {
		w.line()
	}
	w.out = append(w.out, end)
}

func (w *writer) line() {
	if w.form == Compact {
		return
	}
	w.out = append(w.out, '\n')
	for range w.depth {
		w.out = append(w.out, "  "...)
	}
}

// string writes a text in quotes. U+2028 and U+2029 are escaped for the sake of
// JavaScript, which takes them for ends of lines.
func (w *writer) string(text string) {
	w.out = append(w.out, '"')
	for i, c := range text {
		invalid := c == utf8.RuneError && !strings.HasPrefix(text[i:], "\uFFFD")
		switch {
		case c == '"' || c == '\\':
			w.out = append(w.out, '\\', byte(c))
		case c < ' ' || c == '\u2028' || c == '\u2029' || invalid:
			w.escape(c)
		default:
			w.out = utf8.AppendRune(w.out, c)
		}
	}
	w.out = append(w.out, '"')
}

func (w *writer) escape(c rune) {
	const digits = "0123456789abcdef"
	switch c {
	case '\b':
		w.out = append(w.out, `\b`...)
	case '\f':
		w.out = append(w.out, `\f`...)
	case '\n':
		w.out = append(w.out, `\n`...)
	case '\r':
		w.out = append(w.out, `\r`...)
	case '\t':
		w.out = append(w.out, `\t`...)
	default:
		w.out = append(w.out, '\\', 'u', digits[c>>12&15], digits[c>>8&15], digits[c>>4&15], digits[c&15])
	}
}
