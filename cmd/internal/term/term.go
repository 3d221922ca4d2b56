// Package term is everything between secr and a person: questions on a terminal, text
// that somebody else wrote made safe to show, tables that fit, colours, progress.
//
// The rules of the terminal, once:
//
//   - Results go to Out, everything else (questions, warnings, progress) to Err.
//   - A question is asked only when Err is a terminal and a terminal can be read: standard
//     input, or the process's controlling terminal when input is a pipe. Otherwise the
//     answer is a *NoTerminalError that names the flag to use.
//   - During a question the terminal is in raw mode, so Ctrl-C is a byte and never leaves
//     the terminal without echo; SIGTERM and SIGHUP restore it too. All of them are
//     ErrInterrupted, and nothing has been changed.
//   - Text from a vault, a remote or a file passes Clean before it is shown. Always.
package term

import (
	"io"
	"os"
	"time"

	xterm "golang.org/x/term"
)

// Options are the parts of the process that a Terminal stands on.
type Options struct {
	In       *os.File
	Out, Err *os.File
	Getenv   func(string) string
	Now      func() time.Time
}

// Terminal asks and shows. It is not safe for concurrent use.
type Terminal struct {
	Out, Err Stream

	in      *os.File
	now     func() time.Time
	pending []byte // typed ahead, not yet asked for
}

// New makes a Terminal of a process's streams.
func New(o Options) *Terminal {
	return &Terminal{
		Out: newStream(o.Out, o.Getenv),
		Err: newStream(o.Err, o.Getenv),
		in:  o.In,
		now: o.Now,
	}
}

// Interactive tells whether a question could be asked.
func (t *Terminal) Interactive() bool {
	in, err := t.open()
	if err != nil {
		return false
	}
	t.close(in)
	return true
}

// Piped tells whether standard input comes from somewhere else than a terminal.
func (t *Terminal) Piped() bool { return t.in == nil || !xterm.IsTerminal(int(t.in.Fd())) }

// open returns the terminal to read answers from.
func (t *Terminal) open() (*os.File, error) {
	if !t.Err.terminal {
		return nil, os.ErrNotExist
	}
	if t.in != nil && xterm.IsTerminal(int(t.in.Fd())) {
		return t.in, nil
	}
	return openControlling()
}

func (t *Terminal) close(in *os.File) {
	if in != t.in {
		in.Close()
	}
}

// Stream is one of the process's outputs, and what it can show.
type Stream struct {
	io.Writer
	file     *os.File
	terminal bool
	colour   bool
}

func newStream(f *os.File, getenv func(string) string) Stream {
	s := Stream{Writer: f, file: f}
	s.terminal = xterm.IsTerminal(int(f.Fd())) && enableEscapes(f)
	s.colour = s.terminal && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
	return s
}

// Terminal tells whether a person looks at this stream.
func (s Stream) Terminal() bool { return s.terminal }

// Width is the number of columns, or 0 when nobody looks and lines may be any length.
func (s Stream) Width() int {
	if !s.terminal {
		return 0
	}
	w, _, err := xterm.GetSize(int(s.file.Fd()))
	if err != nil || w <= 0 {
		return 80
	}
	return w
}

// Colour is how a piece of text stands out.
type Colour string

// The few that secr uses. Meaning never rests on colour alone.
const (
	Bold   Colour = "1"
	Dim    Colour = "2"
	Red    Colour = "31"
	Green  Colour = "32"
	Yellow Colour = "33"
)

// Paint colours text where the stream shows colours and NO_COLOR doesn't forbid them.
// The text must be clean already.
func (s Stream) Paint(c Colour, text string) string {
	if !s.colour || text == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}
