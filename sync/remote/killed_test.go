//go:build linux || darwin

package remote_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/sync/remote/remotetest"
	"github.com/secr/secr/vault/repo"
)

// TestMain is also the processes that push, and lock, until they are killed.
func TestMain(m *testing.M) {
	for name, play := range map[string]func([]string) error{"SECR_TEST_PUSHER": pushOn, "SECR_TEST_LOCKER": lockFor} {
		if text := os.Getenv(name); text != "" {
			fmt.Fprintln(os.Stderr, play(strings.Fields(text)))
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// lockFor locks the branch, says so, and keeps the lock.
func lockFor(args []string) error {
	u, err := remote.Parse(args[0], remote.FromUser, "")
	if err != nil {
		return err
	}
	if _, err := remote.LockRef(context.Background(), u, branch, remote.Hash{1}); err != nil {
		return err
	}
	fmt.Println("locked")
	select {}
}

// TestOnlyTheLockOfADeadProcessIsTakenOver: as long as it may live, it is waited for.
func TestOnlyTheLockOfADeadProcessIsTakenOver(t *testing.T) {
	for name := range transports() {
		t.Run(name, func(t *testing.T) {
			l := newLocked(t, name)
			other := exec.Command(os.Args[0], "-test.run=^$")
			other.Env = append(remotetest.Env(t), "SECR_TEST_LOCKER="+l.url.String())
			out, err := other.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := other.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { other.Process.Kill(); other.Wait() })
			if line, err := bufio.NewReader(out).ReadString('\n'); line != "locked\n" {
				t.Fatalf("%q %v", line, err)
			}
			wantKind(t, l.push(l.one, l.two, 100*time.Millisecond), remote.Timeout)
			makeOld(t, l.lock, time.Hour) // that of the claim, too: it is the same file
			err = l.push(l.one, l.two, 0)
			wantKind(t, err, remote.Moved)
			if err == nil || !strings.Contains(err.Error(), "another push of secr") || !l.isThere() {
				t.Fatal(err)
			}
			other.Process.Kill()
			other.Wait()
			if err := l.push(l.one, l.two, 0); err != nil {
				t.Error(err)
			}
			l.clean()
		})
	}
}

// pushOn moves the branch back and forth until somebody ends it.
func pushOn(args []string) error {
	git, url, from := args[0], args[1], args[2]
	u, err := remote.Parse(url, remote.FromUser, "")
	if err != nil {
		return err
	}
	var tr remote.Transport = remote.NewBuiltin(remote.BuiltinOptions{})
	if git != "none" {
		tr = remote.NewNative(remote.NativeOptions{Git: git, Environ: os.Environ()})
	}
	var tips [2]remote.Hash
	for i := range tips {
		if tips[i], err = repo.ParseHash(args[3+i]); err != nil {
			return err
		}
	}
	for i := 0; ; i++ {
		p := remote.Push{URL: u, Ref: branch, Old: tips[i%2], New: tips[1-i%2], From: from}
		if err := tr.Push(context.Background(), p); err != nil {
			return err
		}
	}
}

// TestAKilledPushLeavesAFolderOpen kills a push while the branch is locked for it.
func TestAKilledPushLeavesAFolderOpen(t *testing.T) {
	h := remotetest.Folder(t)
	for name, make := range transports() {
		t.Run(name, func(t *testing.T) {
			there, local := h.Create(t, name), repository(t)
			lock := filepath.Join(there, branch+".lock")
			one := hash(t, remotetest.Commit(t, local.Dir(), "", "a", "1"))
			two := hash(t, remotetest.Commit(t, local.Dir(), one.String(), "b", "2"))
			tr, _ := make(t, h)
			push := func(old, new remote.Hash) error {
				return tr.Push(t.Context(), remote.Push{URL: parse(t, h.Address(name)), Ref: branch, Old: old, New: new, From: local.Dir()})
			}
			if err := push(remote.Hash{}, one); err != nil {
				t.Fatal(err)
			}
			manyRefs(t, there, one.String())
			git := "none"
			if name == "native" {
				git = remotetest.Git(t)
			}
			for !killAt(t, lock, fmt.Sprintf("%s %s %s %s %s", git, h.Address(name), local.Dir(), one, two)) {
				remotetest.Run(t, there, "update-ref", branch, one.String())
			}
			stands := hash(t, remotetest.Run(t, there, "rev-parse", branch))
			next := hash(t, remotetest.Commit(t, local.Dir(), two.String(), "c", "3"))
			if err := push(stands, next); err != nil {
				t.Fatalf("after the kill: %v", err)
			}
			if got := remotetest.Run(t, there, "rev-parse", branch); got != next.String() {
				t.Errorf("the branch stands at %s", got)
			}
			if left, err := filepath.Glob(filepath.Join(there, "secr-push-*")); err != nil || len(left) > 0 {
				t.Errorf("left over: %q %v", left, err)
			}
			remotetest.Run(t, there, "fsck", "--strict")
		})
	}
}

// manyRefs makes the look at the refs slow, which a push does with the lock in its hands.
func manyRefs(t *testing.T, there, tip string) {
	t.Helper()
	var packed strings.Builder
	packed.WriteString("# pack-refs with: peeled fully-peeled sorted \n")
	for i := range 50_000 {
		fmt.Fprintf(&packed, "%s refs/tags/t%06d\n", tip, i)
	}
	if err := os.WriteFile(filepath.Join(there, "packed-refs"), []byte(packed.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// killAt starts a process that pushes, and kills it when it has the lock. It reports
// whether the lock was left behind.
func killAt(t *testing.T, lock, task string) bool {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(remotetest.Env(t), "SECR_TEST_PUSHER="+task)
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan string, 1)
	go func() {
		text := ""
		for lines := bufio.NewScanner(said); lines.Scan(); {
			text += lines.Text()
		}
		ended <- text
	}()
	for {
		if _, err := os.Lstat(lock); err == nil {
			break
		}
		select {
		case text := <-ended:
			t.Fatalf("the pusher ended: %s", text)
		default:
		}
	}
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-ended
	cmd.Wait()
	_, err = os.Lstat(lock)
	return err == nil
}
