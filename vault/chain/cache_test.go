package chain_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/chain/chaintest"
)

// view is all that a state says, for comparing two.
type view struct {
	Vault   string
	Head    chain.Head
	Tree    [20]byte
	Files   []chain.File
	Secrets map[string]chain.Entry
	Policy  map[string][]byte
	Links   []chain.Link
}

func viewOf(s *chain.State) view {
	v := view{Vault: s.VaultID(), Head: s.Head(), Tree: s.Tree(), Files: slices.Collect(s.Files("")), Policy: s.Policy().Files(), Secrets: map[string]chain.Entry{}}
	for _, e := range s.Policy().Environments() {
		for id, entry := range s.Secrets(e.Name) {
			v.Secrets[e.Name+" "+id] = entry
		}
	}
	for seq := uint64(1); seq <= s.Head().Seq; seq++ {
		l, _ := s.Link(seq)
		if done, ok := s.Done(l.Op); !ok || done != l {
			panic("an operation was not found")
		}
		v.Links = append(v.Links, l)
	}
	return v
}

// difference is what two views differ in.
func difference(a, b view) string {
	if reflect.DeepEqual(a, b) { // much quicker than the telling
		return ""
	}
	return cmp.Diff(a, b)
}

func encoded(t testing.TB, s *chain.State) []byte {
	t.Helper()
	data, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// blobs reads what the changes of a world brought.
func blobs(w *chaintest.World) func([20]byte) ([]byte, error) {
	return func(id [20]byte) ([]byte, error) {
		for _, c := range w.Changes {
			for _, t := range c.Touched {
				if t.New != nil && t.New.Hash == id {
					return t.New.Data, nil
				}
			}
		}
		return nil, errors.New("no such blob")
	}
}

func TestCachedStateIsTheState(t *testing.T) {
	w, ben, _ := story(t)
	for i, s := range w.States {
		back, err := chain.Decode(encoded(t, s), blobs(w))
		if err != nil {
			t.Fatal(err)
		}
		if diff := difference(viewOf(s), viewOf(back)); diff != "" {
			t.Fatalf("state %d: %s", i+1, diff)
		}
		if i+1 < len(w.Changes) {
			c := w.Changes[i+1]
			next, err := back.Apply(c.ID, c.Raw, c.Touched)
			if err != nil {
				t.Fatal(err)
			}
			if diff := difference(viewOf(w.States[i+1]), viewOf(next)); diff != "" {
				t.Fatalf("after state %d: %s", i+1, diff)
			}
		}
	}
	w.Commit(w.Set(ben, policy.Staging, "AFTER", "x"))
}

func TestDamagedCacheIsRefused(t *testing.T) {
	w, _, _ := story(t)
	data := encoded(t, w.State)
	refused := func(what string, data []byte) {
		t.Helper()
		_, err := chain.Decode(data, blobs(w))
		if !errors.Is(err, &chain.Error{Class: chain.Damaged}) {
			t.Fatalf("%s: %v", what, err)
		}
	}
	refused("empty", nil)
	refused("longer", append(bytes.Clone(data), 0))
	for i := 0; i < len(data); i += 101 {
		changed := bytes.Clone(data)
		changed[i] ^= 0x10
		refused("changed", changed)
		refused("cut short", data[:i])
	}
}

// FuzzDecode gives bytes with a right checksum: even then nothing but an error happens.
func FuzzDecode(f *testing.F) {
	w, _, _ := story(f)
	data := encoded(f, w.State)
	head := len(data) - len(bytes.TrimPrefix(data, []byte("secr/1 state cache 1\n")))
	f.Add(data[head+sha256.Size:])
	f.Fuzz(func(t *testing.T, body []byte) {
		sum := sha256.Sum256(body)
		s, err := chain.Decode(slices.Concat(data[:head], sum[:], body), func([20]byte) ([]byte, error) { return nil, errors.New("no blobs here") })
		if err == nil {
			encoded(t, s)
			s.Head()
			s.Tree()
		} else if !errors.Is(err, &chain.Error{Class: chain.Damaged}) {
			t.Fatalf("%v", err)
		}
	})
}
