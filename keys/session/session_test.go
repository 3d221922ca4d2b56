package session_test

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/keys/session"
)

const childName = "SECR_TEST_SESSION_CHILD"

// unique is a name that no other test, process or user's own key has.
func unique(t *testing.T) string {
	t.Helper()
	var b [12]byte
	rand.Read(b[:])
	name := "test:" + hex.EncodeToString(b[:])
	t.Cleanup(func() {
		if err := session.Delete(name); err != nil {
			t.Error(err)
		}
	})
	return name
}

// kept is a unique name under which data is kept.
func kept(t *testing.T, data string) string {
	t.Helper()
	name := unique(t)
	err := session.Put(name, []byte(data), time.Hour)
	if errors.Is(err, session.ErrUnavailable) {
		if os.Getenv("SECR_TEST_REQUIRE_ALL") == "1" && runtime.GOOS == "linux" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func TestKeptIsReadReplacedAndForgotten(t *testing.T) {
	name := kept(t, "first")
	for _, want := range []string{
		"first", "second, and longer", "3", strings.Repeat("x", 127), strings.Repeat("x", 128), strings.Repeat("x", 129), strings.Repeat("x", 10000),
	} {
		if want != "first" {
			if err := session.Put(name, []byte(want), time.Hour); errors.Is(err, session.ErrUnavailable) && len(want) > 5000 {
				continue // a user's quota may be small
			} else if err != nil {
				t.Fatal(err)
			}
		}
		got, err := session.Get(name)
		if d := cmp.Diff(want, string(got)); err != nil || d != "" {
			t.Errorf("%v %s", err, d)
		}
	}
	for range 2 {
		if err := session.Delete(name); err != nil {
			t.Error(err)
		}
	}
	if got, err := session.Get(name); !errors.Is(err, session.ErrMiss) {
		t.Errorf("after Delete: %q %v", got, err)
	}
}

func TestNothingKeptIsAMiss(t *testing.T) {
	for _, name := range []string{unique(t), "", "with space", "line\nend", strings.Repeat("x", 201)} {
		if _, err := session.Get(name); !errors.Is(err, session.ErrMiss) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestWhatCantEndOrFitIsRefused(t *testing.T) {
	name := unique(t)
	for _, err := range []error{
		session.Put(name, []byte("x"), 0),
		session.Put(name, []byte("x"), -time.Second),
		session.Put(name, []byte("x"), time.Millisecond),
		session.Put(name, nil, time.Hour),
		session.Put(name, make([]byte, 32768), time.Hour),
		session.Put("a b", []byte("x"), time.Hour),
	} {
		if err == nil {
			t.Error("kept")
		}
	}
	if _, err := session.Get(name); !errors.Is(err, session.ErrMiss) {
		t.Error(err)
	}
}

// The clock that ends it is the kernel's: the test waits for the event, with a
// deadline that has nothing to do with how fast the machine is.
func TestKeptEndsByItself(t *testing.T) {
	name := kept(t, "short")
	if err := session.Put(name, []byte("short"), time.Second); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(time.Minute)
	for {
		if _, err := session.Get(name); errors.Is(err, session.ErrMiss) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("still kept after a minute")
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err := session.Put(name, []byte("again"), time.Hour); err != nil {
		t.Fatal(err)
	}
	if got, err := session.Get(name); err != nil || string(got) != "again" {
		t.Errorf("after the end, put again: %q %v", got, err)
	}
}

func TestAnotherProcessReadsWhatWasKept(t *testing.T) {
	if name := os.Getenv(childName); name != "" {
		got, err := session.Get(name)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = os.Stdout.WriteString("child read " + string(got) + "\n")
		return
	}
	name := kept(t, "for-another")
	cmd := exec.Command(os.Args[0], "-test.run=^TestAnotherProcessReadsWhatWasKept$")
	cmd.Env = append(os.Environ(), childName+"="+name)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "child read for-another") {
		t.Errorf("%v: %s", err, out)
	}
}

// Credentials belong to threads: each goroutine may be on one that has never
// linked the keyring.
func TestEveryThreadReads(t *testing.T) {
	name := kept(t, "threads")
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for range 20 {
				if got, err := session.Get(name); err != nil || string(got) != "threads" {
					t.Errorf("%q %v", got, err)
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkGet(b *testing.B) {
	name := "test:bench"
	if err := session.Put(name, make([]byte, 32), time.Minute); err != nil {
		b.Skip(err)
	}
	for b.Loop() {
		if _, err := session.Get(name); err != nil {
			b.Fatal(err)
		}
	}
	if err := session.Delete(name); err != nil {
		b.Fatal(err)
	}
}
