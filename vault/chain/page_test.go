package chain_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/chain/chaintest"
)

// pageLinks is how many links the chain keeps together.
const pageLinks = 128

// aged is a world of so many changes.
func aged(t testing.TB, changes int) *chaintest.World {
	t.Helper()
	w := chaintest.New(t)
	for len(w.Changes) < changes {
		w.Commit(w.Set(w.Ana, policy.Development, fmt.Sprint("S_", len(w.Changes)%3), "x"))
	}
	return w
}

func TestOldLinksStayOutOfTheCachedState(t *testing.T) {
	const pages = 3
	w := aged(t, pages*pageLinks+1)
	old, pageless := w.States[len(w.States)-1-pageLinks], shelf{}
	kept := shelf{}
	grown := len(kept.encoded(t, w.State)) - len(encoded(t, old))
	if len(kept) != pages || grown > 2000 {
		t.Errorf("%d pages, want %d; a page of changes makes the state %d bytes longer", len(kept), pages, grown)
	}
	data := encoded(t, w.State)
	asked := map[[32]byte]int{}
	read := func(from shelf) *chain.State {
		t.Helper()
		st := store(w, from)
		page := st.Page
		st.Page = func(sum [32]byte) ([]byte, error) { asked[sum]++; return page(sum) }
		s, err := chain.Decode(data, st)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := read(kept)
	s.Head()
	if _, ok := s.Done([16]byte{1}); ok || len(asked) != 0 {
		t.Error("pages were read for nothing")
	}
	for range 2 {
		if link, ok := s.Link(3); !ok || link.ID != w.Changes[2].ID || len(asked) != 1 {
			t.Errorf("the third change is %x, and %d pages were read", link.ID, len(asked))
		}
	}
	if c := w.Changes[7]; c.ID != must(s.Done(opOf(t, w, 8))).ID {
		t.Error("an operation was not found")
	}
	if diff := difference(viewOf(w.State), viewOf(s)); diff != "" {
		t.Error(diff)
	}
	for sum, times := range asked {
		if times != 1 {
			t.Errorf("page %x was read %d times", sum[:4], times)
		}
	}

	for what, from := range map[string]shelf{"lost": pageless, "damaged": damage(kept)} {
		back := read(from)
		if diff := difference(viewOf(w.State), viewOf(back)); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
		if !bytes.Equal(encoded(t, back), data) {
			t.Errorf("%s: the state is written otherwise", what)
		}
		for sum, links := range kept {
			if !bytes.Equal(from[sum], links) {
				t.Errorf("%s: page %x was not put back", what, sum[:4])
			}
		}
	}
}

func damage(pages shelf) shelf {
	out := shelf{}
	for sum, links := range pages {
		out[sum] = bytes.Clone(links)
		out[sum][len(links)/2] ^= 1
	}
	return out
}

func must(l chain.Link, ok bool) chain.Link {
	if !ok {
		panic("no link")
	}
	return l
}

func opOf(t *testing.T, w *chaintest.World, seq uint64) [16]byte {
	t.Helper()
	return must(w.State.Link(seq)).Op
}

// When the page and the commits are gone, nothing may be said about the chain: not that
// a change is missing, not that a remote rewinds.
func TestLostCommitsAreNoVerdict(t *testing.T) {
	w := aged(t, pageLinks+2)
	data := encoded(t, w.State)
	for what, without := range map[string]int{"the one after the page": pageLinks, "one in the middle": pageLinks / 2} {
		st := store(w, shelf{})
		commit := st.Commit
		st.Commit = func(id [20]byte) ([]byte, error) {
			if id == w.Changes[without].ID {
				return nil, errors.New("no such object")
			}
			return commit(id)
		}
		s, err := chain.Decode(data, st)
		if err != nil {
			t.Fatal(err)
		}
		check := func() (err error) {
			defer chain.Caught(&err)
			return s.CheckDescends(chain.Point{Seq: 2})
		}
		var verdict *chain.Error
		if err := check(); !errors.As(err, new(*chain.LostError)) || errors.As(err, &verdict) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A page is made again from what the repository had when the state was read: changes since
// then may lie in a quarantine, or nowhere yet.
func TestALostPageNeedsNoNewerChange(t *testing.T) {
	w := aged(t, 2*pageLinks)
	s, err := chain.Decode(encoded(t, w.State), store(w, shelf{}))
	if err != nil {
		t.Fatal(err)
	}
	for range pageLinks + 2 {
		w.Commit(w.Set(w.Ana, policy.Development, "NEW", "x"))
		c := w.Changes[len(w.Changes)-1]
		if s, err = s.Apply(c.ID, c.Raw, c.Touched); err != nil {
			t.Fatal(err)
		}
	}
	if diff := difference(viewOf(w.State), viewOf(s)); diff != "" {
		t.Error(diff)
	}
}

// TestLostPagesCostNoMoreThanTheChain: each commit is read once, but for one a page.
func TestLostPagesCostNoMoreThanTheChain(t *testing.T) {
	const pages = 6
	w := aged(t, pages*pageLinks+1)
	st := store(w, shelf{})
	commit, read := st.Commit, 0
	st.Commit = func(id [20]byte) ([]byte, error) { read++; return commit(id) }
	s, err := chain.Decode(encoded(t, w.State), st)
	if err != nil {
		t.Fatal(err)
	}
	for seq := uint64(1); seq <= s.Head().Seq; seq++ {
		s.Link(seq)
	}
	if read > pages*(pageLinks+1) {
		t.Errorf("%d commits were read of %d", read, len(w.Changes))
	}
}

// TestStatesThatFollowEachOtherAcrossPages asks at every border.
func TestStatesThatFollowEachOtherAcrossPages(t *testing.T) {
	w := aged(t, 2*pageLinks+40)
	kept := shelf{}
	for _, from := range []int{1, 31, 32, 33, 127, 128, 129, 160, 255, 256, 257, 289} {
		s, err := chain.Decode(kept.encoded(t, w.States[from-1]), store(w, kept))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range w.Changes[from:] {
			if s, err = s.Apply(c.ID, c.Raw, c.Touched); err != nil {
				t.Fatal(err)
			}
		}
		back, err := chain.Decode(kept.encoded(t, s), store(w, kept))
		if err != nil {
			t.Fatal(err)
		}
		for what, x := range map[string]*chain.State{"applied": s, "read": back} {
			if diff := difference(viewOf(w.State), viewOf(x)); diff != "" {
				t.Errorf("%s, from %d: %s", what, from, diff)
			}
			for _, at := range []int{1, 31, 32, 33, 127, 128, 129, 160, 255, 256, 257} {
				if got := chain.Common(x, w.States[at-1]); got != uint64(at) {
					t.Errorf("%s, from %d: %d in common with state %d", what, from, got, at)
				}
			}
		}
	}
}

func TestCommonOfForksAcrossPages(t *testing.T) {
	w := aged(t, 2*pageLinks+5)
	main, pages := w.State, shelf{}
	for _, at := range []int{1, 5, pageLinks - 1, pageLinks, pageLinks + 1, 2 * pageLinks, 2*pageLinks + 3} {
		for _, length := range []int{1, 3, pageLinks + 2} {
			w.State = w.States[at-1]
			for range length {
				w.Commit(w.Set(w.Ana, policy.Development, "FORK", fmt.Sprint(at)))
			}
			var both [2]*chain.State
			for i, s := range []*chain.State{main, w.State} {
				var err error
				if both[i], err = chain.Decode(pages.encoded(t, s), store(w, pages)); err != nil {
					t.Fatal(err)
				}
			}
			if got := chain.Common(both[0], both[1]); got != uint64(at) {
				t.Errorf("a fork of %d changes after change %d: %d in common", length, at, got)
			}
		}
	}
}
