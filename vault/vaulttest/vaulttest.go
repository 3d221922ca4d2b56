// Package vaulttest is for tests of what stands on package vault: people with
// machines of their own, and vaults that go from one to the other.
package vaulttest

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/local"
	"github.com/secr/secr/vault/repo"
	"github.com/secr/secr/vault/team"
)

// Now is the time on every machine, in Unix seconds.
const Now = 1700000000

// Machine is one person's machine: folders and a seed.
type Machine struct {
	Home local.Home
	Seed keys.Seed
}

// NewMachine is a machine with nothing on it.
func NewMachine(t testing.TB) Machine {
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
	return Machine{home, keys.NewSeed()}
}

// Options are those of a vault on this machine.
func (m Machine) Options(id string) vault.Options {
	return vault.Options{
		Home: m.Home, ID: id,
		Seed:  func(context.Context) (keys.Seed, error) { return m.Seed, nil },
		Clock: func() time.Time { return time.Unix(Now, 0) },
	}
}

// Init founds a vault; the founder is called ana.
func (m Machine) Init(t testing.TB) *vault.Vault {
	t.Helper()
	v, err := vault.Init(t.Context(), vault.InitOptions{
		Options: m.Options(""), Handle: "ana", Name: "Ana", Device: "laptop",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

// Open opens a vault of this machine.
func (m Machine) Open(t testing.TB, id string) *vault.Vault {
	t.Helper()
	v, err := vault.Open(t.Context(), m.Options(id))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

// Device is the device that the machine is in a vault.
func (m Machine) Device(t testing.TB, v *vault.Vault, name string) policy.Device {
	t.Helper()
	d, err := team.NewDevice(m.Seed, team.PlaceOf(v), team.DeviceOptions{Name: name, Kind: policy.Machine})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Pull brings everything that from has to this machine, as a sync would.
func (m Machine) Pull(t testing.TB, from *vault.Vault) *vault.Vault {
	t.Helper()
	v, err := m.TryPull(t.Context(), from)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

// TryPull is Pull of what may not verify, or not descend from what is there.
func (m Machine) TryPull(ctx context.Context, from *vault.Vault) (*vault.Vault, error) {
	place, err := m.Home.Vault(from.ID())
	if err != nil {
		return nil, err
	}
	if err := place.MakeFolders(); err != nil {
		return nil, err
	}
	if err := CopyFolder(from.Local().Repository(), place.Repository()); err != nil {
		return nil, err
	}
	r, err := repo.Open(place.Repository())
	if err != nil {
		return nil, err
	}
	defer r.Close()
	s, err := vault.Verify(ctx, r, nil, from.Head().ID)
	if err != nil {
		return nil, err
	}
	return vault.Establish(ctx, m.Options(""), s)
}

// Clone is another machine with the same files and seed.
func (m Machine) Clone(t testing.TB) Machine {
	t.Helper()
	other := NewMachine(t)
	for _, f := range []struct{ from, to string }{
		{m.Home.Data, other.Home.Data}, {m.Home.State, other.Home.State}, {m.Home.Cache, other.Home.Cache},
	} {
		if err := CopyFolder(f.from, f.to); err != nil {
			t.Fatal(err)
		}
	}
	other.Seed = m.Seed
	return other
}

// CopyFolder adds the files of a folder to another.
func CopyFolder(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		os.Remove(filepath.Join(to, rel)) // objects are read-only
		return os.WriteFile(filepath.Join(to, rel), data, 0o600)
	})
}

// Secret is a value.
func Secret(s string) keys.Secret { return keys.NewSecret([]byte(s)) }

// Set sets pairs of name and value in one change.
func Set(t testing.TB, v *vault.Vault, environment string, pairs ...string) vault.Report {
	t.Helper()
	d := v.Draft()
	for i := 0; i < len(pairs); i += 2 {
		d.Set(environment, pairs[i], Secret(pairs[i+1]), vault.Meta{})
	}
	Commit(t, d)
	return d.Report()
}

// Commit makes a draft's change.
func Commit(t testing.TB, d *vault.Draft) {
	t.Helper()
	if _, err := d.Commit(t.Context(), "a change"); err != nil {
		t.Fatal(err)
	}
}

// Edit changes the policy.
func Edit(t testing.TB, v *vault.Vault, edits ...team.Edit) vault.Report {
	t.Helper()
	d := v.Draft()
	for _, e := range edits {
		d.EditPolicy(e)
	}
	Commit(t, d)
	return d.Report()
}

// Admit makes a machine's owner a member.
func Admit(t testing.TB, v *vault.Vault, m Machine, handle string, roles ...string) {
	t.Helper()
	Edit(t, v, team.Admit(team.Admission{Handle: handle, Kind: policy.Person, Roles: roles, Device: m.Device(t, v, "laptop")}))
}

// Willing is a witness that agrees to everything and keeps nothing.
func Willing() vault.Witness {
	return vault.WitnessFunc(func(context.Context, vault.Reading) error { return nil })
}

// Values reads everything that an environment has.
func Values(t testing.TB, v *vault.Vault, environment string) map[string]string {
	t.Helper()
	out, err := TryValues(t.Context(), v, environment)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TryValues is Values of what may not be read.
func TryValues(ctx context.Context, v *vault.Vault, environment string) (map[string]string, error) {
	all, err := v.Reveal(ctx, Willing(), vault.Request{Environment: environment, Action: "test"})
	if err != nil {
		return nil, fmt.Errorf("reveal %s: %w", environment, err)
	}
	out := map[string]string{}
	for _, x := range all {
		out[x.Label.Name] = string(x.Secret.Reveal())
	}
	return out, nil
}
