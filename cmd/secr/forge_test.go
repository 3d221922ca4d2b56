//go:build unix

package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/sign"
	"github.com/secr/secr/keys/wrap"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/change"
)

// lab is a host with a bare repository, and people whose projects point to it.
type lab struct {
	t    *testing.T
	host string
	ana  person // who founded the vault and manages it
}

func newLab(t *testing.T) *lab {
	t.Helper()
	for _, tool := range []string{"git", "ssh-keygen"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("SECR_TEST_REQUIRE_ALL") == "1" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	l := &lab{t: t, host: filepath.Join(t.TempDir(), "host.git")}
	l.git("", "init", "-q", "--bare", l.host)
	l.ana = l.person()
	l.ana.must("", "login", "--name", "Ana")
	l.ana.must("", "init", "--handle", "ana")
	l.ana.must("one", "set", "A")
	l.ana.must("", "sync")
	return l
}

// person is somebody whose project has the host as its origin.
func (l *lab) person() person {
	l.t.Helper()
	p := newPerson(l.t)
	l.git(p.project, "init", "-q")
	l.git(p.project, "remote", "add", "origin", l.host)
	return p
}

// git is stock git, with nothing of this machine's settings.
func (l *lab) git(dir string, args ...string) string {
	l.t.Helper()
	out, err := l.tryGit(dir, nil, args...)
	if err != nil {
		l.t.Fatal(err)
	}
	return out
}

func (l *lab) tryGit(dir string, env []string, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + l.t.TempDir(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "LC_ALL=C",
	}, env...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w\n%s", strings.Join(args, " "), err, said.String())
	}
	return string(out), nil
}

// join makes somebody a member whose seed the test knows, on a machine of their own.
func (l *lab) join(handle, role string) forger {
	l.t.Helper()
	seed := keys.NewSeed()
	p := l.person()
	p.token = string(keys.FormatToken(seed).Reveal())
	line := l.ana.must("", "invite", handle, "--role", role)
	request := p.must(line, "join", "-", "--print")
	l.ana.must(request, "member", "add", "--yes", "--request", "-")
	p.must("", "sync")
	f := forger{lab: l, person: p, handle: handle, dir: l.t.TempDir()}
	f.learn(seed)
	return f
}

// forger is a member who leaves secr aside: with the keys of the seed, stock git and
// ssh-keygen, and all that the specification says.
type forger struct {
	*lab
	person
	handle        string
	device, vault string
	key           string // file of an OpenSSH private key
	dir           string // a work tree of the vault's branch
}

var vaultID = regexp.MustCompile(`vault = "([a-z2-7]{26})"`)

func (f *forger) learn(seed keys.Seed) {
	f.lab.t.Helper()
	t := f.lab.t
	f.git("", "clone", "-q", "-b", "secr/vault", f.host, f.dir)
	toml, err := os.ReadFile(filepath.Join(f.person.project, "secr.toml"))
	if err != nil {
		t.Fatal(err)
	}
	f.vault = vaultID.FindStringSubmatch(string(toml))[1]
	founding, err := policy.ParseFounding(f.read("vault.json"))
	if err != nil {
		t.Fatal(err)
	}
	signing, opening := seed.Device(founding.Nonce)
	identity, err := wrap.NewIdentity(opening)
	if err != nil {
		t.Fatal(err)
	}
	f.device = policy.DeviceID(sign.NewSigner(signing).Public(), identity.Recipient())
	block, err := ssh.MarshalPrivateKey(ed25519.NewKeyFromSeed(signing.Reveal()), "")
	if err != nil {
		t.Fatal(err)
	}
	f.key = filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(f.key, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
}

// read is a file of the vault as the forger has it.
func (f *forger) read(path string) []byte {
	f.lab.t.Helper()
	data, err := os.ReadFile(filepath.Join(f.dir, path))
	if err != nil {
		f.lab.t.Fatal(err)
	}
	return data
}

// find is the one file that matches a pattern.
func (f *forger) find(pattern string) string {
	f.lab.t.Helper()
	found, err := filepath.Glob(filepath.Join(f.dir, pattern))
	if err != nil || len(found) != 1 {
		f.lab.t.Fatalf("%s: %q, %v", pattern, found, err)
	}
	path, err := filepath.Rel(f.dir, found[0])
	if err != nil {
		f.lab.t.Fatal(err)
	}
	return filepath.ToSlash(path)
}

// member is the path of somebody's file in the policy.
func (f *forger) member(handle string) string {
	f.lab.t.Helper()
	for _, line := range strings.Split(f.git(f.dir, "grep", "-l", `"handle": "`+handle+`"`, "--", "policy/members"), "\n") {
		if line != "" {
			return line
		}
	}
	f.lab.t.Fatalf("no member %s", handle)
	return ""
}

// signature is who signs a forged commit, and in whose name.
type signature struct {
	handle, device string // empty is the forger
	unsigned       bool
}

var seqLine = regexp.MustCompile(`(?m)^Secr-Seq: ([0-9]+)$`)

// push commits files (nil is: deleted) on what the host has, in exactly the form
// that a change has, and pushes it.
func (f *forger) push(files map[string][]byte, s signature) {
	f.lab.t.Helper()
	if s.handle == "" {
		s.handle, s.device = f.handle, f.device
	}
	var sums []change.Sum
	for _, path := range slices.Sorted(maps.Keys(files)) {
		at := filepath.Join(f.dir, path)
		if files[path] == nil {
			sums = append(sums, change.Sum{Path: path, Deleted: true})
			if err := os.Remove(at); err != nil {
				f.lab.t.Fatal(err)
			}
			continue
		}
		sums = append(sums, change.Sum{Path: path, Sum: sha256.Sum256(files[path])})
		if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o700), os.WriteFile(at, files[path], 0o600)); err != nil {
			f.lab.t.Fatal(err)
		}
	}
	parent := f.git(f.dir, "cat-file", "commit", "HEAD")
	seq, err := strconv.Atoi(seqLine.FindStringSubmatch(parent)[1])
	if err != nil {
		f.lab.t.Fatal(err)
	}
	message := fmt.Sprintf("nothing to see here\n\nSecr-Seq: %d\nSecr-Op: %x\nSecr-Parent: %x\nSecr-Changes: %x\n",
		seq+1, keys.NewSeed().Reveal()[:16], sha256.Sum256([]byte(parent)), change.ChangesSum(sums))
	f.git(f.dir, "add", "-A")
	args := []string{"-c", "gpg.format=ssh", "-c", "user.signingkey=" + f.key, "commit", "-q", "--cleanup=verbatim", "-m", message}
	if !s.unsigned {
		args = append(args, "-S")
	}
	who := []string{}
	for _, role := range []string{"AUTHOR", "COMMITTER"} {
		who = append(who, "GIT_"+role+"_NAME="+s.handle, "GIT_"+role+"_EMAIL="+s.device+"@"+f.vault, "GIT_"+role+"_DATE=@1700000000 +0000")
	}
	if _, err := f.tryGit(f.dir, who, args...); err != nil {
		f.lab.t.Fatal(err)
	}
	f.git(f.dir, "push", "-q", "origin", "HEAD:secr/vault")
}

// catchUp takes what the host has.
func (f *forger) catchUp() {
	f.lab.t.Helper()
	f.git(f.dir, "fetch", "-q", "origin")
	f.git(f.dir, "reset", "-q", "--hard", "origin/secr/vault")
	f.git(f.dir, "clean", "-qfdx")
}
