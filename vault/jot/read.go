package jot

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Read fills fields with what text says. A list that is there is not nil, even if empty.
func Read(text string, fields Fields) error {
	r := reader{text: text}
	r.object(fields)
	r.space()
	if r.at != len(r.text) {
		r.failed = true
	}
	if r.failed {
		return fmt.Errorf("%w: at byte %d", ErrMalformed, r.at)
	}
	return nil
}

// reader goes through a text. Once it has failed it reads nothing more.
type reader struct {
	text   string
	at     int
	failed bool
}

// object reads an object with these fields, each at most once.
func (r *reader) object(fields Fields) {
	var seen uint64 // no object here has more than 64 fields
	r.items('{', '}', func() {
		name := r.string()
		r.need(':')
		i := 0
		for i < len(fields) && fields[i].Name != name {
			i++
		}
		if i == len(fields) || seen&(1<<i) != 0 {
			r.failed = true
			return
		}
		seen |= 1 << i
		r.value(fields[i].Value)
	})
}

func (r *reader) value(to any) {
	switch to := to.(type) {
	case *string:
		*to = r.string()
	case *bool:
		*to = r.boolean()
	case *int64:
		*to = number(r, func(digits string) (int64, error) { return strconv.ParseInt(digits, 10, 64) })
	case *uint64:
		*to = number(r, func(digits string) (uint64, error) { return strconv.ParseUint(digits, 10, 64) })
	case *[]string:
		*to = []string{}
		r.items('[', ']', func() { *to = append(*to, r.string()) })
	case list:
		to.read(r)
	default:
		panic(fmt.Sprintf("jot: no field can be a %T", to))
	}
}

// items reads what stands between two brackets, separated by commas.
func (r *reader) items(open, end byte, item func()) {
	r.need(open)
	if r.next() == end {
		r.at++
		return
	}
	for !r.failed {
		item()
		if r.next() != ',' {
			break
		}
		r.at++
	}
	r.need(end)
}

// next is the byte that comes after white space, 0 at the end or after a failure.
func (r *reader) next() byte {
	r.space()
	if r.failed || r.at == len(r.text) {
		return 0
	}
	return r.text[r.at]
}

func (r *reader) space() {
	for r.at < len(r.text) && strings.IndexByte(" \t\r\n", r.text[r.at]) >= 0 {
		r.at++
	}
}

func (r *reader) need(c byte) {
	if r.next() != c {
		r.failed = true
		return
	}
	r.at++
}

func (r *reader) boolean() bool {
	r.space()
	for _, word := range []string{"true", "false"} {
		if strings.HasPrefix(r.text[r.at:], word) {
			r.at += len(word)
			return word == "true"
		}
	}
	r.failed = true
	return false
}

// number reads digits, which may not begin with a needless zero.
func number[T int64 | uint64](r *reader, parse func(string) (T, error)) T {
	r.space()
	begin := r.at
	for r.at < len(r.text) && (r.text[r.at] == '-' || '0' <= r.text[r.at] && r.text[r.at] <= '9') {
		r.at++
	}
	word := r.text[begin:r.at]
	n, err := parse(word)
	if digits := strings.TrimPrefix(word, "-"); err != nil || len(digits) > 1 && digits[0] == '0' {
		r.failed = true
	}
	return n
}

// string reads a text in quotes.
func (r *reader) string() string {
	r.need('"')
	begin := r.at
	for !r.failed && r.at < len(r.text) {
		switch c := r.text[r.at]; {
		case c == '"':
			text := r.text[begin:r.at]
			r.failed = !utf8.ValidString(text)
			r.at++
			return text
		case c == '\\':
			return r.escaped([]byte(r.text[begin:r.at]))
		case c < ' ':
			r.failed = true
		default:
			r.at++
		}
	}
	r.failed = true
	return ""
}

// escaped reads the rest of a text from its first backslash on.
func (r *reader) escaped(text []byte) string {
	for !r.failed && r.at < len(r.text) {
		c := r.text[r.at]
		r.at++
		switch {
		case c == '"':
			r.failed = !utf8.Valid(text)
			return string(text)
		case c == '\\':
			text = utf8.AppendRune(text, r.escape())
		case c < ' ':
			r.failed = true
		default:
			text = append(text, c)
		}
	}
	r.failed = true
	return ""
}

// escape reads what follows a backslash.
func (r *reader) escape() rune {
	if r.at == len(r.text) {
		r.failed = true
		return 0
	}
	c := r.text[r.at]
	r.at++
	if c == 'u' {
		return r.codePoint()
	}
	i := strings.IndexByte(`"\/bfnrt`, c)
	if i < 0 {
		r.failed = true
		return 0
	}
	return rune("\"\\/\b\f\n\r\t"[i])
}

// codePoint reads four hex digits, or twice four of a surrogate pair.
func (r *reader) codePoint() rune {
	one := r.hex4()
	if !utf16.IsSurrogate(one) {
		return one
	}
	if !strings.HasPrefix(r.text[r.at:], `\u`) {
		r.failed = true
		return 0
	}
	r.at += len(`\u`)
	pair := utf16.DecodeRune(one, r.hex4())
	if pair == utf8.RuneError {
		r.failed = true
	}
	return pair
}

func (r *reader) hex4() rune {
	if len(r.text)-r.at < 4 {
		r.failed = true
		return 0
	}
	n, err := strconv.ParseUint(r.text[r.at:r.at+4], 16, 16)
	if err != nil {
		r.failed = true
	}
	r.at += 4
	return rune(n)
}
