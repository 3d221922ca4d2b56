package record_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/vault/record"
)

func key(t testing.TB, b byte) keys.Key {
	t.Helper()
	k, err := keys.KeyFromBytes(bytes.Repeat([]byte{b}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func place() record.Where {
	return record.Where{Vault: "mfrggzdfmztwq2lknnwg23tpoa", Environment: "staging", ID: "00112233445566778899aabbccddeeff00112233"}
}

func input(t testing.TB) record.SealInput {
	t.Helper()
	return record.SealInput{
		Where: place(),
		Header: record.Header{
			Kind: record.Set, Epoch: 3, Version: 2, Seq: 41, Since: 41,
			Before: &record.Before{Hash: [20]byte{1, 2, 3}, Sum: [32]byte{4, 5, 6}},
		},
		Label: record.Label{Name: "DATABASE_URL", Kind: record.Variable, Note: "the main <one>", Expires: 1893456000, RotateDays: 90, Tags: []string{"db", "main"}},
		Value: keys.NewSecret([]byte("postgres://u:p@h/d")),
		Names: key(t, 1), Key: key(t, 2),
	}
}

func sealed(t testing.TB, in record.SealInput) []byte {
	t.Helper()
	b, err := record.Seal(in)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSealedRecordOpens(t *testing.T) {
	in := input(t)
	r, err := record.Parse(sealed(t, in))
	if err != nil {
		t.Fatal(err)
	}
	label, err := r.OpenLabel(in.Names, in.Where)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(in.Label, label); diff != "" {
		t.Error(diff)
	}
	value, err := r.OpenValue(in.Key, in.Where)
	if err != nil || !value.Equal(in.Value) {
		t.Errorf("value: %v", err)
	}
}

// TestEveryFlippedByteIsNoticed flips bits of every byte: of the header, then nothing
// opens; of a part, then that part doesn't.
func TestEveryFlippedByteIsNoticed(t *testing.T) {
	in := input(t)
	data := sealed(t, in)
	whole, err := record.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	label := len(data) - whole.Header.Label - whole.Header.Value
	value := len(data) - whole.Header.Value
	for i := range data {
		for _, bit := range []byte{1, 0x20, 0x80} {
			changed := bytes.Clone(data)
			changed[i] ^= bit
			r, err := record.Parse(changed)
			if err != nil && i < label && errors.Is(err, record.ErrMalformed) {
				continue
			}
			if err != nil {
				t.Fatalf("byte %d: %v", i, err)
			}
			_, labelErr := r.OpenLabel(in.Names, in.Where)
			_, valueErr := r.OpenValue(in.Key, in.Where)
			if labelErr == nil && i < value || valueErr == nil && (i < label || i >= value) {
				t.Fatalf("byte %d with bit %#x flipped still opens", i, bit)
			}
		}
	}
}

func TestEveryCutIsMalformed(t *testing.T) {
	data := sealed(t, input(t))
	for n := range data {
		if _, err := record.Parse(data[:n]); !errors.Is(err, record.ErrMalformed) {
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
	if _, err := record.Parse(append(bytes.Clone(data), 0)); !errors.Is(err, record.ErrMalformed) {
		t.Errorf("one byte more: %v", err)
	}
}

func TestSealRefusesWhatParseWould(t *testing.T) {
	for name, edit := range map[string]func(in *record.SealInput){
		"no kind":             func(in *record.SealInput) { in.Header.Kind = "" },
		"a reseal of what":    func(in *record.SealInput) { in.Header.Kind, in.Header.Since = record.Reseal, 40 },
		"version 0":           func(in *record.SealInput) { in.Header.Version = 0 },
		"nothing before":      func(in *record.SealInput) { in.Header.Before = nil },
		"since":               func(in *record.SealInput) { in.Header.Since = 1 },
		"epoch":               func(in *record.SealInput) { in.Header.Epoch = record.MaxEpoch + 1 },
		"seq":                 func(in *record.SealInput) { in.Header.Seq, in.Header.Since = record.MaxNumber+1, record.MaxNumber+1 },
		"a name":              func(in *record.SealInput) { in.Label.Name = "a b" },
		"tags":                func(in *record.SealInput) { in.Label.Tags = []string{"b", "a"} },
		"a note":              func(in *record.SealInput) { in.Label.Note = "a\x1b" },
		"a note's encoding":   func(in *record.SealInput) { in.Label.Note = "\xff" },
		"a value above 1 MiB": func(in *record.SealInput) { in.Value = keys.NewSecret(make([]byte, record.MaxValue+1)) },
	} {
		t.Run(name, func(t *testing.T) {
			in := input(t)
			edit(&in)
			if _, err := record.Seal(in); !errors.Is(err, record.ErrMalformed) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestFollowsNeedsNoParseBeforeIt asks about headers that Parse would not return, and
// about a record before that is told without its hashes.
func TestFollowsNeedsNoParseBeforeIt(t *testing.T) {
	set := record.Header{Kind: record.Set, State: record.Live, Epoch: 1, Version: 1, Seq: 7, Since: 7}
	at := record.At{Seq: 7, Epoch: 1}
	if err := set.Follows(nil, at); err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(h *record.Header){
		"a label":          func(h *record.Header) { h.Kind = record.Relabel },
		"a reseal":         func(h *record.Header) { h.Kind = record.Reseal },
		"a delete":         func(h *record.Header) { h.Kind = record.Delete },
		"a second version": func(h *record.Header) { h.Version = 2 },
		"an older value":   func(h *record.Header) { h.Since = 6 },
	} {
		h := set
		edit(&h)
		if err := h.Follows(nil, at); !errors.Is(err, record.ErrFollows) {
			t.Errorf("%s as a first record: %v", name, err)
		}
	}
	if err := set.Follows(&set, at); !errors.Is(err, record.ErrFollows) {
		t.Errorf("a record before without hashes: %v", err)
	}
}

func TestLargestValueRoundTrips(t *testing.T) {
	in := input(t)
	in.Value = keys.NewSecret(bytes.Repeat([]byte{0, 0xff}, record.MaxValue/2))
	data := sealed(t, in)
	if len(data) > record.MaxRecord {
		t.Fatalf("%d bytes", len(data))
	}
	r, err := record.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if value, err := r.OpenValue(in.Key, in.Where); err != nil || !value.Equal(in.Value) {
		t.Errorf("got %v", err)
	}
}

func TestLargeRecordIsRefused(t *testing.T) {
	data := append(sealed(t, input(t)), make([]byte, record.MaxRecord)...)
	if _, err := record.Parse(data); !errors.Is(err, record.ErrMalformed) {
		t.Errorf("got %v", err)
	}
}

// TestLengthsAreHidden says that the lengths in clear tell no more than the padding.
func TestLengthsAreHidden(t *testing.T) {
	in := input(t)
	seen := map[int]bool{}
	for n := range 61 {
		in.Value = keys.NewSecret(make([]byte, n))
		seen[len(sealed(t, in))] = true
	}
	if len(seen) != 1 {
		t.Errorf("values of 0 to 60 bytes have %d lengths", len(seen))
	}
}

func TestSealNeverRepeatsItself(t *testing.T) {
	in := input(t)
	if bytes.Equal(sealed(t, in), sealed(t, in)) {
		t.Error("the same bytes twice")
	}
}

func FuzzParse(f *testing.F) {
	for _, cases := range recordCases(f) {
		for _, v := range cases {
			f.Add(unhex(f, v.Record))
		}
	}
	names, value := key(f, 1), key(f, 2)
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := record.Parse(data)
		if err != nil {
			if !errors.Is(err, record.ErrMalformed) {
				t.Errorf("got %v", err)
			}
			return
		}
		if err := r.Header.Follows(nil, record.At{Seq: r.Header.Seq, Epoch: r.Header.Epoch}); (err == nil) != (r.Header.Before == nil) {
			t.Errorf("as a first record: %v", err)
		}
		if _, err := r.OpenLabel(names, place()); err == nil {
			if _, err := r.OpenValue(value, place()); err != nil && r.Header.State == record.Live && !errors.Is(err, record.ErrMalformed) && !errors.Is(err, record.ErrTampered) {
				t.Errorf("got %v", err)
			}
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	in := input(b)
	data := sealed(b, in)
	for b.Loop() {
		r, err := record.Parse(data)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := r.OpenLabel(in.Names, in.Where); err != nil {
			b.Fatal(err)
		}
		if _, err := r.OpenValue(in.Key, in.Where); err != nil {
			b.Fatal(err)
		}
	}
}
