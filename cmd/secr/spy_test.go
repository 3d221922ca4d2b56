//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secr/secr/sync/remote/remotetest"
)

// spied is a machine with a shared vault whose git writes down its arguments and
// environment.
func spied(t *testing.T) (m *machine, log string) {
	t.Helper()
	m = newMachine(t, t.TempDir())
	h := remotetest.HTTPS(t)
	h.Create(t, "team")
	m.env = append(m.env, h.Env...)
	m.git(t, "init", "--quiet")
	m.git(t, "remote", "add", "origin", h.Address("team"))
	real, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	log = filepath.Join(dir, "log")
	script := "#!/bin/sh\n{ printf '%s\\n' \"$@\"; env; } >>" + log + "\nexec " + real + " \"$@\"\n"
	if err := os.WriteFile(filepath.Join(dir, "git"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	for i, entry := range m.env {
		if path, ok := strings.CutPrefix(entry, "PATH="); ok {
			m.env[i] = "PATH=" + dir + string(os.PathListSeparator) + path
		}
	}
	return m, log
}

// lines are what git was given since the last look.
func lines(t *testing.T, log string) []string {
	t.Helper()
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(log, 0); err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(text), "\n")
}

// TestNothingSecretReachesGit: neither in its arguments nor in its environment.
func TestNothingSecretReachesGit(t *testing.T) {
	m, log := spied(t)
	for _, args := range [][]string{{"set", "A=the-value-of-a"}, {"sync"}, {"set", "A=another-value"}, {"sync"}, {"pull"}, {"sync", "--repair"}} {
		m.try(t, args...)
	}
	given := lines(t, log)
	if !slices.Contains(given, "push") {
		t.Fatal("git was not asked to push")
	}
	for _, secret := range []string{"correct horse", "the-value-of-a", "another-value", "SECR_"} {
		if i := slices.IndexFunc(given, func(l string) bool { return strings.Contains(l, secret) }); i >= 0 {
			t.Errorf("git was given %q: %s", secret, given[i])
		}
	}
}

// TestASyncAsksTheRemoteNoMoreThanItMust counts the programs that a sync starts.
func TestASyncAsksTheRemoteNoMoreThanItMust(t *testing.T) {
	m, log := spied(t)
	m.env = append(m.env, "TEST_NOW="+time.Now().UTC().Format(time.RFC3339)) // no answer is slow where the clock stands
	started := func(args ...string) []string {
		if _, err := m.secr(args...); err != nil {
			t.Fatal(err)
		}
		return slices.DeleteFunc(lines(t, log), func(l string) bool { return !slices.Contains([]string{"ls-remote", "fetch", "push", "config"}, l) })
	}
	started("sync")
	if got := started("sync"); !slices.Equal(got, []string{"ls-remote"}) {
		t.Errorf("with nothing to do: %q", got)
	}
	if _, err := m.secr("set", "A=1"); err != nil {
		t.Fatal(err)
	}
	if got := started("sync"); !slices.Equal(got, []string{"ls-remote", "push"}) {
		t.Errorf("with one change: %q", got)
	}
}

// TestASyncWithAFolderStartsNothing: secr reads a folder, and writes to it, itself.
func TestASyncWithAFolderStartsNothing(t *testing.T) {
	m, log := spied(t)
	there := remotetest.Folder(t).Create(t, "team")
	m.git(t, "remote", "set-url", "origin", there)
	for _, args := range [][]string{{"sync"}, {"set", "A=1"}, {"sync"}, {"sync"}} {
		if _, err := m.secr(args...); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(log); err == nil {
		t.Errorf("git was started: %q", lines(t, log))
	}
}
