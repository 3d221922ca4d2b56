package remote_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/sync/remote/remotetest"
)

// locked is a folder as host, a branch there, and the file that locks it.
type locked struct {
	t         *testing.T
	transport remote.Transport
	there     string
	url       remote.URL
	local     string
	one, two  remote.Hash
	lock      string
}

func newLocked(t *testing.T, transport string) *locked {
	t.Helper()
	h := remotetest.Folder(t)
	l := &locked{t: t, there: h.Create(t, "x"), url: parse(t, h.Address("x")), local: repository(t).Dir()}
	l.transport, _ = transports()[transport](t, h)
	l.lock = filepath.Join(l.there, branch+".lock")
	l.one = hash(t, remotetest.Commit(t, l.local, "", "a", "1"))
	l.two = hash(t, remotetest.Commit(t, l.local, l.one.String(), "b", "2"))
	if err := l.push(remote.Hash{}, l.one, 0); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *locked) push(old, new remote.Hash, limit time.Duration) error {
	return l.transport.Push(l.t.Context(), remote.Push{URL: l.url, Ref: branch, Old: old, New: new, From: l.local, Limits: remote.Limits{Time: limit}})
}

// plant is a lock as git leaves it.
func (l *locked) plant(age time.Duration) {
	l.t.Helper()
	if err := os.WriteFile(l.lock, nil, 0o600); err != nil {
		l.t.Fatal(err)
	}
	makeOld(l.t, l.lock, age)
}

func makeOld(t *testing.T, path string, age time.Duration) {
	t.Helper()
	then := time.Now().Add(-age)
	if err := os.Chtimes(path, then, then); err != nil {
		t.Fatal(err)
	}
}

func (l *locked) isThere() bool {
	_, err := os.Lstat(l.lock)
	return err == nil
}

// clean checks that nothing of ours is left beside the refs.
func (l *locked) clean() {
	l.t.Helper()
	left, err := filepath.Glob(filepath.Join(l.there, "secr-push-*"))
	if err != nil || len(left) > 0 {
		l.t.Errorf("left over: %q %v", left, err)
	}
}

func TestALockOfNobodyKnowsWhomIsNamedAndStays(t *testing.T) {
	for name, rule := range map[string]string{"builtin": "", "native": "", "native with rules": "receive.denyDeletes"} {
		t.Run(name, func(t *testing.T) {
			transport, _, _ := strings.Cut(name, " ")
			l := newLocked(t, transport)
			if rule != "" {
				remotetest.Run(t, l.there, "config", rule, "false")
			}
			l.plant(time.Hour)
			err := l.push(l.one, l.two, 0)
			wantKind(t, err, remote.Locked)
			var lock *remote.LockError
			if !errors.As(err, &lock) || lock.Path != l.lock || lock.Age < 59*time.Minute || lock.Age > 2*time.Hour {
				t.Fatalf("%v: %+v", err, lock)
			}
			if !strings.Contains(err.Error(), l.lock) || !strings.Contains(lock.Hint(), "rm '"+l.lock+"'") {
				t.Errorf("%v, %q", err, lock.Hint())
			}
			if !l.isThere() {
				t.Error("the lock was taken away")
			}
			l.clean()
		})
	}
}

func TestAYoungLockIsWaitedFor(t *testing.T) {
	for name := range transports() {
		t.Run(name, func(t *testing.T) {
			l := newLocked(t, name)
			l.plant(0)
			wantKind(t, l.push(l.one, l.two, 100*time.Millisecond), remote.Timeout)
			if !l.isThere() {
				t.Fatal("the lock was taken away")
			}
			l.clean()
			time.AfterFunc(50*time.Millisecond, func() { os.Remove(l.lock) })
			if err := l.push(l.one, l.two, 0); err != nil {
				t.Error(err)
			}
			l.clean()
		})
	}
}

func TestALockThatBecameTheRefIsNotGivenBackTwice(t *testing.T) {
	l := newLocked(t, "builtin")
	first, err := remote.LockRef(t.Context(), l.url, branch, l.two)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Set(); err != nil {
		t.Fatal(err)
	}
	second, err := remote.LockRef(t.Context(), l.url, branch, l.one)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Release(); err != nil {
		t.Error(err)
	}
	if !l.isThere() {
		t.Error("who was done took the lock of the next")
	}
	if err := second.Release(); err != nil {
		t.Error(err)
	}
	if l.isThere() {
		t.Error("the lock is still there")
	}
	l.clean()
	if got := remotetest.Run(t, l.there, "rev-parse", branch); got != l.two.String() {
		t.Errorf("the branch stands at %s", got)
	}
}
