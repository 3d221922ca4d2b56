//go:build unix

package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// thief is a listener that counts who comes.
func thief(t *testing.T) (address string, visits *atomic.Int64) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	visits = &atomic.Int64{}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			visits.Add(1)
			conn.Close()
		}
	}()
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().String(), visits
}

// git runs git in the project as its owner would.
func (m *machine) git(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env = m.project, m.env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, out)
	}
}

// try runs secr without a terminal and returns all that it said. How it ends is not asked.
func (m *machine) try(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "secr", args...)
	cmd.Dir, cmd.Env = m.project, m.env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	_ = cmd.Run() // most of these must fail; what they must not do is looked at elsewhere
	if ctx.Err() != nil {
		t.Errorf("secr %q does not end", args)
	}
	return out.String()
}

// networkVerbs are the verbs that look for a remote, everyVerb all that a script can run.
func networkVerbs() [][]string {
	return [][]string{{"sync"}, {"pull"}, {"clone"}, {"status"}, {"remote", "show"}, {"sync", "--repair"}}
}

func everyVerb() [][]string {
	return append(networkVerbs(), [][]string{
		{"push"}, {"whoami"}, {"set", "B=1"}, {"get", "A"}, {"ls"}, {"rm", "B"}, {"generate", "G"}, {"run", "--", "true"}, {"export"},
		{"history"}, {"history", "A"}, {"log"}, {"audit", "log"}, {"audit", "reads"}, {"audit", "verify"}, {"diff", "development", "staging"},
		{"env", "ls"}, {"member", "ls"}, {"device", "ls"}, {"role", "ls"}, {"can", "ana", "read", "development"}, {"who", "development"},
		{"kms", "ls"}, {"token", "ls"}, {"git", "log"}, {"doctor"}, {"version"}, {"invite", "ben"}, {"rotate-key", "development"}, {"link"}, {"init"},
	}...)
}

// TestAHostileProjectFolderStartsNothingAndReachesNobody puts into a linked project what
// somebody who can write its files, or its git configuration, might try.
func TestAHostileProjectFolderStartsNothingAndReachesNobody(t *testing.T) {
	m := newMachine(t, t.TempDir())
	if _, err := m.secr("set", "A=1"); err != nil {
		t.Fatal(err)
	}
	m.git(t, "init", "--quiet")
	remote := filepath.Join(t.TempDir(), "remote.git")
	m.git(t, "init", "--quiet", "--bare", remote)
	if _, err := m.secr("sync", "--remote", remote); err != nil {
		t.Fatal(err)
	}
	touched := filepath.Join(t.TempDir(), "touched")
	address, visits := thief(t)
	evil := "touch " + touched
	good, err := os.ReadFile(filepath.Join(m.project, "secr.toml"))
	if err != nil {
		t.Fatal(err)
	}
	config := m.hostileConfig(t, evil, address)
	toml := func(line string) string { return string(good) + line + "\n" }
	for name, c := range map[string]struct {
		toml, origin string
		verbs        [][]string
	}{
		"git configuration":        {string(good), remote, everyVerb()},
		"a helper in secr.toml":    {toml(`remote = "ext::sh -c ` + evil + `"`), "", networkVerbs()},
		"a helper without a user":  {toml(`remote = "@ext://sh -c ` + evil + `"`), "", networkVerbs()},
		"an option in secr.toml":   {toml(`remote = "--upload-pack=` + evil + `"`), "", networkVerbs()},
		"an ssh option":            {toml(`remote = "ssh://-oProxyCommand=` + strings.ReplaceAll(evil, " ", "${IFS}") + `/x"`), "", networkVerbs()},
		"an ssh option as a user":  {toml(`remote = "-oProxyCommand=x@host:y"`), "", networkVerbs()},
		"a folder":                 {toml(`remote = "` + m.hostileRepository(t, evil) + `"`), "", networkVerbs()},
		"a host nobody confirmed":  {toml(`remote = "https://` + address + `/x"`), "", everyVerb()},
		"the same by ssh":          {toml(`remote = "ssh://git@` + address + `/x"`), "", networkVerbs()},
		"another vault":            {"vault = \"aaaaaaaaaaaaaaaaaaaaaaaaaa\"\nremote = \"https://" + address + "/x\"\n", "", everyVerb()},
		"a helper as origin":       {string(good), "ext::sh -c " + evil, networkVerbs()},
		"an option as origin":      {string(good), "--upload-pack=" + evil, networkVerbs()},
		"an ssh option as origin":  {string(good), "ssh://-oProxyCommand=" + evil + "/x", networkVerbs()},
		"a folder with hooks":      {string(good), m.hostileRepository(t, evil), networkVerbs()},
		"a branch that is a flag":  {toml(`branch = "--upload-pack=x"`), remote, networkVerbs()},
		"a branch out of the tree": {toml(`branch = "../../x"`), remote, networkVerbs()},
	} {
		t.Run(name, func(t *testing.T) {
			text := config
			if c.origin != "" {
				text += "[remote \"origin\"]\n\turl = \"" + c.origin + "\"\n"
			}
			for file, content := range map[string]string{"secr.toml": c.toml, ".git/config": text} {
				if err := os.WriteFile(filepath.Join(m.project, file), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for _, args := range c.verbs {
				said := m.try(t, args...)
				if strings.ContainsRune(said, 0x1b) {
					t.Errorf("secr %q says %q", args, said)
				}
				if _, err := os.Stat(touched); err == nil {
					os.Remove(touched)
					t.Errorf("secr %q started a program", args)
				}
				if n := visits.Swap(0); n != 0 {
					t.Errorf("secr %q reached the listener %d times", args, n)
				}
			}
		})
	}
}

// hostileConfig is a git configuration that tries everything. Includes come too.
func (m *machine) hostileConfig(t *testing.T, evil, address string) string {
	t.Helper()
	included := filepath.Join(t.TempDir(), "included")
	text := "[core]\n\tsshCommand = " + evil + "\n[http]\n\textraHeader = \"X-Secret: y\"\n[credential]\n\thelper = \"!" + evil + "\"\n"
	if err := os.WriteFile(included, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(strings.ReplaceAll(`[core]
	repositoryformatversion = 0
	sshCommand = EVIL
	fsmonitor = EVIL
	askPass = EVIL
	gitProxy = EVIL
	hooksPath = .
	pager = EVIL
	editor = EVIL
	alternateRefsCommand = EVIL
[include]
	path = `+included+`
[credential]
	helper = "!EVIL"
[http]
	proxy = http://THIEF
	extraHeader = "X-Secret: y"
	sslVerify = false
[url "https://THIEF/"]
	insteadOf = /
	insteadOf = https://
[url "ext::sh -c EVIL"]
	pushInsteadOf = /
[uploadpack]
	packObjectsHook = EVIL
[alias]
	log = "!EVIL"
	fetch = "!EVIL"
[gpg]
	program = EVIL
[gpg "ssh"]
	program = EVIL
[filter "x"]
	smudge = EVIL
	clean = EVIL
`, "EVIL", evil), "THIEF", address)
}

// hostileRepository is a folder with hooks, beside the project.
func (m *machine) hostileRepository(t *testing.T, evil string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "evil.git")
	m.git(t, "init", "--quiet", "--bare", dir)
	for _, hook := range []string{"pre-receive", "update", "post-receive", "post-update", "reference-transaction"} {
		if err := os.WriteFile(filepath.Join(dir, "hooks", hook), []byte("#!/bin/sh\n"+evil+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
