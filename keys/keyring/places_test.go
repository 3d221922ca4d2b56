package keyring_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/keyring"
)

// nowhere is a store that fails in one way.
type nowhere struct{ err error }

func (n nowhere) Load(context.Context, string) (keys.Seed, error) { return keys.Seed{}, n.err }
func (n nowhere) Save(context.Context, string, keys.Seed) error   { return n.err }
func (n nowhere) Delete(context.Context, string) error            { return n.err }

func kinds(r keyring.Report) []keyring.Kind {
	var out []keyring.Kind
	for _, s := range r.Skipped {
		out = append(out, s.Kind)
	}
	return append(out, r.Used)
}

func TestNewSeedGoesToTheFirstPlaceThatWorks(t *testing.T) {
	ctx, seed := context.Background(), keys.NewSeed()
	for _, skip := range []error{keyring.ErrUnavailable, keyring.ErrLocked, keyring.ErrTooLarge, keyring.ErrReadOnly} {
		memory := keyring.NewMemory()
		r, err := keyring.Places{{Kind: keyring.KindOS, Store: nowhere{skip}}, {Kind: keyring.KindMemory, Store: memory}}.Save(ctx, "work", seed)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]keyring.Kind{keyring.KindOS, keyring.KindMemory}, kinds(r)); d != "" {
			t.Error(d)
		}
		if !errors.Is(r.Skipped[0].Err, skip) {
			t.Error(r.Skipped)
		}
		same(t, memory, "work", seed)
	}
}

func TestOtherFailuresDoNotEndInASecondCopy(t *testing.T) {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		ctx context.Context
		err error
	}{
		{context.Background(), keyring.ErrExists},
		{context.Background(), keyring.ErrPassphrase},
		{context.Background(), errors.New("interrupted")},
		{cancelled, keyring.ErrUnavailable},
	} {
		memory := keyring.NewMemory()
		places := keyring.Places{{Kind: keyring.KindOS, Store: nowhere{c.err}}, {Kind: keyring.KindMemory, Store: memory}}
		if _, err := places.Save(c.ctx, "work", keys.NewSeed()); !errors.Is(err, c.err) {
			t.Error(err)
		}
		wants(t, memory, "work", keyring.ErrNotFound)
	}
	none := keyring.Places{{Kind: keyring.KindOS, Store: nowhere{keyring.ErrLocked}}}
	if _, err := none.Save(context.Background(), "work", keys.NewSeed()); !errors.Is(err, keyring.ErrUnavailable) || !errors.Is(err, keyring.ErrLocked) {
		t.Error(err)
	}
	if _, err := none.Of(keyring.KindFile); !errors.Is(err, keyring.ErrUnavailable) {
		t.Error(err)
	}
}

func TestMoveNeverLosesTheSeed(t *testing.T) {
	ctx, seed := context.Background(), keys.NewSeed()
	from, to := keyring.NewMemory(), file(t, says("p", nil))
	here := keyring.Place{Kind: keyring.KindMemory, Store: from}
	there := keyring.Place{Kind: keyring.KindFile, Store: to}
	save(t, from, "work", seed)

	stopped := errors.New("stopped")
	if err := keyring.Move(ctx, "work", here, there, func(keyring.Kind) error { return stopped }); !errors.Is(err, stopped) {
		t.Fatal(err)
	}
	same(t, from, "work", seed)

	var recorded keyring.Kind
	if err := keyring.Move(ctx, "work", here, there, func(k keyring.Kind) error { recorded = k; return nil }); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(keyring.KindFile, recorded); d != "" {
		t.Error(d)
	}
	wants(t, from, "work", keyring.ErrNotFound)
	same(t, to, "work", seed)
}

func TestMoveRefusesToReplaceAnotherSeed(t *testing.T) {
	ctx, seed, other := context.Background(), keys.NewSeed(), keys.NewSeed()
	from, to := keyring.NewMemory(), file(t, says("p", nil))
	save(t, from, "work", seed)
	save(t, to, "work", other)
	record := func(keyring.Kind) error { t.Error("recorded"); return nil }
	here, there := keyring.Place{Kind: keyring.KindMemory, Store: from}, keyring.Place{Kind: keyring.KindFile, Store: to}
	if err := keyring.Move(ctx, "work", here, there, record); !errors.Is(err, keyring.ErrExists) {
		t.Error(err)
	}
	same(t, from, "work", seed)
	same(t, to, "work", other)
	if err := keyring.Move(ctx, "work", here, here, record); err == nil {
		t.Error("moved onto itself")
	}
	token := keyring.Place{Kind: keyring.KindToken, Store: keyring.NewToken(keys.FormatToken(seed))}
	if err := keyring.Move(ctx, "work", token, there, record); !errors.Is(err, keyring.ErrReadOnly) {
		t.Error(err)
	}
}
