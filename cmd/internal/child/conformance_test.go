//go:build linux

package child

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// The test binary is also the programs of this suite. "stand-in" does what `secr run`
// does and nothing else; "bare" leaves the protection out; the others are the programs
// that get run.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		if os.Getenv("THREAD") == "" {
			OnMainThread()
		}
		os.Exit(program(os.Args[1], os.Args[2:]))
	}
	// Under nohup a hangup is ignored, and would be by every program of the suite.
	// Listening to it changes that for them, not for this process.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	os.Exit(m.Run())
}

const secretValue = "the secret's value"

func program(name string, args []string) int {
	switch name {
	case "stand-in":
		return standIn(args, false)
	case "hold":
		return standIn(args, true)
	case "bare":
		fmt.Fprintln(os.Stderr, "holding")
		io.Copy(io.Discard, os.Stdin)
		return 0
	case "interrupts":
		return interrupts()
	case "wait":
		fmt.Println("ready")
		io.Copy(io.Discard, os.Stdin) // until the test is gone
		return 98
	case "ids":
		fmt.Print(ids(os.Getpid()))
	case "flood":
		for {
			if _, err := os.Stdout.Write(make([]byte, 4096)); err != nil {
				return 3
			}
		}
	case "environment":
		for _, v := range os.Environ() {
			fmt.Printf("%q\n", v)
		}
	case "arguments":
		fmt.Printf("%q\n", args)
	case "dumpable":
		fmt.Print(dumpable())
	case "file":
		return readTwice(os.Getenv("SECRET_FILE"))
	case "read":
		_, err := os.ReadFile(args[0])
		fmt.Println(err)
	default:
		return 99
	}
	return 0
}

// standIn becomes the program in args, with one secret and one secret file.
func standIn(args []string, hold bool) int {
	protection, err := Protect()
	if err != nil {
		return fail(err)
	}
	path, err := MemoryFile(testSecret(secretValue))
	if err != nil {
		return fail(err)
	}
	env, err := Compose(Sources{Inherited: os.Environ(), Secrets: []Variable{
		{Name: "SECRET", Value: testSecret(secretValue)},
		{Name: "SECRET_FILE", Value: testSecret(path)},
		{Name: "BIG", Value: testSecret(strings.Repeat("b", bigSize()))},
	}})
	if err != nil {
		return fail(err)
	}
	if hold {
		fmt.Fprintln(os.Stderr, "holding", dumpable())
		if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
			return fail(err)
		}
	}
	_, err = Run(context.Background(), Plan{Args: args, Environment: env, Protection: protection})
	return fail(err)
}

func bigSize() int {
	n, err := strconv.Atoi(os.Getenv("BIG_SIZE"))
	if err != nil {
		return 1
	}
	return n
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "secr:", err, "protected:", dumpable())
	var start *StartError
	if errors.As(err, &start) {
		fmt.Fprintln(os.Stderr, "hint:", start.Hint())
		return start.Code
	}
	return 1
}

// dumpable says whether this process may be dumped, and its core limit.
func dumpable() string {
	d, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err != nil {
		return err.Error()
	}
	var core syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &core); err != nil {
		return err.Error()
	}
	return fmt.Sprintf("dumpable=%d core=%d", d, core.Cur)
}

func interrupts() int {
	c := make(chan os.Signal, 2)
	signal.Notify(c, os.Interrupt)
	fmt.Println("ready")
	<-c
	fmt.Println("one")
	<-c
	fmt.Println("two")
	return 42
}

// ids are the process, its parent, group and session, and the terminal's foreground group.
func ids(pid int) string {
	session, err := unix.Getsid(pid)
	if err != nil {
		return err.Error()
	}
	group, err := unix.Getpgid(pid)
	if err != nil {
		return err.Error()
	}
	foreground, err := unix.IoctlGetInt(0, unix.TIOCGPGRP)
	if err != nil {
		foreground = 0
	}
	return fmt.Sprintf("pid=%d parent=%d group=%d session=%d foreground=%d\n", pid, os.Getppid(), group, session, foreground)
}

func readTwice(path string) int {
	for range 2 {
		data, err := os.ReadFile(path)
		if err != nil {
			fmt.Println(err)
			return 1
		}
		fmt.Printf("%s\n", data)
	}
	if err := os.WriteFile(path, []byte("x"), 0o600); err == nil {
		fmt.Println("the file could be written")
		return 1
	}
	return 0
}

// standInCommand runs a program through the stand-in.
func standInCommand(args ...string) *exec.Cmd {
	return command(append([]string{"stand-in"}, args...)...)
}

// direct is the same program without it.
func direct(args ...string) *exec.Cmd {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = environment()
	return cmd
}

func command(args ...string) *exec.Cmd {
	cmd := exec.Command(self(), args...)
	cmd.Env = environment()
	return cmd
}

func environment() []string {
	return append(os.Environ(), "GORACE=atexit_sleep_ms=0", "SECR_TOKEN=stripped")
}

// started is a program whose output is read line by line.
type started struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Reader
}

// startUntil runs a command until it has printed a line that begins with ready.
func startUntil(t *testing.T, cmd *exec.Cmd, ready string) *started {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = w, w
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	s := &started{t: t, cmd: cmd, stdin: stdin, lines: bufio.NewReader(r)}
	t.Cleanup(func() {
		cmd.Process.Kill()
		r.Close()
	})
	s.expect(ready)
	return s
}

func (s *started) expect(begin string) string {
	s.t.Helper()
	line, err := s.lines.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, begin) {
		s.t.Fatalf("line %q, error %v, want %q", line, err, begin)
	}
	return line
}

func (s *started) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// status waits for the end of a command.
func status(t *testing.T, cmd *exec.Cmd) syscall.WaitStatus {
	t.Helper()
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.Sys().(syscall.WaitStatus)
}

// output runs a command to its end.
func output(t *testing.T, cmd *exec.Cmd) (string, int) {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	st := status(t, cmd)
	if st.Signaled() {
		t.Fatalf("killed by %v: %s", st.Signal(), out.String())
	}
	return out.String(), st.ExitStatus()
}

// self is the test binary, by a path that holds in every folder.
func self() string {
	path, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return path
}
