//go:build unix

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// person is somebody with a home folder and a project.
type person struct {
	t             *testing.T
	home, project string
	token         string // of an identity that the test knows; empty is a login
}

func newPerson(t *testing.T) person {
	t.Helper()
	p := person{t: t, home: filepath.Join(t.TempDir(), "home"), project: t.TempDir()}
	if err := os.MkdirAll(p.home, 0o700); err != nil {
		t.Fatal(err)
	}
	return p
}

// secr is one call of the program.
func (p person) secr(args ...string) *exec.Cmd {
	cmd := exec.Command("secr", args...)
	cmd.Dir = p.project
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + p.home, "TMPDIR=" + os.TempDir(), "USER=tester",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "SECR_KEYRING=file", "SECR_PASSPHRASE=correct horse",
	}
	if p.token != "" {
		cmd.Env = append(cmd.Env, "SECR_TOKEN="+p.token)
	}
	return cmd
}

// must runs it and returns what it printed.
func (p person) must(stdin string, args ...string) string {
	p.t.Helper()
	cmd := p.secr(args...)
	var said bytes.Buffer
	cmd.Stdin, cmd.Stderr = strings.NewReader(stdin), &said
	out, err := cmd.Output()
	if err != nil {
		p.t.Fatalf("secr %s: %v\n%s", args[0], err, said.String())
	}
	return string(out)
}

// restore puts a saved home back.
func (p person) restore(saved string) {
	p.t.Helper()
	if err := os.RemoveAll(p.home); err != nil {
		p.t.Fatal(err)
	}
	if err := os.CopyFS(p.home, os.DirFS(saved)); err != nil {
		p.t.Fatal(err)
	}
}

func TestOffboardingThatIsKilledLeavesTheOldTeamOrTheNew(t *testing.T) {
	ana, ben := newPerson(t), newPerson(t)
	ana.must("", "login", "--name", "Ana")
	ana.must("", "init", "--handle", "ana")
	var secrets strings.Builder
	for i := range 150 {
		fmt.Fprintf(&secrets, "NAME_%03d=value-%d\n", i, i)
	}
	for _, env := range []string{"development", "staging"} {
		ana.must(secrets.String(), "import", "-", "--env", env)
	}
	request := ben.must(ana.must("", "invite", "ben", "--role", "admin"), "join", "-")
	ana.must(request, "member", "add", "--yes", "--request", "-")
	saved := filepath.Join(t.TempDir(), "saved")
	if err := os.CopyFS(saved, os.DirFS(ana.home)); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	ana.must("", "offboard", "ben", "--yes")
	whole := time.Since(begin)
	const cuts = 12
	for i := range cuts {
		ana.restore(saved)
		cmd := ana.secr("offboard", "ben", "--yes")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		kill := time.AfterFunc(whole*time.Duration(i)/cuts, func() { cmd.Process.Kill() })
		cmd.Wait() // killed or done: both are what is looked at
		kill.Stop()
		members := ana.must("", "member", "ls", "--json")
		ledger := ana.must("", "who", "production")
		if strings.Contains(members, `"ben"`) != strings.Contains(ledger, "ben ") {
			t.Errorf("cut %d: ben is half gone:\n%s\n%s", i, members, ledger)
		}
		for _, env := range []string{"development", "staging"} {
			if got := ana.must("", "get", "NAME_149", "--env", env); got != "value-149" {
				t.Errorf("cut %d: %s has %q", i, env, got)
			}
		}
		ana.must("", "offboard", "ben", "--yes") // again, or what is left to do
		ana.must("changed", "set", "NAME_000")
		if members := ana.must("", "member", "ls", "--json"); strings.Contains(members, `"ben"`) {
			t.Errorf("cut %d: ben is still there:\n%s", i, members)
		}
	}
}
