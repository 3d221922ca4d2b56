//go:build unix

package clouds

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/secr/secr/keys/cloud"
	"github.com/secr/secr/policy"
)

func key(account string) policy.CloudKey {
	return policy.CloudKey{Provider: policy.AWS, Key: "arn:aws:kms:eu-central-1:" + account + ":key/11111111-2222-3333-4444-555555555555"}
}

// withHelper is a way to clouds whose helper notes that it ran, and answers every call
// with the same result.
func withHelper(t *testing.T, result string) (c *Clouds, runs func() int) {
	t.Helper()
	folder := t.TempDir()
	log := filepath.Join(folder, "log")
	script := "#!/bin/sh\ncat >/dev/null\necho >>'" + log + "'\nprintf '{\"version\":\"1\",\"results\":[%s]}' '" + result + "'\n"
	if err := os.WriteFile(filepath.Join(folder, "secr-kms"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	c = &Clouds{Executable: filepath.Join(folder, "secr"), Version: "1", Environ: os.Environ(), Allowed: func() []string { return nil }}
	return c, func() int {
		data, err := os.ReadFile(log)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		return strings.Count(string(data), "\n")
	}
}

func TestAKeyThatGaveNoAnswerIsNotAskedAgain(t *testing.T) {
	c, runs := withHelper(t, `{"error":{"class":"unreachable"}}`)
	for range 3 {
		_, err := c.Call(t.Context(), key("123456789012"), cloud.Unwrap, cloud.Context{}, nil)
		if failed, ok := errors.AsType[*cloud.Error](err); !ok || failed.Class != cloud.Unreachable {
			t.Fatal(err)
		}
	}
	if n := runs(); n != 1 {
		t.Errorf("one key that is not there was called %d times", n)
	}
	if _, err := c.Call(t.Context(), key("999999999999"), cloud.Unwrap, cloud.Context{}, nil); err == nil || runs() != 2 {
		t.Errorf("another key: %v after %d runs", err, runs())
	}
	c, runs = withHelper(t, `{"error":{"class":"denied"}}`)
	for range 2 {
		if _, err := c.Call(t.Context(), key("123456789012"), cloud.Unwrap, cloud.Context{}, nil); err == nil {
			t.Fatal("no error")
		}
	}
	if n := runs(); n != 2 {
		t.Errorf("a key that refuses one thing was asked %d times about two", n)
	}
}

// TestQuestionsComeOneByOne calls several keys at once: a terminal has one line, and an
// account that was allowed isn't asked about again.
func TestQuestionsComeOneByOne(t *testing.T) {
	c, _ := withHelper(t, `{"data":"AA=="}`)
	var mu sync.Mutex
	var allowed []string
	c.Allowed = func() []string {
		mu.Lock()
		defer mu.Unlock()
		return allowed
	}
	var open, asked atomic.Int32
	c.Ask = func(_ context.Context, scope string, _ policy.CloudKey) (bool, error) {
		if open.Add(1) > 1 {
			t.Error("two questions at once")
		}
		defer open.Add(-1)
		asked.Add(1)
		mu.Lock()
		defer mu.Unlock()
		allowed = append(allowed, scope)
		return true, nil
	}
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			account := []string{"123456789012", "999999999999"}[i%2]
			if _, err := c.Call(t.Context(), key(account), cloud.Wrap, cloud.Context{}, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if n := asked.Load(); n != 2 {
		t.Errorf("%d questions about two accounts", n)
	}
}

// TestAnUnansweredQuestionEndsWhatAsked: it must not pass for a cloud that can't be
// reached, without which a removal goes on.
func TestAnUnansweredQuestionEndsWhatAsked(t *testing.T) {
	c, runs := withHelper(t, `{"data":"AA=="}`)
	interrupted := errors.New("interrupted")
	c.Ask = func(context.Context, string, policy.CloudKey) (bool, error) { return false, interrupted }
	_, err := c.Call(t.Context(), key("123456789012"), cloud.Wrap, cloud.Context{}, nil)
	if !errors.Is(err, interrupted) || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want it to be %v and %v", err, interrupted, context.Canceled)
	}
	c.Ask = func(context.Context, string, policy.CloudKey) (bool, error) { return false, nil }
	var no *ForbiddenError
	if _, err := c.Call(t.Context(), key("123456789012"), cloud.Wrap, cloud.Context{}, nil); !errors.As(err, &no) || errors.Is(err, context.Canceled) {
		t.Errorf("after a no: %v", err)
	}
	if n := runs(); n != 0 {
		t.Errorf("the helper ran %d times", n)
	}
}
