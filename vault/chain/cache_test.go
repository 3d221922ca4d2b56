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
	"github.com/secr/secr/vault/change"
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
		if _, ok := s.Done(change.Op{15: byte(seq)}); ok {
			panic("an operation was found that nobody carried out")
		}
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

// shelf keeps pages of links, as a cache folder does.
type shelf map[[32]byte][]byte

func (s shelf) keep(sum [32]byte, links []byte) error {
	s[sum] = links
	return nil
}

func (s shelf) page(sum [32]byte) ([]byte, error) {
	if links, ok := s[sum]; ok {
		return links, nil
	}
	return nil, errors.New("no such page")
}

func encoded(t testing.TB, s *chain.State) []byte {
	t.Helper()
	return shelf{}.encoded(t, s)
}

func (p shelf) encoded(t testing.TB, s *chain.State) []byte {
	t.Helper()
	data, err := s.Encode(p.keep)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// store has what the changes of a world brought, and the pages of a shelf.
func store(w *chaintest.World, pages shelf) chain.Store {
	blobs, commits := map[[20]byte][]byte{}, map[[20]byte][]byte{}
	for _, c := range w.Changes {
		commits[c.ID] = c.Raw
		for _, t := range c.Touched {
			if t.New != nil {
				blobs[t.New.Hash] = t.New.Data
			}
		}
	}
	find := func(in map[[20]byte][]byte) func([20]byte) ([]byte, error) {
		return func(id [20]byte) ([]byte, error) {
			if data, ok := in[id]; ok {
				return data, nil
			}
			return nil, errors.New("no such object")
		}
	}
	return chain.Store{Page: pages.page, Keep: pages.keep, Commit: find(commits), Blob: find(blobs)}
}

func TestCachedStateIsTheState(t *testing.T) {
	w, ben, _ := story(t)
	for i, s := range w.States {
		back, err := chain.Decode(encoded(t, s), store(w, shelf{}))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(encoded(t, s), encoded(t, back)) {
			t.Fatalf("state %d is written otherwise once it was read", i+1)
		}
		if i+1 < len(w.Changes) {
			c := w.Changes[i+1]
			next, err := back.Apply(c.ID, c.Raw, c.Touched)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(encoded(t, w.States[i+1]), encoded(t, next)) {
				t.Fatalf("state %d is written otherwise after one that was read", i+2)
			}
			if diff := difference(viewOf(w.States[i+1]), viewOf(next)); diff != "" {
				t.Fatalf("after state %d: %s", i+1, diff)
			}
		}
		if diff := difference(viewOf(s), viewOf(back)); diff != "" {
			t.Fatalf("state %d: %s", i+1, diff)
		}
	}
	w.Commit(w.Set(ben, policy.Staging, "AFTER", "x"))
}

func TestDamagedCacheIsRefused(t *testing.T) {
	w, _, _ := story(t)
	data := encoded(t, w.State)
	refused := func(what string, data []byte) {
		t.Helper()
		_, err := chain.Decode(data, store(w, shelf{}))
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

// Nothing is read twice of a cache that was taken for sound: what is made of it later
// must not fail then.
func TestDisorderUnderARightChecksumIsRefusedAtOnce(t *testing.T) {
	w, _, _ := story(t)
	data := encoded(t, w.State)
	head := bytes.IndexByte(data, '\n') + 1
	tried, refused := 0, 0
	for i := head + sha256.Size; i < len(data); i += 17 {
		body := bytes.Clone(data[head+sha256.Size:])
		body[i-head-sha256.Size] ^= 0x11
		if tried++; !walkDecoded(t, data[:head], body) {
			refused++
		}
	}
	if refused < tried/2 {
		t.Errorf("only %d of %d changed bytes were noticed", refused, tried)
	}
}

// walkDecoded reads a cache with a right checksum and everything that it says; false is
// an error that Decode returned.
func walkDecoded(t *testing.T, magic, body []byte) bool {
	t.Helper()
	sum := sha256.Sum256(body)
	s, err := chain.Decode(slices.Concat(magic, sum[:], body), store(&chaintest.World{}, shelf{}))
	if err != nil {
		if !errors.Is(err, &chain.Error{Class: chain.Damaged}) {
			t.Fatalf("%v", err)
		}
		return false
	}
	encoded(t, s)
	if _, err := links(s); err != nil && !errors.As(err, new(*chain.LostError)) {
		t.Fatal(err)
	}
	s.Head()
	s.Tree()
	for f := range s.Files("") {
		if f.Path == "" {
			t.Fatal("a file without a name")
		}
	}
	return true
}

// links asks for every link and every operation.
func links(s *chain.State) (all []chain.Link, err error) {
	defer chain.Caught(&err)
	for seq := uint64(1); seq <= s.Head().Seq; seq++ {
		l, _ := s.Link(seq)
		s.Done(l.Op)
		all = append(all, l)
	}
	return all, nil
}

// FuzzDecode gives bytes with a right checksum: even then nothing but an error happens.
func FuzzDecode(f *testing.F) {
	w, _, _ := story(f)
	data := encoded(f, w.State)
	head := bytes.IndexByte(data, '\n') + 1
	f.Add(data[head+sha256.Size:])
	f.Fuzz(func(t *testing.T, body []byte) { walkDecoded(t, data[:head], body) })
}
