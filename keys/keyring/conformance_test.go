package keyring_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/keyring"
)

// conform is what every store that keeps seeds does. Each call of empty returns
// a store without any seed.
func conform(t *testing.T, empty func(t *testing.T) keyring.Store) {
	ctx := context.Background()
	t.Run("what was saved is loaded", func(t *testing.T) {
		s := empty(t)
		for range 2 {
			seed := keys.NewSeed()
			save(t, s, "work", seed)
			for range 2 {
				same(t, s, "work", seed)
			}
			if err := s.Delete(ctx, "work"); err != nil {
				t.Fatal(err)
			}
		}
	})
	t.Run("profiles are apart", func(t *testing.T) {
		s, a, b := empty(t), keys.NewSeed(), keys.NewSeed()
		save(t, s, "a", a)
		save(t, s, "a-b", b)
		same(t, s, "a", a)
		same(t, s, "a-b", b)
		if err := s.Delete(ctx, "a"); err != nil {
			t.Fatal(err)
		}
		wants(t, s, "a", keyring.ErrNotFound)
		same(t, s, "a-b", b)
		if err := s.Delete(ctx, "a-b"); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("nothing is overwritten", func(t *testing.T) {
		s, seed := empty(t), keys.NewSeed()
		save(t, s, "work", seed)
		if err := s.Save(ctx, "work", keys.NewSeed()); !errors.Is(err, keyring.ErrExists) {
			t.Error(err)
		}
		same(t, s, "work", seed)
		if err := s.Delete(ctx, "work"); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("nothing there is said", func(t *testing.T) {
		s := empty(t)
		wants(t, s, "work", keyring.ErrNotFound)
		if err := s.Delete(ctx, "work"); !errors.Is(err, keyring.ErrNotFound) {
			t.Error(err)
		}
	})
	t.Run("no seed is not kept", func(t *testing.T) {
		s := empty(t)
		func() {
			defer func() { _ = recover() }() // a panic is as good as an error here
			if err := s.Save(ctx, "work", keys.Seed{}); err == nil {
				t.Error("kept no seed")
			}
		}()
		wants(t, s, "work", keyring.ErrNotFound)
	})
	t.Run("names that are none are refused", func(t *testing.T) {
		s := empty(t)
		for _, name := range []string{"", "..", "../x", "a/b", "-x", "A", "a b", "a\n", "é", strings.Repeat("a", 33)} {
			if err := s.Save(ctx, name, keys.NewSeed()); err == nil {
				t.Errorf("%q was kept", name)
			}
			if _, err := s.Load(ctx, name); err == nil || errors.Is(err, keyring.ErrNotFound) {
				t.Errorf("%q was looked for: %v", name, err)
			}
			if err := s.Delete(ctx, name); err == nil || errors.Is(err, keyring.ErrNotFound) {
				t.Errorf("%q was looked for: %v", name, err)
			}
		}
	})
	t.Run("a context that has ended ends it", func(t *testing.T) {
		s := empty(t)
		done, cancel := context.WithCancel(ctx)
		cancel()
		if err := s.Save(done, "work", keys.NewSeed()); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		wants(t, s, "work", keyring.ErrNotFound)
		if _, err := s.Load(done, "work"); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if err := s.Delete(done, "work"); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func save(t *testing.T, s keyring.Store, profile string, seed keys.Seed) {
	t.Helper()
	if err := s.Save(context.Background(), profile, seed); err != nil {
		t.Fatal(err)
	}
}

func same(t *testing.T, s keyring.Store, profile string, want keys.Seed) {
	t.Helper()
	got, err := s.Load(context.Background(), profile)
	if err != nil || !got.Equal(want) {
		t.Errorf("another seed, or none: %v", err)
	}
}

func wants(t *testing.T, s keyring.Store, profile string, want error) {
	t.Helper()
	var typed *keyring.Error
	if _, err := s.Load(context.Background(), profile); !errors.Is(err, want) || !errors.As(err, &typed) {
		t.Errorf("%v, want %v", err, want)
	}
}
