//go:build unix

package main

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/secr/secr/sync/remote/remotetest"
)

// TestEveryFailureOfARemoteHasItsWords runs the scripts that need hosts.
func TestEveryFailureOfARemoteHasItsWords(t *testing.T) {
	for name, path := range map[string]string{"git": "", "no git": withoutGit(t)} {
		t.Run(name, func(t *testing.T) {
			vars := append(httpsFailures(t), sshFailures(t)...)
			vars = append(vars, "LONG="+strings.Repeat("a", 64), "REFUSING="+remotetest.Refusing(t), "SILENT="+silent(t), "FOLDER="+lockedFolder(t))
			testscript.Run(t, testscript.Params{
				Dir: "testdata/hosts", RequireExplicitExec: true, RequireUniqueNames: true,
				Cmds: map[string]func(*testscript.TestScript, bool, []string){"code": code},
				Setup: func(e *testscript.Env) error {
					if err := isolate(e); err != nil {
						return err
					}
					e.Vars = append(e.Vars, vars...)
					if path != "" {
						e.Setenv("PATH", path)
					}
					return sshHome(e)
				},
			})
		})
	}
}

// httpsFailures is a host with a repository for each way to refuse.
func httpsFailures(t *testing.T) []string {
	t.Helper()
	h := remotetest.HTTPS(t)
	for _, name := range []string{"team", "hooked", "full", "locked"} {
		there := h.Create(t, name)
		switch name {
		case "hooked":
			remotetest.Hook(t, there, "pre-receive", `printf 'no \033[31mpushes\033[0m on Fridays\nsecr: all is well\n' >&2; exit 1`)
		case "full":
			remotetest.Hook(t, there, "pre-receive", `echo 'your storage quota is used up' >&2; exit 1`)
		case "locked":
			plantLock(t, there)
		}
	}
	base := strings.TrimSuffix(h.Address(""), "/.git")
	login := strings.Replace(base, "https://", "https://"+url.UserPassword(h.User, h.Password).String()+"@", 1)
	return []string{"HTTPS=" + base, "LOGIN=" + login, "CA=" + h.CA}
}

// plantLock leaves the lock of a git that was killed long ago.
func plantLock(t *testing.T, there string) {
	t.Helper()
	lock := filepath.Join(there, "refs", "heads", "secr", "vault.lock")
	if err := os.MkdirAll(filepath.Dir(lock), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(lock, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	then := time.Now().Add(-48 * time.Hour)
	if err := os.Chtimes(lock, then, then); err != nil {
		t.Fatal(err)
	}
}

func lockedFolder(t *testing.T) string {
	t.Helper()
	there := remotetest.Folder(t).Create(t, "x")
	plantLock(t, there)
	return there
}

// sshFailures is a host that lets one key in, and files for a home that knows other hosts,
// or has another key.
func sshFailures(t *testing.T) []string {
	t.Helper()
	h, other := remotetest.SSH(t), remotetest.SSH(t)
	h.Create(t, "team")
	dir := t.TempDir()
	place, _, _ := strings.Cut(read(t, h.KnownHosts), " ")
	_, key, _ := strings.Cut(read(t, other.KnownHosts), " ")
	nobody, changed := filepath.Join(dir, "nobody"), filepath.Join(dir, "changed")
	for path, text := range map[string]string{nobody: "", changed: place + " " + key} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return []string{"SSH=" + h.Address("team"), "KEY=" + h.Key, "KNOWN=" + h.KnownHosts, "NOBODY=" + nobody, "CHANGED=" + changed, "STRANGER=" + other.Key}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// sshHome gives a script's home the key that the host lets in. OpenSSH takes its home from
// the system's list of users, so it is told.
func sshHome(e *testscript.Env) error {
	dir := filepath.Join(e.Getenv("HOME"), ".ssh")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	key, err := os.ReadFile(e.Getenv("KEY"))
	if err != nil {
		return err
	}
	own := filepath.Join(dir, "id_ed25519")
	e.Setenv("GIT_SSH_COMMAND", remotetest.SSHCommand(own, filepath.Join(dir, "known_hosts")))
	return os.WriteFile(own, key, 0o600)
}

// silent is the address of a server that takes connections and says nothing.
func silent(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().String()
}
