package remote_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/sync/remote/remotetest"
)

// spy is a git that writes down its arguments first.
func spy(t *testing.T) (program, log string) {
	t.Helper()
	dir := t.TempDir()
	program, log = filepath.Join(dir, "git"), filepath.Join(dir, "log")
	script := "#!/bin/sh\nprintf '%s\\n' \"$@\" >>" + log + "\nexec " + remotetest.Git(t) + " \"$@\"\n"
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return program, log
}

func inProject(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command(remotetest.Git(t), append([]string{"-C", dir}, args...)...)
	cmd.Env = remotetest.Env(t)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, out)
	}
}

// project is a work tree with a repository.
func project(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	inProject(t, dir, "init", "--quiet")
	return dir
}

func TestAProjectLendsTheHeaderOfItsCheckout(t *testing.T) {
	h := remotetest.HTTPS(t)
	h.Create(t, "x")
	dir := project(t)
	secret := base64.StdEncoding.EncodeToString([]byte(h.User + ":" + h.Password))
	u := parse(t, h.Address("x"))
	inProject(t, dir, "config", "http.https://"+u.Host()+"/.extraheader", "AUTHORIZATION: basic "+secret)
	inProject(t, dir, "config", "http.https://"+u.Host()+"/.proxy", "http://127.0.0.1:1")
	program, log := spy(t)
	var notes []string
	n := remote.NewNative(remote.NativeOptions{
		Git: program, Environ: remotetest.Env(t, "GIT_SSL_CAINFO="+h.CA), Project: dir, Note: func(s string) { notes = append(notes, s) },
	})
	if err := listOn(t, n, h.Address("x")); err != nil {
		t.Fatal(err)
	}
	if err := listOn(t, n, strings.Replace(h.Address("x"), "https://", "https://ana:pass%20word@", 1)); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{secret, "pass%20word", "pass word"} {
		if strings.Contains(string(text), s) {
			t.Errorf("git's arguments show %q", s)
		}
	}
	if len(notes) == 0 || !strings.Contains(notes[0], "proxy") {
		t.Errorf("nobody is told that the proxy isn't used: %q", notes)
	}
}

// TestAHostileProjectStartsNothingAndLeaksNothing lets a project's git configuration try
// everything it can against a transport that is given its folder.
func TestAHostileProjectStartsNothingAndLeaksNothing(t *testing.T) {
	h := remotetest.HTTPS(t)
	h.Create(t, "x")
	u := parse(t, h.Address("x"))
	var seen []string
	thief := remotetest.StartTLS(t, func(_ http.ResponseWriter, r *http.Request) { seen = append(seen, r.Method+" "+r.URL.String()) })
	dir := project(t)
	touched := filepath.Join(t.TempDir(), "touched")
	evil := "!touch " + touched + "; true"
	included := filepath.Join(dir, "included")
	if err := os.WriteFile(included, []byte("[core]\n\tsshCommand = touch "+touched+"\n[credential \"https://"+u.Host()+"\"]\n\thelper = \""+evil+"\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for key, value := range map[string]string{
		"include.path": included, "core.sshCommand": "touch " + touched, "core.fsmonitor": "touch " + touched, "core.askPass": "touch " + touched,
		"core.gitProxy": "touch " + touched, "core.hooksPath": dir, "credential.helper": evil, "credential.https://" + u.Host() + ".helper": evil,
		"url." + thief.URL + "/.insteadOf": "https://", "url.ext::touch.pushInsteadOf": "https://", "http.proxy": thief.URL,
		"http.https://" + u.Host() + "/.proxy": thief.URL, "http.extraHeader": "X-Unscoped: secret", "http.sslVerify": "false", "uploadpack.packObjectsHook": "touch " + touched,
	} {
		inProject(t, dir, "config", key, value)
	}
	for name, env := range map[string][]string{"with a login": h.Env, "without": {"GIT_SSL_CAINFO=" + h.CA}} {
		n := remote.NewNative(remote.NativeOptions{Git: remotetest.Git(t), Environ: remotetest.Env(t, env...), Project: dir})
		err := listOn(t, n, h.Address("x"))
		if name == "without" {
			wantKind(t, err, remote.Authentication)
		} else if err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(touched); err == nil {
		t.Error("the project started a program")
	}
	if len(seen) > 0 {
		t.Errorf("another host was asked: %q", seen)
	}
}

// TestAFolderStartsNothing: a repository in a folder belongs to whoever made the folder.
func TestAFolderStartsNothing(t *testing.T) {
	h := remotetest.Folder(t)
	for name, make := range transports() {
		t.Run(name, func(t *testing.T) {
			there := h.Create(t, name)
			touched := filepath.Join(t.TempDir(), "touched")
			for _, hook := range []string{"pre-receive", "update", "post-receive", "post-update", "reference-transaction", "proc-receive", "push-to-checkout"} {
				remotetest.Hook(t, there, hook, "touch "+touched)
			}
			other := h.Create(t, name+"-other")
			remotetest.Run(t, other, "update-ref", "refs/heads/x", remotetest.Commit(t, other, "", "x", "x"))
			remotetest.Run(t, there, "config", "core.alternateRefsCommand", "touch "+touched+"; true")
			remotetest.Run(t, there, "config", "core.fsmonitor", "touch "+touched)
			remotetest.Run(t, there, "config", "uploadpack.packObjectsHook", "touch "+touched+"; true")
			if name == "native" { // the other one takes no borrowed objects
				alternates := filepath.Join(there, "objects", "info", "alternates")
				if err := os.WriteFile(alternates, []byte(filepath.Join(other, "objects")+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			tr, _ := make(t, h)
			local := repository(t)
			one := hash(t, remotetest.Commit(t, local.Dir(), "", "a", "1"))
			err := tr.Push(context.Background(), remote.Push{URL: parse(t, h.Address(name)), Ref: branch, New: one, From: local.Dir()})
			if err != nil {
				t.Fatal(err)
			}
			q := quarantine(t, repository(t))
			if _, err := tr.Fetch(context.Background(), remote.Fetch{URL: parse(t, h.Address(name)), Ref: branch, Into: q}); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(touched); err == nil {
				t.Error("a program of the folder was started")
			}
		})
	}
}

func TestAGitOfTheUsersHookEnvironmentReachesTheRightRepository(t *testing.T) {
	h := remotetest.Folder(t)
	there := h.Create(t, "x")
	trap := remotetest.Init(t, filepath.Join(t.TempDir(), "trap.git"))
	local := remotetest.Init(t, filepath.Join(t.TempDir(), "local.git"))
	one := remotetest.Commit(t, local, "", "a", "1")
	n := remote.NewNative(remote.NativeOptions{Git: remotetest.Git(t), Environ: remotetest.Env(t,
		"GIT_DIR="+trap, "GIT_WORK_TREE=/", "GIT_INDEX_FILE=/nowhere", "GIT_OBJECT_DIRECTORY="+trap+"/objects", "GIT_NAMESPACE=trap", "GIT_QUARANTINE_PATH=/nowhere")})
	err := n.Push(context.Background(), remote.Push{URL: parse(t, h.Address("x")), Ref: branch, New: hash(t, one), From: local})
	if err != nil {
		t.Fatal(err)
	}
	if got := remotetest.Run(t, there, "rev-parse", branch); got != one {
		t.Errorf("the branch stands at %s, want %s", got, one)
	}
}
