//go:build linux

package child

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"github.com/google/go-cmp/cmp"
	"github.com/secr/secr/keys"
)

func testSecret(s string) keys.Secret { return keys.NewSecret([]byte(s)) }

func TestProgramKeepsTheProcessId(t *testing.T) {
	cmd := standInCommand(self(), "ids")
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	group, err := syscall.Getpgid(0)
	if err != nil {
		t.Fatal(err)
	}
	session, err := getsid()
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("pid=%d parent=%d group=%d session=%d foreground=0\n", cmd.Process.Pid, os.Getpid(), group, session)
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("identity (-want +got):\n%s", diff)
	}
}

func getsid() (int, error) {
	id, _, errno := syscall.RawSyscall(syscall.SYS_GETSID, 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(id), nil
}

func TestProgramLeadsItsGroupOnATerminal(t *testing.T) {
	cmd := standInCommand(self(), "ids")
	tty, err := pty.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	shown, _ := io.ReadAll(tty) // ends with EIO when the program is gone
	cmd.Wait()
	pid := cmd.Process.Pid
	want := fmt.Sprintf("pid=%d parent=%d group=%d session=%d foreground=%d\r\n", pid, os.Getpid(), pid, pid, pid)
	if diff := cmp.Diff(want, string(shown)); diff != "" {
		t.Errorf("identity (-want +got):\n%s", diff)
	}
}

func TestCtrlCOnATerminalReachesTheProgramOnceEach(t *testing.T) {
	cmd := standInCommand(self(), "interrupts")
	tty, err := pty.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	var shown bytes.Buffer
	until := func(text string) {
		buf := make([]byte, 256)
		for !strings.Contains(shown.String(), text) {
			n, err := tty.Read(buf)
			shown.Write(buf[:n])
			if err != nil {
				t.Fatalf("ended after %q: %v", shown.String(), err)
			}
		}
	}
	until("ready")
	tty.WriteString("\x03")
	until("one")
	tty.WriteString("\x03")
	until("two")
	if st := status(t, cmd); st.ExitStatus() != 42 {
		t.Errorf("exit %d, want 42", st.ExitStatus())
	}
}

func TestProgramHandlesInterruptsItself(t *testing.T) {
	s := startUntil(t, standInCommand(self(), "interrupts"), "ready")
	s.signal(syscall.SIGINT)
	s.expect("one")
	s.signal(syscall.SIGINT)
	s.expect("two")
	if st := status(t, s.cmd); st.ExitStatus() != 42 {
		t.Errorf("exit %d, want 42", st.ExitStatus())
	}
}

func TestProgramDiesBySignals(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGKILL} {
		t.Run(sig.String(), func(t *testing.T) {
			s := startUntil(t, standInCommand(self(), "wait"), "ready")
			s.signal(sig)
			if st := status(t, s.cmd); !st.Signaled() || st.Signal() != sig {
				t.Errorf("status %x, want death by %v", st, sig)
			}
		})
	}
}

func TestProgramStopsAndContinues(t *testing.T) {
	s := startUntil(t, standInCommand(self(), "interrupts"), "ready")
	pid := s.cmd.Process.Pid
	wait := func(options int) syscall.WaitStatus {
		var st syscall.WaitStatus
		for {
			_, err := syscall.Wait4(pid, &st, options, nil)
			if err == nil {
				return st
			}
			if err != syscall.EINTR {
				t.Fatal(err)
			}
		}
	}
	s.signal(syscall.SIGSTOP)
	if st := wait(syscall.WUNTRACED); !st.Stopped() || st.StopSignal() != syscall.SIGSTOP {
		t.Fatalf("status %x, want stopped", st)
	}
	s.signal(syscall.SIGCONT)
	if st := wait(syscall.WCONTINUED); !st.Continued() {
		t.Fatalf("status %x, want continued", st)
	}
	s.signal(syscall.SIGINT)
	s.expect("one")
	s.signal(syscall.SIGINT)
	s.expect("two")
	if st := status(t, s.cmd); st.ExitStatus() != 42 {
		t.Errorf("exit %d, want 42", st.ExitStatus())
	}
}

func TestProgramDiesByABrokenPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	cmd := standInCommand(self(), "flood")
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if st := status(t, cmd); !st.Signaled() || st.Signal() != syscall.SIGPIPE {
		t.Errorf("status %x, want death by SIGPIPE", st)
	}
}

func TestExitCodesAreTheProgramsOwn(t *testing.T) {
	for code := range 256 {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			t.Parallel()
			_, got := output(t, standInCommand("/bin/sh", "-c", fmt.Sprintf("exit %d", code)))
			if got != code {
				t.Errorf("exit %d, want %d", got, code)
			}
		})
	}
}

func TestArgumentsPassWithoutAShell(t *testing.T) {
	args := []string{"a b", "$HOME", "*", "", "'\"", "a\nb", "--", "-x"}
	got, _ := output(t, standInCommand(append([]string{self(), "arguments"}, args...)...))
	if diff := cmp.Diff(fmt.Sprintf("%q\n", args), got); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
}

func TestProgramGetsItsSecretsAndNoneOfOurs(t *testing.T) {
	got, _ := output(t, standInCommand(self(), "environment"))
	if !strings.Contains(got, `"SECRET=`+secretValue+`"`) {
		t.Error("the secret is missing")
	}
	if strings.Contains(got, "SECR_") {
		t.Error("a SECR_ variable reached the program")
	}
}

func TestSecretFileIsReadTwiceAndNeverWritten(t *testing.T) {
	got, code := output(t, standInCommand(self(), "file"))
	want := secretValue + "\n" + secretValue + "\n"
	if diff := cmp.Diff(want, got); diff != "" || code != 0 {
		t.Errorf("exit %d, contents (-want +got):\n%s", code, diff)
	}
}

// inheritance is what a program sees of limits, signals and descriptors, in its words:
// cat changes nothing about itself.
func inheritance(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, code := output(t, cmd)
	if code != 0 {
		t.Fatalf("exit %d: %s", code, out)
	}
	var kept []string
	for line := range strings.SplitSeq(out, "\n") {
		for _, begin := range []string{"SigIgn:", "SigBlk:", "Max ", "CoreDumping:", "Seccomp:", "NoNewPrivs:"} {
			if strings.HasPrefix(line, begin) {
				kept = append(kept, line)
			}
		}
	}
	return strings.Join(kept, "\n")
}

func TestLimitsAndSignalMasksAreAsTheyWere(t *testing.T) {
	files := []string{"/bin/cat", "/proc/self/status", "/proc/self/limits"}
	for name, shell := range map[string]string{
		"as here":          `exec "$@"`,
		"ignored HUP, INT": `trap "" HUP INT; exec "$@"`,
		"lower limits":     `ulimit -S -n 200; ulimit -S -c 1000; ulimit -S -s 4096; exec "$@"`,
		"no core":          `ulimit -c 0; exec "$@"`,
		"few descriptors":  `ulimit -n 40; exec "$@"`,
	} {
		t.Run(name, func(t *testing.T) {
			plain := inheritance(t, direct(append([]string{"/bin/sh", "-c", shell, "sh"}, files...)...))
			stood := inheritance(t, direct(append([]string{"/bin/sh", "-c", shell, "sh", self(), "stand-in"}, files...)...))
			if plain == "" {
				t.Fatal("nothing to compare")
			}
			if diff := cmp.Diff(plain, stood); diff != "" {
				t.Errorf("without secr and with it (-want +got):\n%s", diff)
			}
		})
	}
}

func TestProgramThatCannotStartIsTheShellsCode(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	plain := write("plain", "#!/bin/sh\n", 0o600)
	noLine := write("no-line", "echo hi\n", 0o700)
	lost := write("lost", "#!/does/not/exist\n", 0o700)
	write("here", "#!/bin/sh\nexit 7\n", 0o700)
	for name, c := range map[string]struct {
		program, path string
		code          int
		says          string
	}{
		"not along PATH":         {"nowhere-at-all", "/bin", 127, "nowhere-at-all: not found along PATH"},
		"empty":                  {"", "/bin", 127, "no program"},
		"no such path":           {dir + "/none", "/bin", 127, "no such file"},
		"under a file":           {plain + "/x", "/bin", 127, "no such file"},
		"not executable":         {plain, "/bin", 126, "may not be run"},
		"not executable by name": {"plain", dir + ":/bin", 126, "may not be run"},
		"a folder":               {dir, "/bin", 126, "is a folder"},
		"no interpreter line":    {noLine, "/bin", 126, "no program that this system can run"},
		"interpreter is lost":    {lost, "/bin", 126, "interpreter in its first line is missing"},
		"in this folder":         {"here", "/bin", 127, "hint: it is in this folder: write ./here"},
		"relative PATH":          {"here", ".:/bin", 127, "hint: it is in this folder: write ./here"},
		"empty part of PATH":     {"here", ":/bin", 127, "hint: it is in this folder: write ./here"},
		"by path":                {"./here", "", 7, ""},
		"by name":                {"here", "/bin:" + dir, 7, ""},
		"the first that runs":    {"here", filepath.Dir(plain) + "x:" + dir, 7, ""},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := standInCommand(c.program)
			cmd.Dir = dir
			cmd.Env = append(cmd.Env, "PATH="+c.path)
			out, code := output(t, cmd)
			if code != c.code || !strings.Contains(out, c.says) {
				t.Errorf("exit %d, want %d with %q: %s", code, c.code, c.says, out)
			}
			if code > 100 && !strings.Contains(out, "dumpable=0 core=0") {
				t.Errorf("not protected after the attempt: %s", out)
			}
		})
	}
}

func TestSystemAgreesWithOurLimits(t *testing.T) {
	l := systemLimits()
	for name, c := range map[string]struct {
		shell string
		size  int
		fits  bool
	}{
		"one at its limit":       {`exec "$@"`, l.one - len("BIG=") - 1, true},
		"one over it":            {`exec "$@"`, l.one - len("BIG="), false},
		"total at a small one":   {`ulimit -s 600; exec "$@"`, 100_000, true},
		"total over a small one": {`ulimit -s 600; export PAD="$(head -c 60000 /dev/zero | tr '\0' x)"; exec "$@"`, 100_000, false},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command("/bin/sh", "-c", c.shell, "sh", self(), "stand-in", "/bin/true")
			cmd.Env = []string{"PATH=/usr/bin:/bin", fmt.Sprintf("BIG_SIZE=%d", c.size)}
			out, code := output(t, cmd)
			if (code == 0) != c.fits {
				t.Errorf("exit %d, fits should be %v: %s", code, c.fits, out)
			}
			if !c.fits && !strings.Contains(out, "BIG") {
				t.Errorf("the secret isn't named: %s", out)
			}
		})
	}
}

func TestSecrIsProtectedWhileItHolds(t *testing.T) {
	s := startUntil(t, command("hold", self(), "dumpable"), "holding dumpable=0 core=0")
	if _, err := io.WriteString(s.stdin, "\n"); err != nil {
		t.Fatal(err)
	}
	var core syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &core); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(s.lines)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fmt.Sprintf("dumpable=1 core=%d", core.Cur), string(rest)); diff != "" {
		t.Errorf("the program (-want +got):\n%s", diff)
	}
	status(t, s.cmd)
}

// TestOthersCannotReadSecrsMemory is the attack: a process of the same user, without
// privileges, opens the memory and the environment of one that holds secrets.
func TestOthersCannotReadSecrsMemory(t *testing.T) {
	binary, credential := unprivileged(t)
	run := func(args ...string) *exec.Cmd {
		cmd := exec.Command(binary, args...)
		cmd.Env, cmd.Dir = []string{"GORACE=atexit_sleep_ms=0"}, "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential}
		return cmd
	}
	for name, c := range map[string]struct{ mode, want string }{
		"unprotected": {"bare", "<nil>\n"},
		"protected":   {"hold", "permission denied\n"},
	} {
		t.Run(name, func(t *testing.T) {
			s := startUntil(t, run(c.mode, "/bin/true"), "holding")
			out, _ := output(t, run("read", fmt.Sprintf("/proc/%d/environ", s.cmd.Process.Pid)))
			if !strings.HasSuffix(out, c.want) {
				t.Errorf("reading says %q, want %q", out, c.want)
			}
			s.stdin.Close()
			status(t, s.cmd)
		})
	}
}

// unprivileged returns a copy of the test binary that anybody may run, and a user
// without privileges when we have some.
func unprivileged(t *testing.T) (string, *syscall.Credential) {
	t.Helper()
	if os.Getuid() != 0 {
		return self(), nil
	}
	dir, err := os.MkdirTemp("", "child-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	data, err := os.ReadFile(self())
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "program")
	if err := os.WriteFile(binary, data, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return binary, &syscall.Credential{Uid: 65534, Gid: 65534}
}

func TestInterruptBeforeExecveEndsSecr(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		s := startUntil(t, command("hold", self(), "wait"), "holding")
		s.signal(sig)
		if st := status(t, s.cmd); !st.Signaled() || st.Signal() != sig {
			t.Errorf("status %x, want death by %v", st, sig)
		}
	}
}

// TestInterruptIsNeverLost sends an interrupt at many moments of secr's short life: before
// Go's handlers, under them, between them and execve, and after it. Whenever it comes, it
// is the end.
func TestInterruptIsNeverLost(t *testing.T) {
	for round := range 150 {
		cmd := standInCommand("/bin/cat")
		cmd.Env = append(cmd.Env, "THREAD="+[]string{"", "any"}[round%2])
		stdin, err := cmd.StdinPipe() // cat waits for its end, which never comes
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for range round * 20 {
			runtime.Gosched()
			_, _ = os.Stat("/proc/self/stat") // some time, more each round
		}
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		if st := status(t, cmd); !st.Signaled() || st.Signal() != syscall.SIGINT {
			t.Fatalf("round %d: status %x, want death by SIGINT", round, st)
		}
		stdin.Close()
	}
}
