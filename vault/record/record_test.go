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

func TestEveryFlippedByteIsNoticed(t *testing.T) {
	in := input(t)
	data := sealed(t, in)
	for i := range data {
		for _, bit := range []byte{1, 0x20, 0x80} {
			changed := bytes.Clone(data)
			changed[i] ^= bit
			if opens(changed, in) {
				t.Fatalf("byte %d with bit %#x flipped still opens", i, bit)
			}
		}
	}
}

// opens says whether both parts open.
func opens(data []byte, in record.SealInput) bool {
	r, err := record.Parse(data)
	if err != nil {
		return false
	}
	_, labelErr := r.OpenLabel(in.Names, in.Where)
	_, valueErr := r.OpenValue(in.Key, in.Where)
	return labelErr == nil && valueErr == nil
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
