//go:build unix

package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
	"github.com/rogpeppe/go-internal/testscript"
)

// patience is how long a person in a script waits for a question. Only a hang
// reaches it.
const patience = 5 * time.Minute

// terminal runs a program on a terminal of its own: `terminal code dialog
// program [argument...]`. The dialog's lines are "expect TEXT", which waits for
// the text, and "send TEXT", which types it with Enter; \x03 is Ctrl-C. What
// the terminal showed is in $WORK/screen.
func terminal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: terminal code dialog program [argument...]")
	}
	dialog := ts.ReadFile(args[1])
	cmd := exec.Command(lookIn(ts.Getenv("PATH"), args[2]), args[3:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = environment(ts)
	tty, err := pty.Start(cmd)
	ts.Check(err)
	defer tty.Close()
	screen := newScreen()
	done := make(chan struct{})
	go func() {
		defer close(done)
		screen.fill(tty)
	}()
	for line := range strings.Lines(dialog) {
		verb, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch verb {
		case "expect":
			if !screen.wait(text) {
				cmd.Process.Kill()
				ts.Fatalf("the terminal never showed %q but\n%s", text, screen.text())
			}
		case "send":
			typed, err := strconv.Unquote(`"` + text + `"`)
			ts.Check(err)
			if typed != "\x03" {
				typed += "\r"
			}
			_, err = io.WriteString(tty, typed)
			ts.Check(err)
		default:
			ts.Fatalf("%q is neither expect nor send", verb)
		}
	}
	timer := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer timer.Stop()
	err = cmd.Wait()
	<-done
	ts.Check(os.WriteFile(ts.MkAbs(ts.Getenv("WORK")+"/screen"), []byte(screen.text()), 0o600))
	if code := strconv.Itoa(shellCode(cmd.ProcessState)); code != args[0] {
		ts.Fatalf("exit code %s, want %s (%v)\n%s", code, args[0], err, screen.text())
	}
}

// screen collects what a terminal shows.
type screen struct {
	mu      sync.Mutex
	shown   bytes.Buffer
	seen    int // how much of it was waited for
	ended   bool
	changed *sync.Cond
}

func newScreen() *screen {
	s := &screen{}
	s.changed = sync.NewCond(&s.mu)
	return s
}

// fill reads until the program's side is closed, which is an error on Linux.
func (s *screen) fill(tty io.Reader) {
	buf := make([]byte, 4096)
	for {
		n, err := tty.Read(buf)
		s.mu.Lock()
		s.shown.Write(buf[:n])
		s.ended = err != nil
		s.changed.Broadcast()
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// wait returns when text was shown after what was waited for before.
func (s *screen) wait(text string) bool {
	timer := time.AfterFunc(patience, func() {
		s.mu.Lock()
		s.ended = true
		s.changed.Broadcast()
		s.mu.Unlock()
	})
	defer timer.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if i := bytes.Index(s.shown.Bytes()[s.seen:], []byte(text)); i >= 0 {
			s.seen += i + len(text)
			return true
		}
		if s.ended {
			return false
		}
		s.changed.Wait()
	}
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown.String()
}

// lookIn finds a program along a script's PATH.
func lookIn(path, program string) string {
	for _, folder := range filepath.SplitList(path) {
		file := filepath.Join(folder, program)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return file
		}
	}
	return program
}

// environment is what the script set. The names are those that scripts use.
func environment(ts *testscript.TestScript) []string {
	out := []string{"TERM=xterm"}
	for _, name := range []string{
		"PATH", "HOME", "TMPDIR", "USER", "LANG", "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_GLOBAL", "SECR_KEYRING", "SECR_PASSPHRASE",
		"SECR_ENV", "SECR_IDENTITY", "SECR_TOKEN", "SECR_HOME", "NO_COLOR", "TEST_SESSION", "EDITOR", "VISUAL", "WORK", "ED", "KEEP",
	} {
		if value := ts.Getenv(name); value != "" {
			out = append(out, name+"="+value)
		}
	}
	return out
}

// shellCode is what a shell would say: Ctrl-C between two questions, where the terminal is
// not raw, ends a process by the signal.
func shellCode(s *os.ProcessState) int {
	if status, ok := s.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return s.ExitCode()
}
