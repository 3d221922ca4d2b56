package term

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLineTakesExactlyTheAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		multi, echo bool
		typed       string
		want        string
		rest        string
		err         error
	}{
		"enter":                         {typed: "abc\r", want: "abc"},
		"line feed":                     {typed: "abc\n", want: "abc"},
		"empty":                         {typed: "\r", want: ""},
		"spaces stay":                   {typed: "  a b  \r", want: "  a b  "},
		"tab stays":                     {typed: "a\tb\r", want: "a\tb"},
		"not UTF-8 stays":               {typed: "a\xff\xfeb\r", want: "a\xff\xfeb"},
		"backspace":                     {typed: "abx\x7fc\r", want: "abc"},
		"backspace over nothing":        {typed: "\x7f\x7fa\r", want: "a"},
		"backspace takes a character":   {typed: "aé\x7fb\r", want: "ab"},
		"backspace on a broken one":     {typed: "a\x80\x7fb\r", want: "ab"},
		"control-u":                     {typed: "wrong\x15right\r", want: "right"},
		"control-w":                     {typed: "one two\x17three\r", want: "one three"},
		"arrow is no input":             {typed: "a\x1b[Db\x1bOC\r", want: "ab"},
		"long sequence is no input":     {typed: "a\x1b[1;5;6;7Rb\r", want: "ab"},
		"other controls are dropped":    {typed: "a\x1ab\r", want: "ab"},
		"interrupt":                     {typed: "abc\x03", err: ErrInterrupted},
		"end with nothing":              {typed: "\x04", err: ErrInterrupted},
		"end after something":           {typed: "abc\x04", want: "abc"},
		"pasted":                        {typed: "\x1b[200~a\tb\x1b[201~\r", want: "a\tb"},
		"pasted with its line end":      {typed: "\x1b[200~abc\r\x1b[201~\r", want: "abc"},
		"pasted control-c is a byte":    {typed: "\x1b[200~a\x03b\x1b[201~\r", want: "a\x03b"},
		"pasted lines":                  {typed: "\x1b[200~a\rb\x1b[201~\r", err: ErrMoreLines},
		"pasted empty lines":            {typed: "\x1b[200~a\r\r\x1b[201~\r", err: ErrMoreLines},
		"lines without paste marks":     {typed: "a\rb\r", err: ErrMoreLines},
		"crlf is one end":               {typed: "a\r\n", want: "a"},
		"visible: the rest waits":       {echo: true, typed: "a\rb\r", want: "a", rest: "b\r"},
		"several lines":                 {multi: true, typed: "a\rb\r\x04", want: "a\nb"},
		"several lines, unfinished":     {multi: true, typed: "a\rb\x04", want: "a\nb"},
		"several lines keep empty ones": {multi: true, typed: "a\r\r\r\x04", want: "a\n\n"},
		"several lines pasted":          {multi: true, typed: "\x1b[200~-----BEGIN\r\nx\r\n-----END\r\n\x1b[201~\x04", want: "-----BEGIN\nx\n-----END"},
		"control-u takes one line":      {multi: true, typed: "a\rbad\x15b\x04", want: "a\nb"},
		"backspace stops at the line":   {multi: true, typed: "a\r\x7f\x7fb\x04", want: "a\nb"},
	} {
		t.Run(name, func(t *testing.T) {
			// The same bytes at once and one by one, as terminals deliver them.
			for _, whole := range []bool{true, false} {
				if !whole && (c.err == ErrMoreLines && !strings.Contains(c.typed, "[200~") || c.rest != "" || strings.HasSuffix(c.typed, "\r\n")) {
					continue // these need the bytes together
				}
				l := line{multi: c.multi, echo: c.echo, out: &bytes.Buffer{}}
				rest, done, err := feedAll(&l, c.typed, whole)
				if !errors.Is(err, c.err) {
					t.Fatalf("error %v, want %v", err, c.err)
				}
				if c.err != nil {
					continue
				}
				if !done {
					t.Fatal("the answer has no end")
				}
				if diff := cmp.Diff([]string{c.want, c.rest}, []string{string(l.answer()), string(rest)}); diff != "" {
					t.Errorf("answer and rest (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func feedAll(l *line, typed string, whole bool) (rest []byte, done bool, err error) {
	if whole {
		return l.feed([]byte(typed))
	}
	for i := range len(typed) {
		if rest, done, err = l.feed([]byte{typed[i]}); done || err != nil {
			return rest, done, err
		}
	}
	return nil, false, nil
}

func TestAnswerHasALimit(t *testing.T) {
	l := line{out: &bytes.Buffer{}}
	_, _, err := l.feed(bytes.Repeat([]byte{'a'}, maxAnswer+1))
	if !errors.Is(err, ErrTooLong) {
		t.Errorf("error %v, want %v", err, ErrTooLong)
	}
}

func TestHiddenLineShowsNothing(t *testing.T) {
	var out bytes.Buffer
	l := line{prompt: "Value: ", out: &out}
	if _, _, err := l.feed([]byte("hunter2\x7f\x15\x1b[200~hunter3\x1b[201~\r")); err != nil {
		t.Fatal(err)
	}
	if out.Len() != 0 {
		t.Errorf("shown while typing: %q", out.String())
	}
}

func TestVisibleLineIsCleanedAsItIsTyped(t *testing.T) {
	var out bytes.Buffer
	l := line{echo: true, out: &out}
	if _, _, err := l.feed([]byte("é\x1b[200~\x07\x9b\u202e\x1b[201~\r")); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); strings.ContainsAny(got, "\x07\x1b\u202e") || !strings.HasPrefix(got, "é") {
		t.Errorf("echo %q", got)
	}
}
