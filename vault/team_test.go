package vault_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/team"
	"github.com/secr/secr/vault/vaulttest"
)

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
	ana, ben, cleo := vaulttest.NewMachine(t), vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Set(t, v, "development", "A", "dev")
	vaulttest.Set(t, v, "staging", "A", "stage")
	vaulttest.Set(t, v, "production", "A", "prod", "SENTRY_DSN", "x")
	vaulttest.Admit(t, v, ben, "ben", policy.Developer)
	vaulttest.Admit(t, v, cleo, "cleo", policy.Viewer)
	b, c := ben.Pull(t, v), cleo.Pull(t, v)

	if diff := cmp.Diff(map[string]string{"A": "dev"}, vaulttest.Values(t, b, "development")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"A": "stage"}, vaulttest.Values(t, b, "staging")); diff != "" {
		t.Error(diff)
	}
	var denied *vault.DeniedError
	if _, err := vaulttest.TryValues(t.Context(), b, "production"); !errors.As(err, &denied) || denied.Need != policy.Read {
		t.Errorf("ben reads production: %v", err)
	}
	list, err := b.List(t.Context(), "production")
	if err != nil || len(list) != 2 || list[1].Label.Name != "SENTRY_DSN" {
		t.Errorf("ben lists production: %v, %v", list, err)
	}
	if diff := cmp.Diff(map[string]string{"A": "dev"}, vaulttest.Values(t, c, "development")); diff != "" {
		t.Error(diff)
	}
	if _, err := c.List(t.Context(), "production"); !errors.As(err, &denied) || denied.Need != policy.List {
		t.Errorf("cleo lists production: %v", err)
	}
	d := c.Draft()
	d.Set("development", "A", vaulttest.Secret("mine"), vault.Meta{})
	if _, err := d.Commit(t.Context(), "try"); !errors.As(err, &denied) || denied.Need != policy.Write {
		t.Errorf("cleo writes: %v", err)
	}
	d = b.Draft()
	d.EditPolicy(team.AddRole("ben", policy.Admin))
	if _, err := d.Commit(t.Context(), "try"); !errors.As(err, &denied) || !denied.Manage {
		t.Errorf("ben promotes himself: %v", err)
	}
	vaulttest.Set(t, b, "development", "A", "changed by ben")
	if diff := cmp.Diff(map[string]string{"A": "changed by ben"}, vaulttest.Values(t, ana.Pull(t, b), "development")); diff != "" {
		t.Error(diff)
	}
}

func TestRemovingAMemberTurnsWhatHeReached(t *testing.T) {
	ana, ben, cleo := vaulttest.NewMachine(t), vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Set(t, v, "development", "A", "dev")
	vaulttest.Set(t, v, "production", "A", "prod")
	vaulttest.Admit(t, v, ben, "ben", policy.Developer)
	vaulttest.Admit(t, v, cleo, "cleo", policy.Viewer)
	before := epochs(v.Policy())
	r := vaulttest.Edit(t, v, team.Remove("cleo"))
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
	b := ben.Pull(t, v)
	if diff := cmp.Diff(map[string]string{"A": "dev"}, vaulttest.Values(t, b, "development")); diff != "" {
		t.Error(diff)
	}
	c := cleo.Pull(t, v)
	if _, err := vaulttest.TryValues(t.Context(), c, "development"); !errors.Is(err, vault.ErrNotMember) {
		t.Errorf("cleo reads after she left: %v", err)
	}
}

func TestRemovingAManagerTurnsEverything(t *testing.T) {
	ana, ben := vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Set(t, v, "development", "A", "dev")
	vaulttest.Set(t, v, "production", "A", "prod", "B", "b")
	vaulttest.Admit(t, v, ben, "ben", policy.Admin)
	b := ben.Pull(t, v)
	for _, env := range []string{"development", "production"} {
		vaulttest.Values(t, b, env) // ben unlocks all he can, and keeps it in memory
	}
	vaulttest.Edit(t, v, team.Remove("ben"))
	for name, n := range epochs(v.Policy()) {
		if n != 2 {
			t.Errorf("%s is at epoch %d", name, n)
		}
	}
	if diff := cmp.Diff(map[string]string{"A": "prod", "B": "b"}, vaulttest.Values(t, v, "production")); diff != "" {
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
	ana := vaulttest.NewMachine(t)
	v := ana.Init(t)
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
	ana := vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Set(t, v, "development", "A", "one", "B", "two")
	d := v.Draft()
	d.Delete("development", "B")
	vaulttest.Commit(t, d)
	d = v.Draft()
	d.Rotate()
	vaulttest.Commit(t, d)
	for name, n := range epochs(v.Policy()) {
		if n != 2 {
			t.Errorf("%s is at epoch %d", name, n)
		}
	}
	d = v.Draft()
	d.Rotate(policy.KeyRef{Kind: policy.EnvironmentKey, Name: "development"})
	vaulttest.Commit(t, d)
	if e := epochs(v.Policy()); e["environment development"] != 3 || e["environment staging"] != 2 || e["role admin"] != 2 {
		t.Errorf("epochs %v", e)
	}
	if err := v.Check(t.Context(), "development"); err != nil {
		t.Errorf("check: %v", err)
	}
	w := ana.Open(t, v.ID())
	if diff := cmp.Diff(map[string]string{"A": "one"}, vaulttest.Values(t, w, "development")); diff != "" {
		t.Error(diff)
	}
	all, err := w.ListAll(t.Context(), "development")
	if err != nil || len(all) != 2 || !all[1].Deleted || all[1].Label.Name != "B" {
		t.Errorf("%v, %v", all, err)
	}
	vaulttest.Set(t, w, "development", "B", "again")
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
	old, err := w.Reveal(t.Context(), vaulttest.Willing(), vault.Request{Environment: "development", Names: []string{"B"}, Version: 1})
	if err != nil || string(old[0].Secret.Reveal()) != "two" {
		t.Errorf("version 1: %v, %v", old, err)
	}
}
