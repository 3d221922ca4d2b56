package term

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"

	"github.com/secr/secr/keys"
	xterm "golang.org/x/term"
)

// ErrInterrupted says that the person ended a question without an answer: Ctrl-C, an
// empty Ctrl-D, SIGTERM or SIGHUP. The terminal is as it was. Exit code 130.
var ErrInterrupted = errors.New("interrupted")

// ErrMoreLines says that several lines were pasted where one was asked for. None of
// them was used, and none is left for the shell to run.
var ErrMoreLines = errors.New("more than one line was pasted")

// ErrTooLong says that an answer is longer than any value may be.
var ErrTooLong = errors.New("answer is longer than 1 MiB")

// NoTerminalError says that a question could not be asked.
type NoTerminalError struct {
	What string // what would have been asked for: "the value of A"
	Flag string // what answers it without a terminal: "--file or standard input"
}

// Error implements error.
func (e *NoTerminalError) Error() string {
	return "no terminal to ask for " + Clean(e.What)
}

// Hint names the way to answer without a terminal.
func (e *NoTerminalError) Hint() string {
	if e.Flag == "" {
		return ""
	}
	return "use " + e.Flag
}

// Question is what to ask. Its texts are cleaned before they are shown.
type Question struct {
	Text      string // "Value of A"
	What      string // for the error: "the value of A"; Text when empty
	Flag      string // what answers it without a terminal
	Multiline bool   // for Hidden: ends with Ctrl-D; its last line feed is dropped
}

func (q Question) noTerminal() error {
	what := q.What
	if what == "" {
		what = strings.ToLower(q.Text)
	}
	return &NoTerminalError{What: what, Flag: q.Flag}
}

// Hidden asks for a secret without showing it. The bytes are exactly those typed or
// pasted.
func (t *Terminal) Hidden(ctx context.Context, q Question) (keys.Secret, error) {
	prompt := Clean(q.Text) + ": "
	if q.Multiline {
		prompt = Clean(q.Text) + " (several lines, then Ctrl-D):\r\n"
	}
	b, err := t.read(ctx, q, line{prompt: prompt, multi: q.Multiline, out: t.Err})
	if err != nil {
		return keys.Secret{}, err
	}
	defer clear(b)
	return keys.NewSecret(b), nil
}

// Ask asks for one visible line and returns it without surrounding space.
func (t *Terminal) Ask(ctx context.Context, q Question) (string, error) {
	b, err := t.read(ctx, q, line{prompt: Clean(q.Text) + ": ", echo: true, out: t.Err})
	return strings.TrimSpace(string(b)), err
}

// Confirm asks a question whose careful answer is no. Anything but y or yes is no.
func (t *Terminal) Confirm(ctx context.Context, q Question) (bool, error) {
	b, err := t.read(ctx, q, line{prompt: Clean(q.Text) + " [y/N] ", echo: true, out: t.Err})
	if err != nil {
		return false, err
	}
	switch strings.ToLower(strings.TrimSpace(string(b))) {
	case "y", "yes":
		return true, nil
	}
	return false, nil
}

// Choose shows the options with numbers and asks for one, by number or by the option
// itself. It returns the option's index.
func (t *Terminal) Choose(ctx context.Context, q Question, options []string) (int, error) {
	if !t.Interactive() {
		return 0, q.noTerminal()
	}
	fmt.Fprintf(t.Err, "%s\n", Clean(q.Text))
	for i, o := range options {
		fmt.Fprintf(t.Err, "  %d  %s\n", i+1, Clean(o))
	}
	for {
		b, err := t.read(ctx, q, line{prompt: fmt.Sprintf("1 to %d: ", len(options)), echo: true, out: t.Err})
		if err != nil {
			return 0, err
		}
		answer := strings.TrimSpace(string(b))
		if n, err := strconv.Atoi(answer); err == nil && n >= 1 && n <= len(options) {
			return n - 1, nil
		}
		for i, o := range options {
			if o == answer {
				return i, nil
			}
		}
	}
}

// read runs one question: the terminal is raw only inside this function. A read that an
// interruption leaves behind ends with the process; no other read outlives its question,
// so that a program started later finds its own input.
func (t *Terminal) read(ctx context.Context, q Question, l line) ([]byte, error) {
	in, err := t.open()
	if err != nil {
		return nil, q.noTerminal()
	}
	defer t.close(in)

	// Listen before the terminal changes, so that no signal can come in between.
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, endings()...)
	defer signal.Stop(stop)

	old, err := xterm.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, fmt.Errorf("prepare the terminal: %w", err)
	}
	defer xterm.Restore(int(in.Fd()), old)
	defer fmt.Fprint(t.Err, "\r\n")
	fmt.Fprint(t.Err, pasteOn, l.prompt)
	defer fmt.Fprint(t.Err, pasteOff)

	for {
		chunk := t.pending
		t.pending = nil
		if len(chunk) == 0 {
			if chunk, err = readChunk(ctx, in, stop); err != nil {
				l.wipe()
				return nil, err
			}
		}
		rest, done, err := l.feed(chunk)
		if done && err == nil {
			t.pending = append(t.pending, rest...)
			clear(chunk)
			return l.answer(), nil
		}
		clear(chunk)
		if err != nil {
			l.wipe()
			if errors.Is(err, ErrMoreLines) {
				flushInput(in)
			}
			return nil, err
		}
	}
}

// readChunk waits for bytes, a signal or the context.
func readChunk(ctx context.Context, in io.Reader, stop <-chan os.Signal) ([]byte, error) {
	type result struct {
		bytes []byte
		err   error
	}
	got := make(chan result, 1)
	go func() {
		buf := make([]byte, 4096)
		n, err := in.Read(buf)
		got <- result{buf[:n], err}
	}()
	select {
	case r := <-got:
		if len(r.bytes) > 0 {
			return r.bytes, nil
		}
		if r.err == nil || errors.Is(r.err, io.EOF) {
			return nil, ErrInterrupted // the terminal hung up
		}
		return nil, fmt.Errorf("read the terminal: %w", r.err)
	case <-stop:
		return nil, ErrInterrupted
	case <-ctx.Done():
		return nil, ErrInterrupted
	}
}
