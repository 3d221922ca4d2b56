//go:build unix

package term

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/google/go-cmp/cmp"
	xterm "golang.org/x/term"
)

// programVariable makes the test binary one of the programs below, on a terminal of
// its own.
const programVariable = "TERM_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if name := os.Getenv(programVariable); name != "" {
		os.Exit(program(name))
	}
	// Under nohup a hangup is ignored, and would be by the programs. Listening to it
	// changes that for them.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	os.Exit(m.Run())
}

// program asks what its name says, writes the answer quoted to standard output, and
// ends like secr: 130 when interrupted.
func program(name string) int {
	t := New(Options{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv, Now: time.Now})
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	answer, err := ask(ctx, t, name)
	if errors.Is(err, ErrInterrupted) {
		fmt.Fprintln(os.Stderr, "interrupted")
		return 130
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		var nt *NoTerminalError
		if errors.As(err, &nt) {
			fmt.Fprintln(os.Stderr, "hint:", nt.Hint())
		}
		return 1
	}
	fmt.Printf("answer %q\n", answer)
	return 0
}

func ask(ctx context.Context, t *Terminal, name string) (string, error) {
	switch name {
	case "hidden":
		b, err := t.Hidden(ctx, Question{Text: "Value of \x1b[2JA", What: "the value of A", Flag: "--file or standard input"})
		return string(b.Reveal()), err
	case "multiline":
		b, err := t.Hidden(ctx, Question{Text: "Value", Multiline: true})
		return string(b.Reveal()), err
	case "confirm":
		yes, err := t.Confirm(ctx, Question{Text: "Remove it?", Flag: "--yes"})
		return fmt.Sprint(yes), err
	case "choose":
		n, err := t.Choose(ctx, Question{Text: "Which?"}, []string{"ours", "theirs"})
		return fmt.Sprint(n), err
	case "two":
		first, err := t.Ask(ctx, Question{Text: "First"})
		if err != nil {
			return "", err
		}
		second, err := t.Ask(ctx, Question{Text: "Second"})
		return first + "+" + second, err
	case "wide":
		err := t.Out.Table([]string{"NAME", "NOTE"}, [][]string{{"A", strings.Repeat("n", 200)}})
		return fmt.Sprint(t.Out.Width(), t.Out.colour), err
	case "progress":
		p := t.Progress("verify", 10)
		t.now = func() time.Time { return time.Now().Add(time.Hour) }
		p.Add(4)
		p.Done()
		return "", nil
	}
	return "", fmt.Errorf("no program %s", name)
}

// screen is a program on a terminal, and all that it has shown.
type screen struct {
	t    *testing.T
	cmd  *exec.Cmd
	tty  *os.File
	mu   sync.Mutex
	more *sync.Cond
	text bytes.Buffer
	eof  bool
}

func start(t *testing.T, name string, change func(*exec.Cmd)) *screen {
	t.Helper()
	cmd := exec.Command(self())
	cmd.Env = append(os.Environ(), programVariable+"="+name, "NO_COLOR=", "TERM=xterm", "GORACE=atexit_sleep_ms=0")
	if change != nil {
		change(cmd)
	}
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 40})
	if err != nil {
		t.Fatal(err)
	}
	s := &screen{t: t, cmd: cmd, tty: tty}
	s.more = sync.NewCond(&s.mu)
	go s.follow()
	t.Cleanup(func() {
		cmd.Process.Kill()
		tty.Close()
	})
	return s
}

func (s *screen) follow() {
	buf := make([]byte, 4096)
	for {
		n, err := s.tty.Read(buf)
		s.mu.Lock()
		s.text.Write(buf[:n])
		s.eof = err != nil
		s.more.Broadcast()
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// expect waits until the screen has shown a text.
func (s *screen) expect(text string) {
	s.t.Helper()
	late := time.AfterFunc(2*time.Minute, func() { s.cmd.Process.Kill() })
	defer late.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for !strings.Contains(s.text.String(), text) {
		if s.eof {
			s.t.Fatalf("the program ended without showing %q:\n%q", text, s.text.String())
		}
		s.more.Wait()
	}
}

func (s *screen) shown() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (s *screen) typed(text string) {
	s.t.Helper()
	if _, err := s.tty.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
}

// end waits for the exit code, or minus the signal that killed it.
func (s *screen) end() int {
	s.t.Helper()
	s.cmd.Wait()
	s.mu.Lock()
	for !s.eof {
		s.more.Wait()
	}
	s.mu.Unlock()
	status := s.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return -int(status.Signal())
	}
	return status.ExitStatus()
}

func (s *screen) state() *xterm.State {
	s.t.Helper()
	state, err := xterm.GetState(int(s.tty.Fd()))
	if err != nil {
		s.t.Fatal(err)
	}
	return state
}

func TestHiddenAnswerNeverAppears(t *testing.T) {
	s := start(t, "hidden", nil)
	s.expect(`Value of \x1b[2JA: `)
	s.typed("hunt\x7fter-7\r")
	if code := s.end(); code != 0 {
		t.Fatalf("exit %d: %q", code, s.shown())
	}
	before, after, _ := strings.Cut(s.shown(), `answer "`)
	if strings.Contains(before, "hun") || strings.Contains(before, "*") {
		t.Errorf("shown while typing: %q", before)
	}
	if !strings.HasPrefix(after, `hunter-7"`) {
		t.Errorf("answer %q", after)
	}
}

func TestQuestionsOnATerminal(t *testing.T) {
	for name, c := range map[string]struct {
		program, prompt, typed, want string
		code                         int
	}{
		"several lines":        {"multiline", "Ctrl-D):", "\x1b[200~a\rb\r\x1b[201~\x04", `answer "a\nb"`, 0},
		"lines where one was":  {"hidden", "A: ", "\x1b[200~a\rrm -rf x\r\x1b[201~", "error: more than one line", 1},
		"confirmed":            {"confirm", "[y/N] ", "yes\r", `answer "true"`, 0},
		"no by default":        {"confirm", "[y/N] ", "\r", `answer "false"`, 0},
		"anything else is no":  {"confirm", "[y/N] ", "yess\r", `answer "false"`, 0},
		"chosen by number":     {"choose", "1 to 2: ", "9\r2\r", `answer "1"`, 0},
		"chosen by name":       {"choose", "1 to 2: ", "ours\r", `answer "0"`, 0},
		"typed ahead":          {"two", "First: ", "a\rb\r", `answer "a+b"`, 0},
		"Ctrl-C":               {"hidden", "A: ", "sec\x03", "interrupted", 130},
		"Ctrl-C at a question": {"confirm", "[y/N] ", "\x03", "interrupted", 130},
		"Ctrl-D":               {"hidden", "A: ", "\x04", "interrupted", 130},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, c.program, nil)
			s.expect(c.prompt)
			s.typed(c.typed)
			s.expect(c.want)
			if code := s.end(); code != c.code {
				t.Errorf("exit %d, want %d: %q", code, c.code, s.shown())
			}
		})
	}
}

func TestTerminalIsRestored(t *testing.T) {
	for name, c := range map[string]struct {
		typed string
		sig   os.Signal
	}{
		"by an answer":  {typed: "a\r"},
		"by Ctrl-C":     {typed: "a\x03"},
		"by SIGINT":     {sig: os.Interrupt},
		"by SIGTERM":    {sig: syscall.SIGTERM},
		"by SIGHUP":     {sig: syscall.SIGHUP},
		"by many lines": {typed: "a\rb\r"},
	} {
		t.Run(name, func(t *testing.T) {
			master, slave, err := pty.Open()
			if err != nil {
				t.Fatal(err)
			}
			defer master.Close()
			before, err := xterm.GetState(int(slave.Fd()))
			if err != nil {
				t.Fatal(err)
			}
			slave.Close()
			s := start(t, "hidden", nil)
			s.expect("A: ")
			if diff := cmp.Diff(fmt.Sprint(*before), fmt.Sprint(*s.state())); diff == "" {
				t.Fatal("the terminal is not raw during a question")
			}
			if c.sig != nil {
				if err := s.cmd.Process.Signal(c.sig); err != nil {
					t.Fatal(err)
				}
			}
			if c.typed != "" {
				s.typed(c.typed)
			}
			if code := s.end(); code < 0 {
				t.Errorf("killed by signal %d", -code)
			}
			if diff := cmp.Diff(fmt.Sprint(*before), fmt.Sprint(*s.state())); diff != "" {
				t.Errorf("the terminal's state (-before +after):\n%s", diff)
			}
		})
	}
}

func TestWithoutATerminalTheFlagIsNamed(t *testing.T) {
	cmd := exec.Command(self())
	cmd.Env = append(os.Environ(), programVariable+"=hidden")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Fatalf("error %v, want exit 1", err)
	}
	want := "error: no terminal to ask for the value of A\nhint: use --file or standard input\n"
	if diff := cmp.Diff(want, string(out)); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

func TestQuestionIsAskedThoughInputIsAPipe(t *testing.T) {
	s := start(t, "hidden", func(c *exec.Cmd) {
		c.Stdin = strings.NewReader("not the answer\n")
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 1}
	})
	s.expect("A: ")
	s.typed("typed\r")
	s.expect(`answer "typed"`)
	if code := s.end(); code != 0 {
		t.Errorf("exit %d: %q", code, s.shown())
	}
}

func TestTerminalWidthAndColour(t *testing.T) {
	s := start(t, "wide", nil)
	s.expect(`answer "40 true"`)
	if !strings.Contains(s.shown(), "…") || !strings.Contains(s.shown(), "\x1b[1mNAME") {
		t.Errorf("shown %q", s.shown())
	}
	plain := start(t, "wide", func(c *exec.Cmd) { c.Env = append(c.Env, "NO_COLOR=1") })
	plain.expect(`answer "40 false"`)
	if strings.Contains(plain.shown(), "\x1b") {
		t.Errorf("colours in spite of NO_COLOR: %q", plain.shown())
	}
}

func TestProgressIsDrawnOverItselfAndGone(t *testing.T) {
	s := start(t, "progress", nil)
	s.expect("\r\x1b[Kverify: 4 of 10\r\x1b[K")
	s.end()
}

func TestProgressOfLessThanASecondIsSilent(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(0, 0)
	tt := &Terminal{Err: Stream{Writer: &out, terminal: true, file: os.Stdin}, now: func() time.Time { return now }}
	p := tt.Progress("verify", 10)
	now = now.Add(progressAfter - 1)
	p.Add(9)
	p.Done()
	if out.Len() != 0 {
		t.Errorf("shown %q", out.String())
	}
}

// self is the test binary.
func self() string {
	path, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return path
}
