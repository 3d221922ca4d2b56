package sign_test

import (
	"bytes"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secr/secr/keys/sign"
)

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// tool is the path of a program that the test needs.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("SECR_TEST_REQUIRE_ALL") == "1" {
			t.Fatalf("%s is required: %v", name, err)
		}
		t.Skipf("needs %s: %v", name, err)
	}
	return path
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func run(t *testing.T, dir, stdin, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "LC_ALL=C",
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1"}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

func TestSSHKeygenSaysGood(t *testing.T) {
	keygen, dir := tool(t, "ssh-keygen"), t.TempDir()
	s := signer(t, 1)
	allowed := write(t, filepath.Join(dir, "allowed"), sign.AllowedSigner("ada@vault", s.Public()))
	sig := write(t, filepath.Join(dir, "sig"), s.SignCommit([]byte(payload)))
	verify := []string{"-Y", "verify", "-f", allowed, "-I", "ada@vault", "-n", "git", "-s", sig}
	if out, err := run(t, dir, payload, keygen, verify...); err != nil || !strings.Contains(out, "Good") {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := run(t, dir, payload+"x", keygen, verify...); err == nil {
		t.Errorf("another payload: %s", out)
	}
}

func TestGitSaysGood(t *testing.T) {
	git, dir := tool(t, "git"), t.TempDir()
	tool(t, "ssh-keygen")
	s := signer(t, 1)
	allowed := write(t, filepath.Join(dir, "allowed"), sign.AllowedSigner("ada@vault", s.Public()))
	if out, err := run(t, dir, "", git, "init", "-q", "--bare", "repo"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	repo := filepath.Join(dir, "repo")
	tree, err := run(t, repo, "", git, "mktree")
	if err != nil {
		t.Fatalf("%v: %s", err, tree)
	}
	head := "tree " + tree + "author ada <d@v> 1700000000 +0000\ncommitter ada <d@v> 1700000000 +0000\n"
	message := "\nsubject\n\nSecr-Seq: 1\n"
	armored := s.SignCommit([]byte(head + message))
	header := "gpgsig " + strings.ReplaceAll(strings.TrimSuffix(armored, "\n"), "\n", "\n ") + "\n"
	for raw, good := range map[string]bool{head + header + message: true, head + header + message + "x": false} {
		id, err := run(t, repo, raw, git, "hash-object", "-t", "commit", "-w", "--stdin")
		if err != nil {
			t.Fatalf("%v: %s", err, id)
		}
		out, err := run(t, repo, "", git, "-c", "gpg.format=ssh", "-c", "gpg.ssh.allowedSignersFile="+allowed,
			"verify-commit", "-v", strings.TrimSpace(id))
		if said := err == nil && strings.Contains(out, `Good "git" signature for ada@vault`); said != good {
			t.Errorf("good is %v, git says: %v: %s", good, err, out)
		}
	}
	if out, err := run(t, repo, "", git, "fsck", "--strict"); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// And the other way: what ssh-keygen signed with the same kind of key is the
// same text, because there is one spelling.
func TestSignatureOfSSHKeygenVerifies(t *testing.T) {
	keygen, dir := tool(t, "ssh-keygen"), t.TempDir()
	key := filepath.Join(dir, "key")
	if out, err := run(t, dir, "", keygen, "-q", "-t", "ed25519", "-N", "", "-f", key); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	file := write(t, filepath.Join(dir, "payload"), payload)
	if out, err := run(t, dir, "", keygen, "-Y", "sign", "-f", key, "-n", "git", file); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	armored, err := os.ReadFile(file + ".sig")
	if err != nil {
		t.Fatal(err)
	}
	public, _, err := sign.ParseArmor(string(armored))
	if err != nil {
		t.Fatal(err)
	}
	if err := sign.VerifyCommit(public, []byte(payload), string(armored)); err != nil {
		t.Error(err)
	}
}
