package vault_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/repo"
	"github.com/secr/secr/vault/team"
)

// device is the device that a machine is in a vault.
func (m machine) device(t testing.TB, v *vault.Vault, name string) policy.Device {
	t.Helper()
	d, err := team.NewDevice(m.seed, team.Place{Vault: v.ID(), Nonce: v.State().Founding().Nonce}, team.DeviceOptions{Name: name, Kind: policy.Machine})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// admit makes a machine's owner a member.
func admit(t testing.TB, v *vault.Vault, m machine, handle string, roles ...string) {
	t.Helper()
	edit(t, v, team.Admit(team.Admission{Handle: handle, Kind: policy.Person, Roles: roles, Device: m.device(t, v, "laptop")}))
}

func edit(t testing.TB, v *vault.Vault, edits ...team.Edit) vault.Report {
	t.Helper()
	d := v.Draft()
	for _, e := range edits {
		d.EditPolicy(e)
	}
	commit(t, d)
	return d.Report()
}

// pull brings everything that from has to another machine, as a sync would.
func (m machine) pull(t testing.TB, from *vault.Vault) *vault.Vault {
	t.Helper()
	v, err := m.tryPull(t.Context(), from)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

func (m machine) tryPull(ctx context.Context, from *vault.Vault) (*vault.Vault, error) {
	place, err := m.home.Vault(from.ID())
	if err != nil {
		return nil, err
	}
	if err := place.MakeFolders(); err != nil {
		return nil, err
	}
	if err := copyFolder(from.Local().Repository(), place.Repository()); err != nil {
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
	return vault.Establish(ctx, m.options(""), s)
}

// copyFolder adds the files of a folder to another.
func copyFolder(from, to string) error {
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

func epochs(p *policy.Policy) map[string]uint64 {
	out := map[string]uint64{"audit": p.Audit().Epoch}
	for _, r := range p.Roles() {
		out["role "+r.Name] = r.Epoch
	}
	for _, e := range p.Environments() {
		out["environment "+e.Name] = e.Epoch
	}
	return out
}

func TestMembersReadWhatTheirRolesGrantAndNoMore(t *testing.T) {
	ana, ben, cleo := newMachine(t), newMachine(t), newMachine(t)
	v := ana.init(t)
	set(t, v, "development", "A", "dev")
	set(t, v, "staging", "A", "stage")
	set(t, v, "production", "A", "prod", "SENTRY_DSN", "x")
	admit(t, v, ben, "ben", policy.Developer)
	admit(t, v, cleo, "cleo", policy.Viewer)
	b, c := ben.pull(t, v), cleo.pull(t, v)

	if diff := cmp.Diff(map[string]string{"A": "dev"}, values(t, b, "development")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"A": "stage"}, values(t, b, "staging")); diff != "" {
		t.Error(diff)
	}
	var denied *vault.DeniedError
	if _, err := tryValues(t.Context(), b, "production"); !errors.As(err, &denied) || denied.Need != policy.Read {
		t.Errorf("ben reads production: %v", err)
	}
	list, err := b.List(t.Context(), "production")
	if err != nil || len(list) != 2 || list[1].Label.Name != "SENTRY_DSN" {
		t.Errorf("ben lists production: %v, %v", list, err)
	}
	if diff := cmp.Diff(map[string]string{"A": "dev"}, values(t, c, "development")); diff != "" {
		t.Error(diff)
	}
	if _, err := c.List(t.Context(), "production"); !errors.As(err, &denied) || denied.Need != policy.List {
		t.Errorf("cleo lists production: %v", err)
	}
	d := c.Draft()
	d.Set("development", "A", secret("mine"), vault.Meta{})
	if _, err := d.Commit(t.Context(), "try"); !errors.As(err, &denied) || denied.Need != policy.Write {
		t.Errorf("cleo writes: %v", err)
	}
	d = b.Draft()
	d.EditPolicy(team.AddRole("ben", policy.Admin))
	if _, err := d.Commit(t.Context(), "try"); !errors.As(err, &denied) || !denied.Manage {
		t.Errorf("ben promotes himself: %v", err)
	}
	set(t, b, "development", "A", "changed by ben")
	if diff := cmp.Diff(map[string]string{"A": "changed by ben"}, values(t, ana.pull(t, b), "development")); diff != "" {
		t.Error(diff)
	}
}

func TestRemovingAMemberTurnsWhatHeReached(t *testing.T) {
	ana, ben, cleo := newMachine(t), newMachine(t), newMachine(t)
	v := ana.init(t)
	set(t, v, "development", "A", "dev")
	set(t, v, "production", "A", "prod")
	admit(t, v, ben, "ben", policy.Developer)
	admit(t, v, cleo, "cleo", policy.Viewer)
	before := epochs(v.Policy())
	r := edit(t, v, team.Remove("cleo"))
	want := map[string]uint64{}
	for k, n := range before {
		want[k] = n
	}
	want["role viewer"], want["environment development"], want["environment staging"] = 2, 2, 2
	if diff := cmp.Diff(want, epochs(v.Policy())); diff != "" {
		t.Error(diff)
	}
	if r.Resealed != 1 {
		t.Errorf("%d secrets sealed again", r.Resealed)
	}
	b := ben.pull(t, v)
	if diff := cmp.Diff(map[string]string{"A": "dev"}, values(t, b, "development")); diff != "" {
		t.Error(diff)
	}
	c := cleo.pull(t, v)
	if _, err := tryValues(t.Context(), c, "development"); !errors.Is(err, vault.ErrNotMember) {
		t.Errorf("cleo reads after she left: %v", err)
	}
}

func TestRemovingAManagerTurnsEverything(t *testing.T) {
	ana, ben := newMachine(t), newMachine(t)
	v := ana.init(t)
	set(t, v, "development", "A", "dev")
	set(t, v, "production", "A", "prod", "B", "b")
	admit(t, v, ben, "ben", policy.Admin)
	b := ben.pull(t, v)
	for _, env := range []string{"development", "production"} {
		values(t, b, env) // ben unlocks all he can, and keeps it in memory
	}
	edit(t, v, team.Remove("ben"))
	for name, n := range epochs(v.Policy()) {
		if n != 2 {
			t.Errorf("%s is at epoch %d", name, n)
		}
	}
	if diff := cmp.Diff(map[string]string{"A": "prod", "B": "b"}, values(t, v, "production")); diff != "" {
		t.Error(diff)
	}
	// History stays readable for who reads.
	for _, env := range []string{"development", "production"} {
		h, err := v.History(t.Context(), env, "A")
		if err != nil || len(h) != 1 || h[0].Version != 1 {
			t.Errorf("history of %s: %v, %v", env, h, err)
		}
	}
}

func TestTheLastManagerCannotBeRemoved(t *testing.T) {
	ana := newMachine(t)
	v := ana.init(t)
	head := v.Head()
	d := v.Draft()
	d.EditPolicy(team.Remove("ana"))
	if _, err := d.Commit(t.Context(), "leave"); !errors.Is(err, policy.ErrIncomplete) {
		t.Error(err)
	}
	if v.Head() != head {
		t.Error("the head moved")
	}
}

func TestRotateTurnsEverythingAndKeepsEverySecret(t *testing.T) {
	ana := newMachine(t)
	v := ana.init(t)
	set(t, v, "development", "A", "one", "B", "two")
	d := v.Draft()
	d.Delete("development", "B")
	commit(t, d)
	d = v.Draft()
	d.Rotate()
	commit(t, d)
	for name, n := range epochs(v.Policy()) {
		if n != 2 {
			t.Errorf("%s is at epoch %d", name, n)
		}
	}
	d = v.Draft()
	d.Rotate(policy.KeyRef{Kind: policy.EnvironmentKey, Name: "development"})
	commit(t, d)
	if e := epochs(v.Policy()); e["environment development"] != 3 || e["environment staging"] != 2 || e["role admin"] != 2 {
		t.Errorf("epochs %v", e)
	}
	w := ana.open(t, v.ID())
	if diff := cmp.Diff(map[string]string{"A": "one"}, values(t, w, "development")); diff != "" {
		t.Error(diff)
	}
	all, err := w.ListAll(t.Context(), "development")
	if err != nil || len(all) != 2 || !all[1].Deleted || all[1].Label.Name != "B" {
		t.Errorf("%v, %v", all, err)
	}
	set(t, w, "development", "B", "again")
	h, err := w.History(t.Context(), "development", "B")
	if err != nil {
		t.Fatal(err)
	}
	var got []uint64
	for _, x := range h {
		got = append(got, x.Version)
	}
	if diff := cmp.Diff([]uint64{3, 2, 1}, got); diff != "" {
		t.Error(diff)
	}
	old, err := w.Reveal(t.Context(), vault.WitnessFunc(willing), vault.Request{Environment: "development", Names: []string{"B"}, Version: 1})
	if err != nil || string(old[0].Secret.Reveal()) != "two" {
		t.Errorf("version 1: %v, %v", old, err)
	}
}
