package record_test

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/vault/record"
)

var update = flag.Bool("update", false, "write vectors that are missing")

const vectorFolder = "../../docs/spec/vectors/record"

// vector is one published case.
type vector struct {
	Why         string `json:"why"`
	Class       string `json:"class"`
	Record      string `json:"record"` // hex
	Vault       string `json:"vault"`
	Environment string `json:"environment"`
	ID          string `json:"id"`
	NamesKey    string `json:"names_key"` // hex
	ValueKey    string `json:"value_key"` // hex
	// At says where the record comes to stand, if the case is about that.
	At *at `json:"at,omitempty"`
	// Of class ok: what the parts hold. Value is null for a tombstone.
	Label *record.Label `json:"label,omitempty"`
	Value *string       `json:"value,omitempty"` // hex
}

// at is a change, and the record that its parent has in this place.
type at struct {
	Seq    uint64 `json:"seq"`
	Epoch  uint64 `json:"epoch"`
	Before string `json:"before"` // hex of the record, or ""
}

func hashes(data []byte) *record.Before {
	if len(data) == 0 {
		return nil
	}
	git := sha1.Sum(append(fmt.Appendf(nil, "blob %d\x00", len(data)), data...))
	return &record.Before{Hash: git, Sum: sha256.Sum256(data)}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func classOf(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, record.ErrMalformed):
		return "malformed"
	case errors.Is(err, record.ErrTampered), errors.Is(err, record.ErrFollows):
		return "tampered"
	}
	return "unknown: " + err.Error()
}

// judge checks a vector as a client with all keys does.
func judge(t testing.TB, v vector) (label *record.Label, value *string, err error) {
	t.Helper()
	r, err := record.Parse(unhex(t, v.Record))
	if err != nil {
		return nil, nil, err
	}
	if v.At != nil {
		var old *record.Header
		before := unhex(t, v.At.Before)
		if len(before) > 0 {
			b, err := record.Parse(before)
			if err != nil {
				t.Fatal(err)
			}
			old = &b.Header
		}
		if err := r.Header.Follows(old, record.At{Seq: v.At.Seq, Epoch: v.At.Epoch, Before: hashes(before)}); err != nil {
			return nil, nil, err
		}
	}
	where := record.Where{Vault: v.Vault, Environment: v.Environment, ID: v.ID}
	l, err := r.OpenLabel(keyOf(t, v.NamesKey), where)
	if err != nil {
		return nil, nil, err
	}
	if r.Header.State == record.Deleted {
		if _, err := r.OpenValue(keyOf(t, v.ValueKey), where); !errors.Is(err, record.ErrDeleted) {
			t.Errorf("a tombstone's value: %v", err)
		}
		return &l, nil, nil
	}
	secret, err := r.OpenValue(keyOf(t, v.ValueKey), where)
	if err != nil {
		return nil, nil, err
	}
	text := hex.EncodeToString(secret.Reveal())
	return &l, &text, nil
}

func keyOf(t testing.TB, s string) keys.Key {
	t.Helper()
	k, err := keys.KeyFromBytes(unhex(t, s))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestVectors runs every published case from its file.
func TestVectors(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(vectorFolder, "*", "*.json"))
	if err != nil || len(paths) < 60 {
		t.Fatalf("%d vectors: %v", len(paths), err)
	}
	for _, path := range paths {
		class := filepath.Base(filepath.Dir(path))
		t.Run(class+"/"+filepath.Base(path), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var v vector
			if err := json.Unmarshal(data, &v); err != nil {
				t.Fatal(err)
			}
			label, value, err := judge(t, v)
			if got := classOf(err); got != class || got != v.Class {
				t.Fatalf("class %s, want %s: %v", got, class, err)
			}
			if diff := cmp.Diff(v.Label, label); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(v.Value, value); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestVectorsAreThoseOfTheTable judges the cases of cases_test.go, freshly sealed, and
// wants a published file of each. -update writes those that are missing and changes no
// other: a published vector never changes.
func TestVectorsAreThoseOfTheTable(t *testing.T) {
	published := 0
	for class, cases := range recordCases(t) {
		for name, v := range cases {
			published++
			t.Run(class+"/"+name, func(t *testing.T) {
				v.Class = class
				label, value, err := judge(t, v)
				if got := classOf(err); got != class {
					t.Fatalf("class %s, want %s: %v", got, class, err)
				}
				v.Label, v.Value = label, value
				path := filepath.Join(vectorFolder, class, name+".json")
				if _, err := os.Stat(path); !os.IsNotExist(err) {
					return
				}
				if !*update {
					t.Fatalf("%s is missing", path)
				}
				var b bytes.Buffer
				enc := json.NewEncoder(&b)
				enc.SetEscapeHTML(false)
				enc.SetIndent("", "  ")
				if err := enc.Encode(v); err != nil {
					t.Fatal(err)
				}
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
	paths, err := filepath.Glob(filepath.Join(vectorFolder, "*", "*.json"))
	if err != nil || len(paths) != published {
		t.Errorf("%d files, %d cases: %v", len(paths), published, err)
	}
}
