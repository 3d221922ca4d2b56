//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// machine is a home folder and a project in which tests run the real program.
type machine struct {
	home    string // SECR_HOME
	project string
	env     []string
}

// newMachine has an identity and a vault. home is where secr keeps everything.
func newMachine(t *testing.T, home string) *machine {
	t.Helper()
	root := t.TempDir()
	m := &machine{home: home, project: filepath.Join(root, "project")}
	if err := os.MkdirAll(m.project, 0o700); err != nil {
		t.Fatal(err)
	}
	m.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + root, "TMPDIR=" + root, "USER=tester", "LANG=C.UTF-8",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"SECR_HOME=" + home, "SECR_KEYRING=file", "SECR_PASSPHRASE=correct horse",
	}
	for _, args := range [][]string{{"login", "--name", "ada"}, {"init"}} {
		if _, err := m.secr(args...); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// command is secr with arguments, not yet started.
func (m *machine) command(args ...string) *exec.Cmd {
	cmd := exec.Command("secr", args...)
	cmd.Dir, cmd.Env = m.project, m.env
	return cmd
}

// secr runs the program and returns its standard output. The error has what
// it said, and wraps exec.ExitError.
func (m *machine) secr(args ...string) (string, error) {
	cmd := m.command(args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("secr %s: %w: %s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return stdout.String(), nil
}

// values are all secrets of the default environment.
func (m *machine) values() (map[string]string, error) {
	out, err := m.secr("export", "--format", "json")
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	return values, json.Unmarshal([]byte(out), &values)
}

// head is the number of the newest change.
func (m *machine) head() (int, error) {
	out, err := m.secr("log", "--json", "-n", "1")
	if err != nil {
		return 0, err
	}
	var log struct {
		Changes []struct{ Number int }
	}
	if err := json.Unmarshal([]byte(out), &log); err != nil || len(log.Changes) != 1 {
		return 0, fmt.Errorf("secr log says %s: %w", out, err)
	}
	return log.Changes[0].Number, nil
}

// sound checks the vault with stock git, and that nothing is left over.
func (m *machine) sound(t *testing.T) {
	t.Helper()
	if out, err := m.secr("git", "fsck", "--strict", "--full"); err != nil || strings.Contains(out, "error") {
		t.Errorf("git fsck: %v %s", err, out)
	}
	left, err := filepath.Glob(filepath.Join(m.home, "data/*/repo.git/objects/pack/*tmp*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left over: %v %v", left, err)
	}
	// Derived files may be deleted at any time, and everything is verified anew.
	before, err := m.values()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(m.home, "cache")); err != nil {
		t.Fatal(err)
	}
	after, err := m.values()
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("without the cache there are other values")
	}
}

// exitCode is what the program ended with, or -1 if it was killed.
func exitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return 0
}
