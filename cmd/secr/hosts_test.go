//go:build unix

package main

import (
	"encoding/base64"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/secr/secr/sync/remote/remotetest"
)

// job is a machine like a CI job's: an empty home, a checkout with the project's
// secr.toml, and a token.
func (m *machine) job(t *testing.T, token, origin string, env ...string) *machine {
	t.Helper()
	root := t.TempDir()
	j := &machine{home: filepath.Join(root, "secr"), project: filepath.Join(root, "project")}
	j.env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + root, "TMPDIR=" + root, "USER=tester", "LANG=C.UTF-8",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "SECR_HOME=" + j.home, "SECR_TOKEN=" + token,
	}, env...)
	page, err := os.ReadFile(filepath.Join(m.project, "secr.toml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(j.project, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(j.project, "secr.toml"), page, 0o600); err != nil {
		t.Fatal(err)
	}
	(&machine{project: j.project, env: m.env}).git(t, "init", "--quiet")
	(&machine{project: j.project, env: m.env}).git(t, "remote", "add", "origin", origin)
	return j
}

// withoutGit is a PATH that has secr and a shell, and no git.
func withoutGit(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, entry := range filepath.SplitList(os.Getenv("PATH")) {
		if _, err := os.Stat(filepath.Join(entry, "secr")); err == nil {
			if err := os.Symlink(filepath.Join(entry, "secr"), filepath.Join(dir, "secr")); err != nil {
				t.Fatal(err)
			}
			return dir
		}
	}
	t.Fatal("secr is not in PATH")
	return ""
}

// sharing is a machine whose vault is on a host, with a token for jobs that may write.
func sharing(t *testing.T, h *remotetest.Host) (m *machine, token string) {
	t.Helper()
	m = newMachine(t, t.TempDir())
	h.Create(t, "team")
	m.git(t, "init", "--quiet")
	m.git(t, "remote", "add", "origin", h.Address("team"))
	m.env = append(m.env, h.Env...)
	for _, args := range [][]string{{"set", "A=shared-value"}, {"role", "set", "deploy", "--grant", "development=write"}} {
		if _, err := m.secr(args...); err != nil {
			t.Fatal(err)
		}
	}
	token, err := m.secr("token", "create", "ci", "--role", "deploy")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.secr("sync"); err != nil {
		t.Fatal(err)
	}
	return m, strings.TrimSpace(token)
}

// works lets a job read what is shared, and share something itself.
func (m *machine) works(t *testing.T, j *machine) {
	t.Helper()
	got, err := j.secr("get", "A")
	if err != nil || strings.TrimSpace(got) != "shared-value" {
		t.Fatalf("the job reads %q, %v", got, err)
	}
	for _, args := range [][]string{{"set", "B=from-the-job"}, {"sync"}} {
		if _, err := j.secr(args...); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := m.secr("sync"); err != nil {
		t.Fatal(err)
	}
	values, err := m.values()
	if err != nil || values["B"] != "from-the-job" {
		t.Errorf("what the job shared came as %v, %v", values, err)
	}
}

// TestAJobsCheckoutLendsItsCredentials: actions/checkout leaves an extra header in the
// repository's own configuration, for exactly its host, and nothing else lets the job in.
func TestAJobsCheckoutLendsItsCredentials(t *testing.T) {
	h := remotetest.HTTPS(t)
	m, token := sharing(t, h)
	j := m.job(t, token, h.Address("team"), "GIT_SSL_CAINFO="+h.CA)
	if _, err := j.secr("get", "A"); err == nil {
		t.Fatal("the job gets in without credentials")
	}
	scope := strings.TrimSuffix(h.Address(""), ".git")
	basic := base64.StdEncoding.EncodeToString([]byte(h.User + ":" + h.Password))
	(&machine{project: j.project, env: m.env}).git(t, "config", "http."+scope+".extraheader", "AUTHORIZATION: basic "+basic)
	m.works(t, j)
}

// TestAJobWithALoginInItsOrigin: GitLab's runner writes the job's token into the address.
func TestAJobWithALoginInItsOrigin(t *testing.T) {
	h := remotetest.HTTPS(t)
	m, token := sharing(t, h)
	login := strings.Replace(h.Address("team"), "https://", "https://ana:pass%20word@", 1)
	for name, path := range map[string]string{"git": os.Getenv("PATH"), "no git": withoutGit(t)} {
		t.Run(name, func(t *testing.T) {
			j := m.job(t, token, login, "GIT_SSL_CAINFO="+h.CA, "SSL_CERT_FILE="+h.CA)
			j.env = append(j.env, "PATH="+path)
			m.works(t, j)
			shown, err := j.secr("remote", "show")
			if err != nil || strings.Contains(shown, "pass") {
				t.Errorf("remote show: %q, %v", shown, err)
			}
		})
	}
}

// TestAContainerWithoutGitUsesSSHKeysOfItsHome: key file and known_hosts, no agent.
func TestAContainerWithoutGitUsesSSHKeysOfItsHome(t *testing.T) {
	h := remotetest.SSH(t)
	m, token := sharing(t, h)
	j := m.job(t, token, h.Address("team"))
	j.env = append(j.env, "PATH="+withoutGit(t))
	ssh := filepath.Join(filepath.Dir(j.home), ".ssh")
	if err := os.MkdirAll(ssh, 0o700); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{h.Key: "id_ed25519", h.KnownHosts: "known_hosts"} {
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(ssh, to), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m.works(t, j)
	if err := os.Remove(filepath.Join(ssh, "known_hosts")); err != nil {
		t.Fatal(err)
	}
	if _, err := j.secr("sync"); err == nil || !strings.Contains(err.Error(), "ssh key is not known") {
		t.Errorf("a host that nobody knows: %v", err)
	}
}

// person runs secr on a terminal of its own and answers questions in their order.
func (m *machine) person(t *testing.T, dialog [][2]string, args ...string) string {
	t.Helper()
	cmd := m.command(args...)
	tty, err := pty.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	screen := newScreen()
	done := make(chan struct{})
	go func() {
		defer close(done)
		screen.fill(tty)
	}()
	timer := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer timer.Stop()
	for _, turn := range dialog {
		if !screen.wait(turn[0]) {
			cmd.Process.Kill()
			t.Fatalf("the terminal never showed %q but\n%s", turn[0], screen.text())
		}
		if _, err := io.WriteString(tty, turn[1]+"\r"); err != nil {
			t.Fatal(err)
		}
	}
	err = cmd.Wait()
	<-done
	if err != nil {
		t.Errorf("secr %q: %v\n%s", args, err, screen.text())
	}
	return screen.text()
}

// TestAPersonIsAskedForAPassword: by git, on the terminal, and it isn't echoed.
func TestAPersonIsAskedForAPassword(t *testing.T) {
	h := remotetest.HTTPS(t)
	m := newMachine(t, t.TempDir())
	h.Create(t, "team")
	m.git(t, "init", "--quiet")
	m.git(t, "remote", "add", "origin", h.Address("team"))
	m.env = append(m.env, "GIT_SSL_CAINFO="+h.CA)
	if _, err := m.secr("sync"); err == nil || !strings.Contains(err.Error(), "did not let this user in") {
		t.Errorf("without a terminal: %v", err)
	}
	// Each of git's programs asks for itself: the survey, the push, and the receipts.
	login := [][2]string{{"Username for", h.User}, {"Password for", h.Password}}
	m.env = append(m.env, "GIT_CONFIG_GLOBAL="+remembering(t))
	shown := m.person(t, login, "sync")
	if strings.Contains(shown, h.Password) || !strings.Contains(shown, "shared") {
		t.Errorf("the terminal showed\n%s", shown)
	}
}

// remembering is a git configuration whose helper keeps a login for the test.
func remembering(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "config")
	text := "[credential]\n\thelper = store --file=" + filepath.Join(dir, "store") + "\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestAPersonIsAskedAboutAHostKey: by ssh, on the terminal; without one it is refused.
func TestAPersonIsAskedAboutAHostKey(t *testing.T) {
	h := remotetest.SSH(t)
	m := newMachine(t, t.TempDir())
	h.Create(t, "team")
	m.git(t, "init", "--quiet")
	m.git(t, "remote", "add", "origin", h.Address("team"))
	known := filepath.Join(t.TempDir(), "known_hosts")
	m.env = append(m.env, "GIT_SSH_COMMAND="+remotetest.SSHCommand(h.Key, known))
	if _, err := m.secr("sync"); err == nil || !strings.Contains(err.Error(), "ssh key is not known") {
		t.Errorf("without a terminal: %v", err)
	}
	if shown := m.person(t, [][2]string{{"continue connecting", "yes"}}, "sync"); !strings.Contains(shown, "shared") {
		t.Errorf("the terminal showed\n%s", shown)
	}
	if _, err := m.secr("sync"); err != nil {
		t.Error(err)
	}
}
