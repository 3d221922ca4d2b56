package remotetest

import (
	"context"
	"crypto/x509"
	"os"
	"testing"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/sync/remote"
)

// Builtin is the transport without git, let in by a host.
func Builtin(t testing.TB, h *Host) *remote.Builtin {
	t.Helper()
	return remote.NewBuiltin(BuiltinOptions(t, h))
}

// BuiltinOptions are what [Builtin] goes by.
func BuiltinOptions(t testing.TB, h *Host) remote.BuiltinOptions {
	t.Helper()
	var o remote.BuiltinOptions
	if h.CA != "" {
		text, err := os.ReadFile(h.CA)
		o.Roots = x509.NewCertPool()
		if err != nil || !o.Roots.AppendCertsFromPEM(text) {
			t.Fatalf("%s: %v", h.CA, err)
		}
	}
	if h.User != "" {
		o.Login = func(context.Context, remote.URL) (remote.Login, error) {
			return remote.Login{User: h.User, Password: keys.NewSecret([]byte(h.Password))}, nil
		}
	}
	o.SSH = remote.SSHOptions{Keys: []string{h.Key}, KnownHosts: []string{h.KnownHosts}}
	return o
}
