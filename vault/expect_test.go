package vault_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/vaulttest"
)

// TestADraftMadeFromAnotherValueChangesNothing: what one person reads, thinks about and
// writes back never takes away what somebody else wrote meanwhile.
func TestADraftMadeFromAnotherValueChangesNothing(t *testing.T) {
	one, two := vaulttest.Secret("one"), vaulttest.Secret("two")
	set := func(value string) func(*vault.Draft) {
		return func(d *vault.Draft) { d.Set("development", "A", vaulttest.Secret(value), vault.Meta{}) }
	}
	remove := func(d *vault.Draft) { d.Delete("development", "A") }
	for name, c := range map[string]struct {
		meanwhile, wish func(*vault.Draft)
		from            *keys.Secret
		moved           bool
		want            map[string]string
	}{
		"nobody wrote":                   {nil, set("new"), &one, false, map[string]string{"A": "new"}},
		"nobody deleted":                 {nil, remove, &one, false, map[string]string{}},
		"somebody wrote":                 {set("two"), set("new"), &one, true, map[string]string{"A": "two"}},
		"somebody wrote, and I delete":   {set("two"), remove, &one, true, map[string]string{"A": "two"}},
		"somebody deleted":               {remove, set("new"), &one, true, map[string]string{}},
		"both deleted":                   {remove, remove, &one, false, map[string]string{}},
		"both wrote the same":            {set("new"), set("new"), &one, false, map[string]string{"A": "new"}},
		"somebody was first":             {nil, set("new"), nil, true, map[string]string{"A": "one"}},
		"nobody was first":               {remove, set("new"), nil, false, map[string]string{"A": "new"}},
		"read, changed and put back":     {set("one"), set("new"), &one, false, map[string]string{"A": "new"}},
		"made from what it never was":    {nil, set("new"), &two, true, map[string]string{"A": "one"}},
		"made from what is there by now": {set("two"), set("new"), &two, false, map[string]string{"A": "new"}},
	} {
		t.Run(name, func(t *testing.T) {
			ana := vaulttest.NewMachine(t)
			v := ana.Init(t)
			vaulttest.Set(t, v, "development", "A", "one", "B", "other")
			d := v.Draft()
			c.wish(d)
			d.Expect("development", "A", c.from)
			d.Set("development", "B", vaulttest.Secret("mine"), vault.Meta{})
			if c.meanwhile != nil {
				other := ana.Open(t, v.ID()).Draft()
				c.meanwhile(other)
				if _, err := other.Commit(t.Context(), "meanwhile"); err != nil {
					t.Fatal(err)
				}
			}
			_, err := d.Commit(t.Context(), "mine")
			var moved *vault.MovedError
			if errors.As(err, &moved) != c.moved || !c.moved && err != nil {
				t.Fatalf("error %v, want moved: %v", err, c.moved)
			}
			c.want["B"] = "mine"
			if c.moved {
				c.want["B"] = "other"
				if len(moved.Now) != 1 || moved.Now[0].Label.Name != "A" || moved.Now[0].By != "ana" {
					t.Errorf("%+v", moved)
				}
			}
			if diff := cmp.Diff(c.want, vaulttest.Values(t, ana.Open(t, v.ID()), "development")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhoMayNotWriteIsToldBeforeHeTries(t *testing.T) {
	ana, ben := vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v := ana.Init(t)
	if err := v.CheckWrite(t.Context(), "production"); err != nil {
		t.Error(err)
	}
	if err := v.CheckWrite(t.Context(), "nowhere"); !errors.Is(err, vault.ErrNoEnvironment) {
		t.Error(err)
	}
	vaulttest.Admit(t, v, ben, "ben", policy.Developer)
	w := ben.Pull(t, v)
	if err := w.CheckWrite(t.Context(), "development"); err != nil {
		t.Error(err)
	}
	var denied *vault.DeniedError
	if err := w.CheckWrite(t.Context(), "production"); !errors.As(err, &denied) || denied.Need != policy.Write {
		t.Error(err)
	}
	past, err := v.At(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := past.CheckWrite(t.Context(), "development"); !errors.Is(err, vault.ErrReadOnly) {
		t.Error(err)
	}
}
