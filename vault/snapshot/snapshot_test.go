package snapshot_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/vault/snapshot"
)

func place(seq uint64) snapshot.Place {
	return snapshot.Place{Vault: "abcdefghijklmnopqrstuvwxyz", Environment: "production", Seq: seq, Sum: [32]byte{byte(seq), 7}}
}

func settings() snapshot.Settings {
	return snapshot.Settings{
		Device: "device", Handle: "ana", Time: 1700000000, MaxAge: 3600, RequireReason: true,
		Receipts: snapshot.ReceiptsRequired, AllowNames: []string{"LD_PRELOAD", "PATH"},
	}
}

func root(t *testing.T) keys.Key {
	t.Helper()
	return snapshot.Root(keys.NewSeed())
}

func secret(n int, name, value string) snapshot.Secret {
	return snapshot.Secret{
		Entry: snapshot.Entry{ID: snapshot.ID{byte(n), byte(n >> 8), 1}, Name: name, Version: uint64(n + 1), Since: uint64(n + 2), Size: len(value)},
		Value: keys.NewSecret([]byte(value)),
	}
}

func file(n int, name, value string) snapshot.Secret {
	s := secret(n, name, value)
	s.File = true
	return s
}

func mixed() []snapshot.Secret {
	return []snapshot.Secret{
		secret(1, "ZED", "last=with=equals"), file(2, "CERT", "-----BEGIN\n\x00binary"),
		secret(3, "EMPTY", ""), file(4, "KEY", strings.Repeat("k", 5000)), secret(5, "A", "first\nline"),
	}
}

func willing(snapshot.Reading) error { return nil }

// read returns everything a snapshot says, for comparison.
func read(t *testing.T, s *snapshot.Snapshot) []string {
	t.Helper()
	v, err := s.Reveal(willing, nil)
	if err != nil {
		t.Fatal(err)
	}
	out := slices.Clone(v.Environ)
	for _, f := range v.Files {
		out = append(out, f.Name+"<"+string(f.Value.Reveal()))
	}
	for i := range s.Len() {
		e := s.Entry(i)
		out = append(out, fmt.Sprintf("%s %x v%d s%d f%v n%d", e.Name, e.ID, e.Version, e.Since, e.File, e.Size))
	}
	return out
}

func TestSnapshotYieldsWhatWasSealed(t *testing.T) {
	key := root(t)
	data, err := snapshot.Seal(key, place(9), settings(), mixed())
	if err != nil {
		t.Fatal(err)
	}
	path := snapshot.Path(t.TempDir(), "production")
	for range 2 { // also over an older one
		if err := snapshot.WriteFile(path, data); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	s, err := snapshot.Open(path, key, place(9))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"A=first\nline", "EMPTY=", "ZED=last=with=equals", "CERT<-----BEGIN\n\x00binary", "KEY<" + strings.Repeat("k", 5000)}
	if diff := cmp.Diff(want, read(t, s)[:5]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(settings(), s.Settings()); diff != "" {
		t.Error(diff)
	}
	for _, m := range mixed() {
		e, value, err := s.Value(willing, m.Name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m.Entry, e); diff != "" {
			t.Error(diff)
		}
		if !value.Equal(m.Value) {
			t.Errorf("%s: another value", m.Name)
		}
	}
	if _, _, err := s.Value(willing, "B"); !errors.Is(err, snapshot.ErrNoSecret) {
		t.Errorf("missing secret: %v", err)
	}
}

func TestEmptyEnvironmentHasASnapshot(t *testing.T) {
	key := root(t)
	data, err := snapshot.Seal(key, place(1), snapshot.Settings{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := snapshot.Parse(data, key, place(1))
	if err != nil || s.Len() != 0 {
		t.Fatalf("%d secrets, %v", s.Len(), err)
	}
}

func TestNothingIsYieldedWithoutAWitness(t *testing.T) {
	key := root(t)
	data, err := snapshot.Seal(key, place(9), settings(), mixed())
	if err != nil {
		t.Fatal(err)
	}
	s, err := snapshot.Parse(data, key, place(9))
	if err != nil {
		t.Fatal(err)
	}
	full := errors.New("disk full")
	for _, c := range []struct {
		name string
		w    snapshot.Witness
		want error
	}{{"none", nil, snapshot.ErrNoWitness}, {"failing", func(snapshot.Reading) error { return full }, full}} {
		v, err := s.Reveal(c.w, nil)
		if !errors.Is(err, c.want) || v.Environ != nil || v.Files != nil {
			t.Errorf("%s: Reveal: %v", c.name, err)
		}
		if _, value, err := s.Value(c.w, "A"); !errors.Is(err, c.want) || value.Len() != 0 {
			t.Errorf("%s: Value: %v", c.name, err)
		}
	}
	var seen []snapshot.Reading
	note := func(r snapshot.Reading) error { seen = append(seen, r); return nil }
	if _, err := s.Reveal(note, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Reveal(note, func(e snapshot.Entry) bool { return e.Name == "ZED" || e.File }); err != nil {
		t.Fatal(err)
	}
	if !seen[0].All || len(seen[1].Entries) != 3 || seen[1].All || seen[1].Place != place(9) {
		t.Errorf("the witness was told %+v", seen)
	}
}

func TestEveryFlippedByteAndEveryCutIsDamageOrStale(t *testing.T) {
	key := root(t)
	data, err := snapshot.Seal(key, place(9), settings(), mixed())
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, bad []byte) {
		s, err := snapshot.Parse(bad, key, place(9))
		if err == nil {
			_, err = s.Reveal(willing, nil) // files are opened late
		}
		if !errors.Is(err, snapshot.ErrDamaged) && !errors.Is(err, snapshot.ErrStale) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for i := range data {
		bad := slices.Clone(data)
		bad[i] ^= 1 << (i % 8)
		check(fmt.Sprintf("byte %d flipped", i), bad)
		check(fmt.Sprintf("cut to %d", i), data[:i])
	}
}

func TestSnapshotOfAnotherPlaceOrSeedDoesNotOpen(t *testing.T) {
	key := root(t)
	data, err := snapshot.Seal(key, place(9), settings(), mixed())
	if err != nil {
		t.Fatal(err)
	}
	other := map[string]snapshot.Place{}
	for _, name := range []string{"vault", "environment", "seq", "sum"} {
		p := place(9)
		switch name {
		case "vault":
			p.Vault = "bbcdefghijklmnopqrstuvwxyz"
		case "environment":
			p.Environment = "staging"
		case "seq":
			p.Seq = 10
		case "sum":
			p.Sum[31] = 1
		}
		other[name] = p
	}
	for name, p := range other {
		if _, err := snapshot.Parse(data, key, p); !errors.Is(err, snapshot.ErrStale) && !errors.Is(err, snapshot.ErrDamaged) {
			t.Errorf("another %s: %v", name, err)
		}
		// A header that lies about its change does not help.
		forged := slices.Clone(data)
		forged[16+32+7], forged[16+32+8+31] = byte(p.Seq), p.Sum[31]
		if _, err := snapshot.Parse(forged, key, p); !errors.Is(err, snapshot.ErrDamaged) {
			t.Errorf("another %s, header forged: %v", name, err)
		}
	}
	if _, err := snapshot.Parse(data, root(t), place(9)); !errors.Is(err, snapshot.ErrDamaged) {
		t.Errorf("another seed: %v", err)
	}
}

func TestOnlyRegularFilesAreOpened(t *testing.T) {
	key, dir := root(t), t.TempDir()
	data, err := snapshot.Seal(key, place(9), settings(), mixed())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "real"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", filepath.Join(dir, "link")); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	for _, name := range []string{"link", "."} {
		if _, err := snapshot.Open(filepath.Join(dir, name), key, place(9)); !errors.Is(err, snapshot.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := snapshot.Open(filepath.Join(dir, "none"), key, place(9)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
}

func TestRestampMovesASnapshotToAnotherChange(t *testing.T) {
	key := root(t)
	data, err := snapshot.Seal(key, place(9), settings(), mixed())
	if err != nil {
		t.Fatal(err)
	}
	before, err := snapshot.Parse(data, key, place(9))
	if err != nil {
		t.Fatal(err)
	}
	fresh := settings()
	fresh.Handle, fresh.AllowNames = "ben", nil
	moved, err := snapshot.Restamp(data, key, place(9), place(10), fresh)
	if err != nil {
		t.Fatal(err)
	}
	after, err := snapshot.Parse(moved, key, place(10))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(read(t, before), read(t, after)); diff != "" {
		t.Error(diff)
	}
	if after.Settings().Handle != "ben" || len(after.Settings().AllowNames) != 0 {
		t.Errorf("settings: %+v", after.Settings())
	}
	if _, err := snapshot.Parse(moved, key, place(9)); !errors.Is(err, snapshot.ErrStale) {
		t.Errorf("at the old change: %v", err)
	}
	if _, err := snapshot.Restamp(data, key, place(8), place(10), fresh); !errors.Is(err, snapshot.ErrStale) {
		t.Errorf("from a change that it is not of: %v", err)
	}
	if _, err := snapshot.Restamp(data[:200], key, place(9), place(10), fresh); !errors.Is(err, snapshot.ErrDamaged) {
		t.Errorf("cut short: %v", err)
	}
}

func TestUpdateReplacesAddsAndDrops(t *testing.T) {
	key := root(t)
	data, err := snapshot.Seal(key, place(9), settings(), mixed())
	if err != nil {
		t.Fatal(err)
	}
	s, err := snapshot.Parse(data, key, place(9))
	if err != nil {
		t.Fatal(err)
	}
	changed := []snapshot.Secret{secret(1, "ZED", "new"), secret(2, "CERT", "a variable now"), file(6, "NEW", "n")}
	moved, err := s.Update(key, place(10), settings(), changed, []snapshot.ID{secret(3, "", "").ID})
	if err != nil {
		t.Fatal(err)
	}
	got, err := snapshot.Parse(moved, key, place(10))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"A=first\nline", "CERT=a variable now", "ZED=new", "KEY<" + strings.Repeat("k", 5000), "NEW<n"}
	if diff := cmp.Diff(want, read(t, got)[:5]); diff != "" {
		t.Error(diff)
	}
}

func TestTwoSecretsOfOneNameAreRefused(t *testing.T) {
	if _, err := snapshot.Seal(root(t), place(1), settings(), []snapshot.Secret{secret(1, "A", ""), secret(2, "A", "")}); err == nil {
		t.Error("sealed")
	}
}

func TestUpdateRefusesTheNameOfASecretThatStays(t *testing.T) {
	key := root(t)
	s := sealed(t, key, place(9), mixed())
	if _, err := s.Update(key, place(10), settings(), []snapshot.Secret{secret(9, "A", "")}, nil); err == nil {
		t.Error("sealed")
	}
}

func TestDrawnUpdatesLeaveWhatSealingAnewWould(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	key, model := root(t), map[int]snapshot.Secret{}
	draw := func(n int) snapshot.Secret {
		s := secret(n, fmt.Sprintf("N%02d", n*7%40), strings.Repeat("v", random.IntN(90)))
		s.File = random.IntN(3) == 0
		return s
	}
	s := sealed(t, key, place(1), nil)
	for seq := uint64(2); seq < 200; seq++ {
		var changed []snapshot.Secret
		var gone []snapshot.ID
		for _, n := range random.Perm(40)[:random.IntN(6)] {
			next := draw(n)
			if random.IntN(3) == 0 {
				gone = append(gone, next.ID)
				delete(model, n)
			} else {
				changed = append(changed, next)
				model[n] = next
			}
		}
		moved, err := s.Update(key, place(seq), settings(), changed, gone)
		if err != nil {
			t.Fatal(err)
		}
		if s, err = snapshot.Parse(moved, key, place(seq)); err != nil {
			t.Fatal(err)
		}
		want := sealed(t, key, place(seq), slices.Collect(maps.Values(model)))
		if diff := cmp.Diff(read(t, want), read(t, s)); diff != "" {
			t.Fatalf("after update %d: %s", seq, diff)
		}
	}
}

// sealed is a snapshot of secrets.
func sealed(t *testing.T, key keys.Key, at snapshot.Place, secrets []snapshot.Secret) *snapshot.Snapshot {
	t.Helper()
	data, err := snapshot.Seal(key, at, settings(), secrets)
	if err != nil {
		t.Fatal(err)
	}
	s, err := snapshot.Parse(data, key, at)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func FuzzParse(f *testing.F) {
	seed, err := keys.SeedFromBytes(make([]byte, keys.Size))
	if err != nil {
		f.Fatal(err)
	}
	key := snapshot.Root(seed)
	for _, secrets := range [][]snapshot.Secret{nil, mixed()} {
		data, err := snapshot.Seal(key, place(9), settings(), secrets)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := snapshot.Parse(data, key, place(9))
		if err != nil {
			return
		}
		if _, err := s.Reveal(willing, nil); err != nil && !errors.Is(err, snapshot.ErrDamaged) {
			t.Error(err)
		}
	})
}

func BenchmarkOpenTenThousand(b *testing.B) {
	key := snapshot.Root(keys.NewSeed())
	var all []snapshot.Secret
	for i := range 10000 {
		all = append(all, secret(i, fmt.Sprintf("SECRET_%05d", i), "postgres://user:password@host/database"))
	}
	data, err := snapshot.Seal(key, place(9), settings(), all)
	if err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), "s")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s, err := snapshot.Open(path, key, place(9))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Reveal(willing, nil); err != nil {
			b.Fatal(err)
		}
	}
}
