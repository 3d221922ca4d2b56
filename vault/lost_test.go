package vault_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/repo"
	"github.com/secr/secr/vault/vaulttest"
)

// aged is a vault of 260 changes, so that two pages of links are out of its cached state.
// MIDDLE was set on the second.
func aged(t *testing.T, m vaulttest.Machine) (v *vault.Vault, pages []string) {
	t.Helper()
	v = m.Init(t)
	for v.Head().Seq < 260 {
		name := "OFTEN"
		if v.Head().Seq == 149 {
			name = "MIDDLE"
		}
		vaulttest.Set(t, v, "development", name, fmt.Sprint(v.Head().Seq))
	}
	pages, err := filepath.Glob(filepath.Join(v.Local().Cache(), "links-*"))
	if err != nil || len(pages) != 2 {
		t.Fatalf("%v, %v", pages, err)
	}
	return v, pages
}

func TestPagesOfLinksComeBackWhenTheyAreLost(t *testing.T) {
	m := vaulttest.NewMachine(t)
	v, pages := aged(t, m)
	for _, what := range []func(string) error{os.Remove, func(path string) error { return os.WriteFile(path, []byte("garbage"), 0o600) }} {
		for _, page := range pages {
			if err := what(page); err != nil {
				t.Fatal(err)
			}
		}
		w := m.Open(t, v.ID())
		for seq := range uint64(260) {
			want, _ := v.State().Link(seq + 1)
			if got, ok := w.State().Link(seq + 1); !ok || got != want {
				t.Fatalf("change %d is %+v", seq+1, got)
			}
		}
		for _, page := range pages {
			if info, err := os.Stat(page); err != nil || info.Size() < 1000 {
				t.Errorf("a page was not put back: %v", err)
			}
		}
	}
}

// TestALostChangeIsAnErrorInEveryGoroutine: what is asked about it has no answer, and it
// accuses nobody.
func TestALostChangeIsAnErrorInEveryGoroutine(t *testing.T) {
	m := vaulttest.NewMachine(t)
	v, pages := aged(t, m)
	link, _ := v.State().Link(200)
	lose(t, v, link.ID)
	for _, page := range pages {
		if err := os.Remove(page); err != nil {
			t.Fatal(err)
		}
	}
	for what, do := range map[string]func(*vault.Vault) error{
		"list":   func(v *vault.Vault) error { _, err := v.List(t.Context(), "development"); return err },
		"reveal": func(v *vault.Vault) error { _, err := vaulttest.TryValues(t.Context(), v, "development"); return err },
		"set": func(v *vault.Vault) error {
			d := v.Draft()
			d.Set("development", "MIDDLE", vaulttest.Secret("new"), vault.Meta{})
			_, err := d.Commit(t.Context(), "a change")
			return err
		},
	} {
		err := do(m.Open(t, v.ID()))
		var verdict *chain.Error
		if !errors.As(err, new(*chain.LostError)) || errors.As(err, &verdict) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// lose takes an object out of a vault's repository.
func lose(t *testing.T, v *vault.Vault, id repo.Hash) {
	t.Helper()
	dir := v.Repo().Dir()
	packs, err := filepath.Glob(filepath.Join(dir, "objects/pack/*.pack"))
	if err != nil {
		t.Fatal(err)
	}
	aside := t.TempDir()
	for i, pack := range packs {
		to := filepath.Join(aside, fmt.Sprint(i))
		for _, err := range []error{os.Rename(pack, to), os.Remove(pack[:len(pack)-len("pack")] + "idx")} {
			if err != nil {
				t.Fatal(err)
			}
		}
		from, err := os.Open(to)
		if err != nil {
			t.Fatal(err)
		}
		defer from.Close()
		unpack := exec.Command("git", "--git-dir="+dir, "unpack-objects", "-q")
		unpack.Stdin = from
		if out, err := unpack.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	name := hex.EncodeToString(id[:])
	if err := os.Remove(filepath.Join(dir, "objects", name[:2], name[2:])); err != nil {
		t.Fatal(err)
	}
}
