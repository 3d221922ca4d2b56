package remotetest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// SSH starts a real sshd on loopback that lets one key in, to git-shell only. The test is
// skipped where that can't be done.
func SSH(t testing.TB) *Host {
	t.Helper()
	h, why := startSSH(t)
	if why == "" {
		return h
	}
	if os.Getenv("SECR_TEST_REQUIRE_ALL") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
	return nil
}

func findSSHD() string {
	for _, path := range []string{"/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// startSSH says why there is no host when there is none.
func startSSH(t testing.TB) (*Host, string) {
	t.Helper()
	sshd := findSSHD()
	if sshd == "" {
		return nil, "sshd is not installed"
	}
	for _, p := range []string{"ssh", "ssh-keygen", "git-shell"} {
		if _, err := exec.LookPath(p); err != nil {
			return nil, p + " is not installed"
		}
	}
	if os.Geteuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			return nil, err.Error()
		}
	}
	who, err := user.Current()
	if err != nil {
		return nil, err.Error()
	}
	root, dir := t.TempDir(), t.TempDir()
	keygen(t, filepath.Join(dir, "host"))
	keygen(t, filepath.Join(dir, "key"))
	key, err := os.ReadFile(filepath.Join(dir, "key.pub"))
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "authorized"), `restrict,command="git-shell -c \"$SSH_ORIGINAL_COMMAND\"" `+string(key))
	port, problem := launch(t, sshd, dir)
	if problem != "" {
		return nil, problem
	}
	public, err := os.ReadFile(filepath.Join(dir, "host.pub"))
	if err != nil {
		t.Fatal(err)
	}
	known := filepath.Join(dir, "known_hosts")
	writeFile(t, known, fmt.Sprintf("[127.0.0.1]:%d %s", port, public))
	h := &Host{Name: "ssh", Root: root, Key: filepath.Join(dir, "key"), KnownHosts: known}
	h.Address = func(r string) string {
		return fmt.Sprintf("ssh://%s@127.0.0.1:%d%s/%s.git", who.Username, port, root, r)
	}
	h.Env = []string{"GIT_SSH_COMMAND=" + SSHCommand(h.Key, known)}
	return h, ""
}

// Allow lets one more key in, to git-shell only.
func (h *Host) Allow(t testing.TB, key string) {
	t.Helper()
	file := filepath.Join(filepath.Dir(h.KnownHosts), "authorized")
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, file, string(old)+`restrict,command="git-shell -c \"$SSH_ORIGINAL_COMMAND\"" `+key)
}

// SSHCommand is an ssh that looks at nothing of the machine's user.
func SSHCommand(key, knownHosts string) string {
	return fmt.Sprintf("ssh -F none -i %s -o IdentitiesOnly=yes -o IdentityAgent=none -o UserKnownHostsFile=%s -o GlobalKnownHostsFile=none", key, knownHosts)
}

// Keygen makes a key that no host lets in.
func Keygen(t testing.TB) string {
	t.Helper()
	Need(t, "ssh-keygen")
	file := filepath.Join(t.TempDir(), "key")
	keygen(t, file)
	return file
}

func keygen(t testing.TB, file string) {
	t.Helper()
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
}

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// launch starts sshd and waits until it answers. A port that somebody else takes between
// our choice and sshd's start is tried again.
func launch(t testing.TB, sshd, dir string) (int, string) {
	t.Helper()
	problem := ""
	for range 5 {
		port := freePort(t)
		config := strings.Join([]string{
			fmt.Sprintf("Port %d", port), "ListenAddress 127.0.0.1", "HostKey " + filepath.Join(dir, "host"), "PidFile none",
			"AuthorizedKeysFile " + filepath.Join(dir, "authorized"), "StrictModes no", "UsePAM no", "PasswordAuthentication no",
			"KbdInteractiveAuthentication no", "AcceptEnv GIT_PROTOCOL", "MaxStartups 100:30:200", "PermitRootLogin prohibit-password", "KexAlgorithms curve25519-sha256", "UseDNS no", "PrintMotd no", "",
		}, "\n")
		writeFile(t, filepath.Join(dir, "sshd_config"), config)
		cmd := exec.Command(sshd, "-D", "-f", filepath.Join(dir, "sshd_config"), "-E", filepath.Join(dir, "log"))
		if err := cmd.Start(); err != nil {
			return 0, err.Error()
		}
		exited := make(chan error, 1)
		go func() { exited <- cmd.Wait() }()
		if answers(port, exited) {
			t.Cleanup(func() {
				cmd.Process.Kill()
				<-exited
			})
			return port, ""
		}
		cmd.Process.Kill()
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		problem = "sshd doesn't start: " + string(log)
	}
	return 0, problem
}

// answers waits for the greeting of an ssh server, or for the end of the process.
func answers(port int, exited chan error) bool {
	deadline := time.Now().Add(30 * time.Second)
	for time.Now().Before(deadline) {
		select {
		case err := <-exited:
			exited <- err
			return false
		default:
		}
		conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), time.Second)
		if err != nil {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		var greeting [4]byte
		conn.SetReadDeadline(deadline)
		_, err = conn.Read(greeting[:])
		conn.Close()
		if err == nil && string(greeting[:]) == "SSH-" {
			return true
		}
	}
	return false
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
