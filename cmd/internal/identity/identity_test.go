package identity

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/vault/local"
)

func home(t *testing.T) local.Home {
	t.Helper()
	return local.Home{Config: filepath.Join(t.TempDir(), "config")}
}

func save(t *testing.T, h local.Home, p Profile) {
	t.Helper()
	if err := Save(h, p); err != nil {
		t.Fatal(err)
	}
}

func TestAProfileIsReadBackAsItWasSaved(t *testing.T) {
	h := home(t)
	want := Profile{Name: "work", Person: "Ada Lovelace", Email: "ada@example.org", Kept: KeptFile, Created: 1700000000}
	save(t, h, want)
	got, err := Load(h, "work")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := Remove(h, "work"); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(h, "work"); !errors.Is(err, ErrUnknown) {
		t.Errorf("got %v", err)
	}
}

func TestTheOnlyProfileNeedsNoName(t *testing.T) {
	h := home(t)
	if _, err := Choose(h, ""); !errors.Is(err, ErrNone) {
		t.Errorf("got %v", err)
	}
	save(t, h, Profile{Name: "work", Kept: KeptOS})
	if p, err := Choose(h, ""); err != nil || p.Name != "work" {
		t.Errorf("got %v, %v", p, err)
	}
	save(t, h, Profile{Name: "home", Kept: KeptOS})
	if _, err := Choose(h, ""); !errors.Is(err, ErrSeveral) {
		t.Errorf("got %v", err)
	}
	save(t, h, Profile{Name: Default, Kept: KeptOS})
	if p, err := Choose(h, ""); err != nil || p.Name != Default {
		t.Errorf("got %v, %v", p, err)
	}
	if p, err := Choose(h, "home"); err != nil || p.Name != "home" {
		t.Errorf("got %v, %v", p, err)
	}
	if _, err := Choose(h, "../links"); !errors.Is(err, ErrUnknown) {
		t.Errorf("got %v", err)
	}
}

func TestADamagedProfileIsNotHalfRead(t *testing.T) {
	h := home(t)
	save(t, h, Profile{Name: "a", Person: "A", Kept: KeptFile})
	for _, text := range []string{"", "{", `{"name":"A","keyring":"plain"}`, `{"keyring":"os","x":1}`, `{"name":"a\u001b","keyring":"os"}`} {
		if err := os.WriteFile(path(h, "a"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := List(h); !errors.Is(err, local.ErrDamaged) {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

func TestHandlesAreMadeOfNames(t *testing.T) {
	for person, want := range map[string]string{
		"Ada Lovelace": "ada-lovelace", "  x  ": "x", "Zoë": "zo", "王": "me", "": "me", "a.b_c": "a-b-c", "--": "me",
		"abcdefghijklmnopqrstuvwxyz abcdefghij": "abcdefghijklmnopqrstuvwxyz-abcde",
	} {
		if got := Handle(person); got != want || !IsName(got) {
			t.Errorf("%q: got %q", person, got)
		}
	}
}
