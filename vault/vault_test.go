package vault_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/local"
)

// machine is one person's machine: folders and a seed.
type machine struct {
	home local.Home
	seed keys.Seed
}

func newMachine(t testing.TB) machine {
	t.Helper()
	dir := t.TempDir()
	home, err := local.NewHome(func(name string) string {
		if name == "SECR_HOME" {
			return dir
		}
		return ""
	}, filepath.Join(dir, "user"))
	if err != nil {
		t.Fatal(err)
	}
	return machine{home, keys.NewSeed()}
}

func (m machine) options(id string) vault.Options {
	return vault.Options{
		Home: m.home, ID: id,
		Seed:  func(context.Context) (keys.Seed, error) { return m.seed, nil },
		Clock: func() time.Time { return time.Unix(1700000000, 0) },
	}
}

func (m machine) init(t testing.TB) *vault.Vault {
	t.Helper()
	v, err := vault.Init(t.Context(), vault.InitOptions{
		Options: m.options(""), Handle: "ana", Name: "Ana", Device: "laptop",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

func (m machine) open(t testing.TB, id string) *vault.Vault {
	t.Helper()
	v, err := vault.Open(t.Context(), m.options(id))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

func secret(s string) keys.Secret { return keys.NewSecret([]byte(s)) }

func set(t testing.TB, v *vault.Vault, environment string, pairs ...string) vault.Report {
	t.Helper()
	d := v.Draft()
	for i := 0; i < len(pairs); i += 2 {
		d.Set(environment, pairs[i], secret(pairs[i+1]), vault.Meta{})
	}
	commit(t, d)
	return d.Report()
}

func commit(t testing.TB, d *vault.Draft) {
	t.Helper()
	if _, err := d.Commit(t.Context(), "a change"); err != nil {
		t.Fatal(err)
	}
}

func willing(context.Context, vault.Reading) error { return nil }

// values reads everything that an environment has.
func values(t testing.TB, v *vault.Vault, environment string) map[string]string {
	t.Helper()
	out, err := tryValues(t.Context(), v, environment)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func tryValues(ctx context.Context, v *vault.Vault, environment string) (map[string]string, error) {
	all, err := v.Reveal(ctx, vault.WitnessFunc(willing), vault.Request{Environment: environment, Action: "test"})
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, x := range all {
		out[x.Label.Name] = string(x.Secret.Reveal())
	}
	return out, nil
}

func TestWhatIsSetIsThereAfterOpeningAgain(t *testing.T) {
	ana := newMachine(t)
	v := ana.init(t)
	set(t, v, "development", "B", "two", "A", "one")
	set(t, v, "production", "A", "other")
	set(t, v, "development", "B", "three")
	w := ana.open(t, v.ID())
	if diff := cmp.Diff(v.Head(), w.Head()); diff != "" {
		t.Error(diff)
	}
	if w.Head().Seq != 4 {
		t.Errorf("head is %d", w.Head().Seq)
	}
	if diff := cmp.Diff(map[string]string{"A": "one", "B": "three"}, values(t, w, "development")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"A": "other"}, values(t, w, "production")); diff != "" {
		t.Error(diff)
	}
	list, err := w.List(t.Context(), "development")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range list {
		got = append(got, e.Label.Name+" "+e.By)
	}
	if diff := cmp.Diff([]string{"A ana", "B ana"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheSameValueAgainIsNoChange(t *testing.T) {
	ana := newMachine(t)
	v := ana.init(t)
	set(t, v, "development", "A", "one")
	head := v.Head()
	r := set(t, v, "development", "A", "one")
	if r.Changed() || len(r.Unchanged) != 1 || v.Head() != head {
		t.Errorf("%+v, head %v", r, v.Head())
	}
}

func TestUnknownVaultIsNamed(t *testing.T) {
	_, err := vault.Open(t.Context(), newMachine(t).options("abcdefghijklmnopqrstuvwxyz"))
	if !errors.Is(err, vault.ErrNoVault) {
		t.Error(err)
	}
}
