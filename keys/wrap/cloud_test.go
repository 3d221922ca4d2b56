package wrap_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/wrap"
)

func cloud(id string) wrap.Cloud {
	mask := func(b []byte) ([]byte, error) {
		out := bytes.Clone(b)
		for i := range out {
			out[i] ^= 0x5a
		}
		return out, nil
	}
	return wrap.Cloud{Provider: "gcp", ID: id, Encrypt: mask, Decrypt: mask}
}

func TestCloudKeyIsAHolder(t *testing.T) {
	c, k := cloud(vault), keys.NewKey()
	file := wrapped(t, c.Recipient(), role(1), k)
	if d := cmp.Diff(wrap.Stanza{Type: "secr-gcp", CloudKey: vault}, inspect(t, file)); d != "" {
		t.Error(d)
	}
	if got, err := c.Unwrap(file, role(1)); err != nil || !got.Equal(k) {
		t.Error(err)
	}
	if _, err := cloud(strings.Repeat("b", 26)).Unwrap(file, role(1)); !errors.Is(err, wrap.ErrNotHolder) {
		t.Errorf("another cloud key: %v", err)
	}
	if _, err := identity(t, 1).Unwrap(file, role(1)); !errors.Is(err, wrap.ErrNotHolder) {
		t.Errorf("a device: %v", err)
	}
	refused := errors.New("access denied")
	c.Decrypt = func([]byte) ([]byte, error) { return nil, refused }
	var outside *wrap.CloudError
	if _, err := c.Unwrap(file, role(1)); !errors.Is(err, refused) || !errors.As(err, &outside) {
		t.Errorf("a refusal: %v", err)
	}
	c.Decrypt = func([]byte) ([]byte, error) { return make([]byte, 16), nil }
	if _, err := c.Unwrap(file, role(1)); !errors.Is(err, wrap.ErrTampered) {
		t.Errorf("a wrong file key: %v", err)
	}
	c.Encrypt = func([]byte) ([]byte, error) { return nil, refused }
	if _, err := wrap.Wrap(c.Recipient(), role(1), k); !errors.Is(err, refused) {
		t.Errorf("a refusal to encrypt: %v", err)
	}
	c.Encrypt = func([]byte) ([]byte, error) { return make([]byte, 6000), nil }
	if _, err := wrap.Wrap(c.Recipient(), role(1), k); err == nil {
		t.Error("an oversized ciphertext was written")
	}
}
