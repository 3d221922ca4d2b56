package remote_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"net"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/sync/remote/remotetest"
	"github.com/secr/secr/vault/repo"
)

// lockedKey puts a key with a passphrase in a file and lets it into the host's account.
func lockedKey(t *testing.T, h *remotetest.Host) (file string, private ed25519.PrivateKey) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKeyWithPassphrase(private, "test", []byte("open up"))
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "id")
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	h.Allow(t, string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
	return file, private
}

func TestBuiltinOpensAKeyFileWithItsPassphrase(t *testing.T) {
	h := remotetest.SSH(t)
	h.Create(t, "x")
	file, _ := lockedKey(t, h)
	asked := 0
	options := remote.SSHOptions{Keys: []string{file}, KnownHosts: []string{h.KnownHosts}, Passphrase: func(context.Context, string) (keys.Secret, error) {
		asked++
		return keys.NewSecret([]byte("open up")), nil
	}}
	if err := listOn(t, remote.NewBuiltin(remote.BuiltinOptions{SSH: options}), h.Address("x")); err != nil || asked != 1 {
		t.Errorf("asked %d times: %v", asked, err)
	}
	options.Passphrase = nil
	var notes []string
	b := remote.NewBuiltin(remote.BuiltinOptions{SSH: options, Note: func(s string) { notes = append(notes, s) }})
	wantKind(t, listOn(t, b, h.Address("x")), remote.Authentication)
	if len(notes) != 1 || !strings.Contains(notes[0], file) {
		t.Errorf("nobody is told which key was of no use: %q", notes)
	}
}

func TestBuiltinAsksTheAgent(t *testing.T) {
	h := remotetest.SSH(t)
	h.Create(t, "x")
	_, private := lockedKey(t, h)
	ring := agent.NewKeyring()
	if err := ring.Add(agent.AddedKey{PrivateKey: private}); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "agent") // short enough for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	listener, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				agent.ServeAgent(ring, conn)
			}()
		}
	}()
	b := remote.NewBuiltin(remote.BuiltinOptions{SSH: remote.SSHOptions{Agent: listener.Addr().String(), KnownHosts: []string{h.KnownHosts}}})
	if err := listOn(t, b, h.Address("x")); err != nil {
		t.Error(err)
	}
}

func TestBuiltinSaysWhatItDoesNotRead(t *testing.T) {
	h := remotetest.HTTPS(t)
	h.Create(t, "x")
	dir := project(t)
	inProject(t, dir, "config", "http."+h.Address("")+".extraheader", "x")
	config := filepath.Join(dir, "ssh_config")
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var notes []string
	b := remote.NewBuiltin(remote.BuiltinOptions{Project: dir, SSH: remote.SSHOptions{Config: config}, Note: func(s string) { notes = append(notes, s) }})
	listOn(t, b, h.Address("x"))
	listOn(t, b, "ssh://127.0.0.1:1/x")
	if len(notes) != 2 || !strings.Contains(notes[0], "project") || !strings.Contains(notes[1], config) {
		t.Errorf("notes: %q", notes)
	}
}

// TestBuiltinLeavesItsLoginBehindInARedirect sends a client from one https host to
// another, which must not learn the password.
func TestBuiltinLeavesItsLoginBehindInARedirect(t *testing.T) {
	h := remotetest.HTTPS(t)
	h.Create(t, "x")
	var mu sync.Mutex
	var seen []string
	target := remotetest.StartTLS(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, r.Header.Get("Authorization"))
		http.NotFound(w, r)
	})
	old := remotetest.StartTLS(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, target.URL+r.URL.String(), http.StatusMovedPermanently)
	})
	b, _ := builtin(t, &remotetest.Host{CA: bundle(t, target.CA, old.CA), User: "ana", Password: "secret"})
	err := listOn(t, b, strings.Replace(old.URL, "https://", "https://ana:secret@", 1)+"/x.git")
	wantKind(t, err, remote.NoRepository)
	if len(seen) != 1 || seen[0] != "" {
		t.Errorf("the other host saw the headers %q", seen)
	}
}

// bundle joins certificate files.
func bundle(t *testing.T, files ...string) string {
	t.Helper()
	var all []byte
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text...)
	}
	path := filepath.Join(t.TempDir(), "bundle.pem")
	if err := os.WriteFile(path, all, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestALargePushArrives(t *testing.T) {
	conform(t, func(l *lab) {
		var tip remote.Hash
		for i := range 4 {
			tip = l.commit(tip, fmt.Sprintf("f%d", i), strings.Repeat(randomText(i), 10)+randomText(100+i)+strings.Repeat(fmt.Sprint(i), 500_000))
		}
		l.mustPush(remote.Hash{}, tip)
		remotetest.Run(l.t, l.there, "fsck", "--strict", tip.String())
		if got, err := l.fetch(quarantine(l.t, repository(l.t)), remote.Limits{}); err != nil || got != tip {
			l.t.Errorf("fetched %v, %v", got, err)
		}
	})
}

// TestPushersToOneFolderDisplaceNobody lets both transports move one branch at once: each
// value must follow from the one before.
func TestPushersToOneFolderDisplaceNobody(t *testing.T) {
	h := remotetest.Folder(t)
	there := h.Create(t, "x")
	u := parse(t, h.Address("x"))
	const pushers, pushes = 4, 4
	var wg sync.WaitGroup
	for i := range pushers {
		tr, _ := transports()[[]string{"native", "builtin"}[i%2]](t, h)
		local := repository(t)
		wg.Go(func() {
			if err := pushAlong(t, tr, u, local, fmt.Sprint("p", i), pushes); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := remotetest.Run(t, there, "rev-list", "--count", branch); n != fmt.Sprint(pushers*pushes) {
		t.Errorf("%s commits arrived, want %d", n, pushers*pushes)
	}
	remotetest.Run(t, there, "fsck", "--strict")
}

// pushAlong puts n commits on top of whatever the branch has.
func pushAlong(t *testing.T, tr remote.Transport, u remote.URL, local *repo.Repo, name string, n int) error {
	ctx := context.Background()
	for done := 0; done < n; {
		q, err := local.Quarantine(ctx)
		if err != nil {
			return err
		}
		tip, err := tr.Fetch(ctx, remote.Fetch{URL: u, Ref: branch, Into: q})
		if err != nil && remote.KindOf(err) != remote.NoBranch {
			return err
		}
		if err := q.Commit(ctx); err != nil {
			return err
		}
		b := local.Batch()
		tree, err := b.Tree([]repo.Entry{{Name: "f", Hash: b.Blob([]byte(fmt.Sprint(name, done)))}})
		if err != nil {
			return err
		}
		var raw bytes.Buffer
		fmt.Fprintf(&raw, "tree %s\n", tree)
		if !tip.IsZero() {
			fmt.Fprintf(&raw, "parent %s\n", tip)
		}
		fmt.Fprintf(&raw, "author a <a@example.com> 1700000000 +0000\ncommitter a <a@example.com> 1700000000 +0000\n\n%s %d\n", name, done)
		next := b.Commit(raw.Bytes())
		if err := b.Flush(ctx); err != nil {
			return err
		}
		err = tr.Push(ctx, remote.Push{URL: u, Ref: branch, Old: tip, New: next, From: local.Dir()})
		switch {
		case err == nil:
			done++
		case remote.KindOf(err) != remote.Moved:
			return err
		}
	}
	return nil
}
