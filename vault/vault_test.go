package vault_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/vaulttest"
)

func TestWhatIsSetIsThereAfterOpeningAgain(t *testing.T) {
	ana := vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Set(t, v, "development", "B", "two", "A", "one")
	vaulttest.Set(t, v, "production", "A", "other")
	vaulttest.Set(t, v, "development", "B", "three")
	w := ana.Open(t, v.ID())
	if diff := cmp.Diff(v.Head(), w.Head()); diff != "" {
		t.Error(diff)
	}
	if w.Head().Seq != 4 {
		t.Errorf("head is %d", w.Head().Seq)
	}
	if diff := cmp.Diff(map[string]string{"A": "one", "B": "three"}, vaulttest.Values(t, w, "development")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"A": "other"}, vaulttest.Values(t, w, "production")); diff != "" {
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
	ana := vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Set(t, v, "development", "A", "one")
	head := v.Head()
	r := vaulttest.Set(t, v, "development", "A", "one")
	if r.Changed() || len(r.Unchanged) != 1 || v.Head() != head {
		t.Errorf("%+v, head %v", r, v.Head())
	}
}

func TestUnknownVaultIsNamed(t *testing.T) {
	_, err := vault.Open(t.Context(), vaulttest.NewMachine(t).Options("abcdefghijklmnopqrstuvwxyz"))
	if !errors.Is(err, vault.ErrNoVault) {
		t.Error(err)
	}
}
