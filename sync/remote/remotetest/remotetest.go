// Package remotetest gives tests real Git hosts on loopback: a folder, a real sshd with
// key authentication and git-shell, and git http-backend behind TLS with basic
// authentication and a private certificate authority. It is the conformance ground for
// both transports of sync/remote, and the host that the sync tests turn hostile.
package remotetest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Host is a running Git host with one bare repository per name.
type Host struct {
	Name string // file, ssh or https
	Root string // the folder that holds the repositories
	// Address makes the address of a repository.
	Address func(repository string) string
	// Env is what a client's environment needs to be let in.
	Env []string
	// Key and KnownHosts are files of an ssh host; CA, User and Password of an https one.
	Key, KnownHosts, CA, User, Password string
}

// Need skips the test when a program is missing, unless SECR_TEST_REQUIRE_ALL is set.
func Need(t testing.TB, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			if os.Getenv("SECR_TEST_REQUIRE_ALL") == "1" {
				t.Fatalf("%s is required: %v", p, err)
			}
			t.Skipf("%s is not installed", p)
		}
	}
}

// Git finds the git program.
func Git(t testing.TB) string {
	t.Helper()
	Need(t, "git")
	path, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Env is an environment that knows nothing of the machine's user: an empty home and no
// configuration. More entries may be added.
func Env(t testing.TB, more ...string) []string {
	t.Helper()
	home := t.TempDir()
	return append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "XDG_CONFIG_HOME=" + filepath.Join(home, ".config"),
		"GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C", "TMPDIR=" + os.TempDir(),
	}, more...)
}

// Run runs git on a bare repository and returns what it prints.
func Run(t testing.TB, gitDir string, args ...string) string {
	t.Helper()
	return RunInput(t, gitDir, "", args...)
}

// RunInput is Run with something to read.
func RunInput(t testing.TB, gitDir, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.Command(Git(t), append([]string{"--git-dir=" + gitDir}, args...)...)
	cmd.Env = append(Env(t), "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com",
		"GIT_AUTHOR_DATE=1700000000 +0000", "GIT_COMMITTER_DATE=1700000000 +0000")
	cmd.Stdin = strings.NewReader(stdin)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// Init makes an empty bare repository and returns its folder.
func Init(t testing.TB, dir string) string {
	t.Helper()
	Run(t, dir, "init", "--quiet", "--bare", "--object-format=sha1", "--initial-branch=none")
	return dir
}

// Create makes an empty bare repository on the host and returns its folder.
func (h *Host) Create(t testing.TB, repository string) string {
	t.Helper()
	return Init(t, filepath.Join(h.Root, repository+".git"))
}

// Hook gives a repository a hook.
func Hook(t testing.TB, gitDir, name, script string) {
	t.Helper()
	path := filepath.Join(gitDir, "hooks", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
}

// Commit makes a commit with one file in a bare repository and returns its name. An
// empty parent makes a root.
func Commit(t testing.TB, gitDir, parent, path, content string) string {
	t.Helper()
	blob := RunInput(t, gitDir, content, "hash-object", "-w", "--stdin")
	lines := ""
	if parent != "" {
		lines = Run(t, gitDir, "ls-tree", parent) + "\n"
	}
	lines += fmt.Sprintf("100644 blob %s\t%s\n", blob, path)
	tree := RunInput(t, gitDir, strings.TrimPrefix(lines, "\n"), "mktree")
	args := []string{"commit-tree", "-m", "adds " + path, tree}
	if parent != "" {
		args = append(args, "-p", parent)
	}
	return Run(t, gitDir, args...)
}

// Folder is a host that is a folder of this machine.
func Folder(t testing.TB) *Host {
	t.Helper()
	Need(t, "git")
	root := t.TempDir()
	return &Host{Name: "file", Root: root, Address: func(r string) string { return filepath.Join(root, r+".git") }}
}

// Hosts starts one of each kind. Kinds that this machine can't run are left out, or fail
// the test when SECR_TEST_REQUIRE_ALL is set.
func Hosts(t testing.TB) []*Host {
	t.Helper()
	hosts := []*Host{Folder(t), HTTPS(t)}
	if h, why := startSSH(t); why == "" {
		hosts = append(hosts, h)
	} else if os.Getenv("SECR_TEST_REQUIRE_ALL") == "1" {
		t.Fatal(why)
	} else {
		t.Log("no ssh host: " + why)
	}
	return hosts
}
