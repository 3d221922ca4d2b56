package term

import (
	"fmt"
	"io"
	"unicode/utf8"
)

// Bracketed paste: terminals that know it put marks around pasted text, which tell a
// pasted line feed from the Enter key.
const (
	pasteOn  = "\x1b[?2004h"
	pasteOff = "\x1b[?2004l"
)

// maxAnswer is a value's limit and a little for its line ends.
const maxAnswer = 1<<20 + 16

const (
	ctrlC     = 0x03
	ctrlD     = 0x04
	backspace = 0x08
	ctrlU     = 0x15
	ctrlW     = 0x17
	escapeKey = 0x1b
	deleteKey = 0x7f
)

// line collects the answer to one question from the bytes of a raw terminal. Bytes are
// kept as they come: a pasted tab or a byte that is not UTF-8 belongs to the secret.
type line struct {
	prompt string
	echo   bool
	multi  bool
	out    io.Writer

	buf      []byte
	sequence []byte // an escape sequence so far; nil outside of one
	paste    bool
	pasteEnd bool // a line feed was pasted: nothing may come after it
	tooMany  bool // something did: the rest of the paste is swallowed, then refused
	cr       bool // the byte before was a carriage return
}

// feed takes bytes until the answer is complete. It returns those behind it.
func (l *line) feed(chunk []byte) (rest []byte, done bool, err error) {
	for i, b := range chunk {
		done, err := l.key(b)
		if err != nil {
			return nil, true, err
		}
		if len(l.buf) > maxAnswer {
			return nil, true, ErrTooLong
		}
		if !done {
			continue
		}
		rest = chunk[i+1:]
		if b == '\r' && len(rest) > 0 && rest[0] == '\n' {
			rest = rest[1:]
		}
		// On a terminal without bracketed paste this is how several lines look. What
		// is left of them must not become an answer, nor the shell's next command.
		if !l.echo && len(rest) > 0 {
			return nil, true, ErrMoreLines
		}
		return rest, true, nil
	}
	return nil, false, nil
}

// key takes one byte.
func (l *line) key(b byte) (done bool, err error) {
	cr := l.cr
	l.cr = b == '\r'
	switch {
	case l.sequence != nil:
		return false, l.escaped(b)
	case b == escapeKey:
		l.sequence = make([]byte, 0, 8)
		return false, nil
	case b == '\n' && cr:
		return false, nil
	case b == '\r' || b == '\n':
		return l.enter()
	case l.paste:
		if l.tooMany = l.tooMany || l.pasteEnd; !l.tooMany {
			l.add(b)
		}
		return false, nil
	}
	switch b {
	case ctrlC:
		return false, ErrInterrupted
	case ctrlD:
		if len(l.buf) == 0 {
			return false, ErrInterrupted
		}
		return true, nil
	case backspace, deleteKey:
		l.erase(l.lastRune())
	case ctrlU:
		l.erase(len(l.buf) - l.lineStart())
	case ctrlW:
		l.erase(l.lastWord())
	default:
		if b >= 0x20 || b == '\t' {
			l.add(b)
		}
	}
	return false, nil
}

func (l *line) enter() (done bool, err error) {
	switch {
	case l.multi:
		l.add('\n')
		fmt.Fprint(l.out, "\r\n")
		return false, nil
	case !l.paste:
		return true, nil
	}
	l.tooMany = l.pasteEnd
	l.pasteEnd = true
	return false, nil
}

// escaped takes a byte of an escape sequence: an arrow, a function key, a paste mark.
// None of them is part of an answer.
func (l *line) escaped(b byte) error {
	l.sequence = append(l.sequence, b)
	s := l.sequence
	switch {
	case len(s) == 1 && (b == '[' || b == 'O'):
		return nil
	case s[0] == '[' && (b < 0x40 || b > 0x7e) && len(s) < 32:
		return nil
	case string(s) == "[200~":
		l.paste, l.pasteEnd = true, false
	case string(s) == "[201~":
		l.paste, l.pasteEnd = false, false
	}
	l.sequence = nil
	if l.tooMany && !l.paste {
		return ErrMoreLines
	}
	return nil
}

// add appends a byte; a buffer that grows is wiped behind.
func (l *line) add(b byte) {
	if len(l.buf) == cap(l.buf) {
		bigger := make([]byte, len(l.buf), 2*cap(l.buf)+1024)
		copy(bigger, l.buf)
		clear(l.buf)
		l.buf = bigger
	}
	l.buf = append(l.buf, b)
	if l.echo {
		l.show(b)
	}
}

// show echoes what was typed, once its last byte is here.
func (l *line) show(b byte) {
	if b < utf8.RuneSelf {
		fmt.Fprint(l.out, Clean(string(rune(b))))
		return
	}
	n := l.lastRune()
	if last := l.buf[len(l.buf)-n:]; utf8.Valid(last) {
		fmt.Fprint(l.out, Clean(string(last)))
	}
}

// erase takes bytes off the end and draws the line again.
func (l *line) erase(n int) {
	if n == 0 {
		return
	}
	clear(l.buf[len(l.buf)-n:])
	l.buf = l.buf[:len(l.buf)-n]
	if l.echo {
		fmt.Fprint(l.out, "\r\x1b[K", l.prompt, Clean(string(l.buf)))
	}
}

// lastRune is the number of bytes of the character before the cursor. It stays on the
// current line.
func (l *line) lastRune() int {
	b := l.buf[l.lineStart():]
	if len(b) == 0 {
		return 0
	}
	// An unfinished or broken character goes byte by byte, as it came.
	_, n := utf8.DecodeLastRune(b)
	return n
}

func (l *line) lastWord() int {
	end, start := len(l.buf), l.lineStart()
	i := end
	for i > start && l.buf[i-1] == ' ' {
		i--
	}
	for i > start && l.buf[i-1] != ' ' {
		i--
	}
	return end - i
}

func (l *line) lineStart() int {
	for i := len(l.buf); i > 0; i-- {
		if l.buf[i-1] == '\n' {
			return i
		}
	}
	return 0
}

// answer hands the bytes over. Several lines lose their last line feed, like those from
// a pipe.
func (l *line) answer() []byte {
	b := l.buf
	l.buf = nil
	if l.multi && len(b) > 0 && b[len(b)-1] == '\n' {
		b = b[:len(b)-1]
	}
	return b
}

func (l *line) wipe() {
	clear(l.buf)
	l.buf = nil
}
