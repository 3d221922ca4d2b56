package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// roleVariable makes the test binary play a part of its own in another
// process.
const roleVariable = "SECR_TEST_LOCAL_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "hold":
		os.Exit(hold(os.Args[1]))
	case "count":
		os.Exit(countUp(os.Args[1]))
	}
	os.Exit(m.Run())
}

// hold takes a lock, says so, and keeps it until it is killed.
func hold(path string) int {
	if _, err := TakeLock(context.Background(), path, "hold"); err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("held")
	io.Copy(io.Discard, os.Stdin)
	return 0
}

// countUp adds 50 to a number in a file beside the lock.
func countUp(path string) int {
	for range 50 {
		l, err := TakeLock(context.Background(), path, "count")
		if err != nil {
			fmt.Println(err)
			return 1
		}
		n := 0
		data, _ := os.ReadFile(path + ".n")
		fmt.Sscan(string(data), &n)
		if err := os.WriteFile(path+".n", fmt.Append(nil, n+1), 0o600); err != nil {
			fmt.Println(err)
			return 1
		}
		if err := l.Unlock(); err != nil {
			fmt.Println(err)
			return 1
		}
	}
	return 0
}

func play(t *testing.T, role string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	return cmd
}

// holder starts a process that has the lock.
func holder(t *testing.T, path string) *exec.Cmd {
	t.Helper()
	cmd := play(t, "hold", path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	word := make([]byte, 4)
	if _, err := io.ReadFull(out, word); err != nil || string(word) != "held" {
		t.Fatalf("%q %v", word, err)
	}
	return cmd
}

// gone is a context that is done: a lock is then tried once.
func gone() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func TestAWaiterNamesTheHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	other := holder(t, path)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := TakeLock(ctx, path, "set")
	var locked *LockedError
	if !errors.As(err, &locked) || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	if d := cmp.Diff(Holder{PID: other.Process.Pid, Purpose: "hold"}, locked.Holder); d != "" {
		t.Error(d)
	}
	if want := fmt.Sprintf("process %d (hold)", other.Process.Pid); !strings.Contains(err.Error(), want) {
		t.Errorf("%q doesn't say %q", err, want)
	}
}

func TestAKilledHolderLosesTheLockAndIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	other := holder(t, path)
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	other.Wait()
	l, err := TakeLock(context.Background(), path, "set")
	if err != nil {
		t.Fatal(err)
	}
	who, ok := l.Abandoned()
	if d := cmp.Diff(Holder{PID: other.Process.Pid, Purpose: "hold"}, who); d != "" || !ok {
		t.Error(d, ok)
	}
	// Who doesn't mend leaves that to the next.
	if err := l.Unlock(); err != nil {
		t.Fatal(err)
	}
	if l, err = TakeLock(context.Background(), path, "read"); err != nil {
		t.Fatal(err)
	}
	if again, ok := l.Abandoned(); !ok || again != who {
		t.Errorf("%v has been forgotten", who)
	}
	l.Mended()
	if err := l.Unlock(); err != nil {
		t.Fatal(err)
	}
	l, err = TakeLock(context.Background(), path, "set")
	if err != nil {
		t.Fatal(err)
	}
	if who, ok := l.Abandoned(); ok {
		t.Errorf("a lock that was given back was abandoned by %v", who)
	}
	if err := l.Unlock(); err != nil {
		t.Fatal(err)
	}
}

func TestTheVaultsLockExcludesWithinAProcess(t *testing.T) {
	v := testVault(t)
	l, err := v.Lock(context.Background(), "set")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Lock(gone(), "sync"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := l.Unlock(); err != nil {
		t.Fatal(err)
	}
	l, err = v.Lock(gone(), "sync")
	if err != nil {
		t.Fatal("a free lock was not to be had at once: ", err)
	}
	l.Unlock()
}

func TestEightProcessesTakeTurns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if out, err := play(t, "count", path).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	all.Wait()
	if got := read(t, path+".n"); got != "400" {
		t.Errorf("8 x 50 is %s", got)
	}
}

func TestALockFileIsAPlainFileOfOurs(t *testing.T) {
	folder := t.TempDir()
	victim := put(t, filepath.Join(folder, "victim"), "precious", 0o600)
	link := filepath.Join(folder, "lock")
	if err := os.Symlink(victim, link); err != nil {
		t.Fatal(err)
	}
	if _, err := TakeLock(context.Background(), link, "set"); !errors.Is(err, ErrSymlink) {
		t.Error(err)
	}
	if got := read(t, victim); got != "precious" {
		t.Error(got)
	}
	// Nonsense in it is nobody's name, and no reason to fail.
	for i, content := range []string{"x", "-3 \"a\"\n", "7 a\n", "99999999999999999999 \"a\"", strings.Repeat("1", 2000)} {
		path := put(t, filepath.Join(folder, fmt.Sprint(i)), content, 0o600)
		l, err := TakeLock(context.Background(), path, "a\nb\x1b[31m")
		if err != nil {
			t.Fatal(err)
		}
		if who, ok := l.Abandoned(); ok {
			t.Errorf("%q is the holder %v", content, who)
		}
		if got := read(t, path); strings.ContainsAny(got, "\x1b") || strings.Count(got, "\n") != 1 {
			t.Errorf("%q", got)
		}
		l.Unlock()
	}
}
