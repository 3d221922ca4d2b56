package remote_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/sync/remote/remotetest"
)

func listOn(t *testing.T, tr remote.Transport, address string) error {
	t.Helper()
	_, err := tr.List(context.Background(), remote.List{URL: parse(t, address), Refs: []string{branch}})
	return err
}

func TestAWrongPasswordIsNamed(t *testing.T) {
	h := remotetest.HTTPS(t)
	h.Create(t, "x")
	for name, make := range transports() {
		t.Run(name, func(t *testing.T) {
			tr, _ := make(t, &remotetest.Host{CA: h.CA, Env: []string{"GIT_SSL_CAINFO=" + h.CA}})
			wantKind(t, listOn(t, tr, h.Address("x")), remote.Authentication)
			wrong := strings.Replace(h.Address("x"), "https://", "https://ana:wrong%20one@", 1)
			err := listOn(t, tr, wrong)
			wantKind(t, err, remote.Authentication)
			if err != nil && strings.Contains(err.Error(), "wrong") {
				t.Errorf("the message shows the password: %v", err)
			}
		})
	}
}

func TestALoginInTheAddressIsUsedAndNeverShown(t *testing.T) {
	h := remotetest.HTTPS(t)
	h.Create(t, "x")
	for name, make := range transports() {
		t.Run(name, func(t *testing.T) {
			tr, _ := make(t, &remotetest.Host{CA: h.CA, Env: []string{"GIT_SSL_CAINFO=" + h.CA}})
			address := strings.Replace(h.Address("x"), "https://", "https://ana:pass%20word@", 1)
			if err := listOn(t, tr, address); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAnUnknownAuthorityIsNamed(t *testing.T) {
	h := remotetest.HTTPS(t)
	h.Create(t, "x")
	for name, make := range transports() {
		t.Run(name, func(t *testing.T) {
			tr, _ := make(t, &remotetest.Host{})
			wantKind(t, listOn(t, tr, h.Address("x")), remote.Certificate)
		})
	}
}

func TestSSHFailuresAreTold(t *testing.T) {
	h := remotetest.SSH(t)
	h.Create(t, "x")
	other := remotetest.SSH(t)
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	changed := filepath.Join(dir, "changed")
	theirs, err := os.ReadFile(other.KnownHosts)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := os.ReadFile(h.KnownHosts)
	if err != nil {
		t.Fatal(err)
	}
	port, _, _ := strings.Cut(string(ours), " ")
	_, key, _ := strings.Cut(string(theirs), " ")
	for file, text := range map[string]string{empty: "", changed: port + " " + key} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, make := range transports() {
		for what, c := range map[string]struct {
			key, known string
			want       remote.Kind
		}{
			"unknown host": {h.Key, empty, remote.UnknownHostKey},
			"changed host": {h.Key, changed, remote.ChangedHostKey},
			"another key":  {other.Key, h.KnownHosts, remote.Authentication},
		} {
			t.Run(name+"/"+what, func(t *testing.T) {
				tr, _ := make(t, &remotetest.Host{Key: c.key, KnownHosts: c.known, Env: []string{"GIT_SSH_COMMAND=" + remotetest.SSHCommand(c.key, c.known)}})
				wantKind(t, listOn(t, tr, h.Address("x")), c.want)
			})
		}
	}
}
