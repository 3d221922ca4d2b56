package chain_test

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/chain/chaintest"
	"github.com/secr/secr/vault/change"
)

// story is a vault with a bit of everything in its history.
func story(t testing.TB) (w *chaintest.World, ben, cleo *chaintest.Actor) {
	t.Helper()
	w = chaintest.New(t)
	w.Commit(w.Set(w.Ana, policy.Production, "DATABASE_URL", "postgres://1"))
	ben = w.Admit("ben", policy.Developer)
	cleo = w.Admit("cleo", policy.Viewer)
	w.Commit(w.Set(ben, policy.Development, "DATABASE_URL", "postgres://2"))
	w.Commit(w.Set(ben, policy.Development, "API_KEY", "k1"))
	w.Commit(w.Set(ben, policy.Development, "API_KEY", "k2"))
	w.Commit(w.Relabel(ben, policy.Development, "API_KEY", "from the dashboard"))
	w.Commit(w.Delete(ben, policy.Development, "DATABASE_URL"))
	w.Commit(w.Rotate(w.Ana, policy.Development))
	w.Commit(w.Set(ben, policy.Development, "DATABASE_URL", "postgres://3"))
	return w, ben, cleo
}

func TestEveryPrefixOfAGoodChainVerifies(t *testing.T) {
	w, ben, _ := story(t)
	w.Commit(w.Remove(w.Ana, ben))
	w.Commit(w.Draft(w.Ana))
	var s *chain.State
	for i, c := range w.Changes {
		next, err := chaintest.Apply(s, c)
		if err != nil {
			t.Fatalf("change %d: %v", i+1, err)
		}
		s = next
		if diff := difference(viewOf(w.States[i]), viewOf(s)); diff != "" {
			t.Fatalf("change %d: %s", i+1, diff)
		}
		if s.Head().Seq != uint64(i+1) {
			t.Fatalf("change %d has the number %d", i+1, s.Head().Seq)
		}
	}
}

// TestChildrenOfAFolderAreItsGitTree builds the tree of each change again from what the
// state lists.
func TestChildrenOfAFolderAreItsGitTree(t *testing.T) {
	w, _, _ := story(t)
	s := w.State
	var tree func(folder string) [20]byte
	tree = func(folder string) [20]byte {
		var b []byte
		for _, c := range s.Children(folder) {
			mode := "100644 "
			if c.Dir {
				mode = "40000 "
				if below := tree(strings.TrimPrefix(folder+"/"+c.Name, "/")); below != c.Hash {
					t.Errorf("%s/%s is %x, and its children make %x", folder, c.Name, c.Hash, below)
				}
			}
			b = append(append(append(b, mode...), c.Name...), 0)
			b = append(b, c.Hash[:]...)
		}
		return sha1.Sum(append(fmt.Appendf(nil, "tree %d\x00", len(b)), b...))
	}
	if got := tree(""); got != s.Tree() {
		t.Errorf("the vault's tree is %x, and its children make %x", s.Tree(), got)
	}
	if len(s.Children("secrets/nowhere")) != 0 {
		t.Error("a folder that is not there has children")
	}
}

// TestNoChangeFitsElsewhere applies every change of a good chain after every state but
// the one it is for.
func TestNoChangeFitsElsewhere(t *testing.T) {
	w, _, _ := story(t)
	for i, s := range w.States {
		for k, c := range w.Changes {
			if k == i+1 {
				continue
			}
			if _, err := s.Apply(c.ID, c.Raw, c.Touched); !errors.Is(err, &chain.Error{Class: chain.BadParent}) {
				t.Errorf("change %d after %d: %v", k+1, i+1, err)
			}
		}
	}
	other := chaintest.New(t)
	other.Commit(other.Set(other.Ana, policy.Production, "DATABASE_URL", "x"))
	c := other.Changes[1]
	if _, err := w.States[0].Apply(c.ID, c.Raw, c.Touched); !errors.Is(err, &chain.Error{Class: chain.BadParent}) {
		t.Errorf("a change of another vault: %v", err)
	}
}

// TestEveryChangedByteIsRefused flips bits all over the changes of a chain: in the raw
// commits, with the id that fits, and in every touched file.
func TestEveryChangedByteIsRefused(t *testing.T) {
	w, _, _ := story(t)
	for i, c := range w.Changes {
		var parent *chain.State
		if i > 0 {
			parent = w.States[i-1]
		}
		step := 1 + len(c.Touched)/6 // large changes are slow to hash a thousand times
		for at := 0; at < len(c.Raw); at += step {
			raw := bytes.Clone(c.Raw)
			raw[at] ^= 1 << (at % 8)
			if _, err := chaintest.Apply(parent, chaintest.Signed{ID: change.CommitID(raw), Raw: raw, Touched: c.Touched}); err == nil {
				t.Fatalf("change %d: byte %d of the commit", i+1, at)
			}
		}
		for k, f := range c.Touched {
			if f.New == nil {
				continue
			}
			for at := 0; at < len(f.New.Data); at += 1 + len(f.New.Data)/5 {
				data := bytes.Clone(f.New.Data)
				data[at] ^= 1 << (at % 8)
				touched := slices.Clone(c.Touched)
				touched[k].New = change.NewBlob(data)
				if _, err := chaintest.Apply(parent, chaintest.Signed{ID: c.ID, Raw: c.Raw, Touched: touched}); err == nil {
					t.Fatalf("change %d: byte %d of %s", i+1, at, f.Path)
				}
			}
		}
	}
}

// TestEveryTouchedPathCounts leaves out, doubles, and swaps touched paths.
func TestEveryTouchedPathCounts(t *testing.T) {
	w, _, _ := story(t)
	for i, c := range w.Changes[1:] {
		for k := range c.Touched {
			less := slices.Delete(slices.Clone(c.Touched), k, k+1)
			if _, err := w.States[i].Apply(c.ID, c.Raw, less); err == nil {
				t.Errorf("change %d without %s", i+2, c.Touched[k].Path)
			}
			if k > 0 && (c.Touched[k].New != nil || c.Touched[k-1].New != nil) {
				swapped := slices.Clone(c.Touched)
				swapped[k].New, swapped[k-1].New = swapped[k-1].New, swapped[k].New
				if _, err := w.States[i].Apply(c.ID, c.Raw, swapped); err == nil {
					t.Errorf("change %d with %s swapped", i+2, c.Touched[k].Path)
				}
			}
		}
	}
}

func TestOrderOfTouchedPathsIsTheCallersChoice(t *testing.T) {
	w, _, _ := story(t)
	for i, c := range w.Changes[1:] {
		touched := slices.Clone(c.Touched)
		slices.Reverse(touched)
		s, err := w.States[i].Apply(c.ID, c.Raw, touched)
		if err != nil || s.Tree() != w.States[i+1].Tree() {
			t.Errorf("change %d: %v", i+2, err)
		}
	}
}

func TestOddTimesAreNoRule(t *testing.T) {
	w, ben, _ := story(t)
	for _, time := range []int64{1, chaintest.Start - 1000000, change.MaxTime} {
		d := w.Set(ben, policy.Staging, fmt.Sprintf("AT_%d", time), "x")
		d.Time = time
		w.Commit(d)
		if w.State.Head().Time != time {
			t.Errorf("time %d is kept as %d", time, w.State.Head().Time)
		}
	}
}

func TestAnOperationMayComeAgainFromItsDevice(t *testing.T) {
	w, ben, _ := story(t)
	first, _ := w.State.Link(w.State.Head().Seq)
	d := w.Set(ben, policy.Staging, "AGAIN", "x")
	d.Op = first.Op
	w.Commit(d)
	if done, ok := w.State.Done(first.Op); !ok || done.Seq != first.Seq {
		t.Errorf("found %v, want %v", done, first)
	}
	if _, ok := w.State.Done(change.Op{1}); ok {
		t.Error("an operation was found that nobody did")
	}
}

// TestForksShareNothingThatMatters makes two states after one, and looks at all three.
func TestForksShareNothingThatMatters(t *testing.T) {
	w, ben, _ := story(t)
	base := w.State
	before := viewOf(base)
	var heads []*chain.State
	var views []view
	for i := range 6 {
		s := base
		for k := range 1 + i%3 {
			d := w.Set(ben, policy.Development, fmt.Sprintf("FORK_%d", k), fmt.Sprint(i))
			d.Parent = s
			d.Files = map[string][]byte{}
			w.Write(d, policy.Development, chaintest.Plain{Name: fmt.Sprintf("FORK_%d", k), Value: fmt.Append(nil, i)}, nil)
			next, err := w.Judge(d)
			if err != nil {
				t.Fatal(err)
			}
			s = next
		}
		heads, views = append(heads, s), append(views, viewOf(s))
	}
	for i, s := range heads {
		if diff := difference(views[i], viewOf(s)); diff != "" {
			t.Fatalf("fork %d: %s", i, diff)
		}
	}
	if diff := difference(before, viewOf(base)); diff != "" {
		t.Errorf("the state before the forks: %s", diff)
	}
	if n := chain.Common(heads[0], heads[1]); n != base.Head().Seq {
		t.Errorf("%d changes in common, want %d", n, base.Head().Seq)
	}
}

func TestStatesAndPreparationMayBeUsedAtOnce(t *testing.T) {
	w, _, _ := story(t)
	prepared := make([]*chain.Prepared, len(w.Changes))
	var wait sync.WaitGroup
	for i, c := range w.Changes {
		wait.Go(func() { prepared[i] = chain.Prepare(c.ID, c.Raw, c.Touched) })
	}
	wait.Wait()
	for range 4 {
		wait.Go(func() {
			s, err := chain.FoundPrepared(prepared[0])
			for _, p := range prepared[1:] {
				if err == nil {
					s, err = s.ApplyPrepared(p)
				}
			}
			if err != nil || s.Tree() != w.State.Tree() {
				t.Errorf("verified at once with others: %v", err)
			}
		})
	}
	wait.Wait()
}

func TestDescent(t *testing.T) {
	w, ben, _ := story(t)
	rewound := w.States[len(w.States)-3]
	pin := w.State.Head().Point()
	fork := w.Set(ben, policy.Staging, "X", "1")
	w.Commit(w.Draft(w.Ana))
	other, err := w.Judge(fork)
	if err != nil {
		t.Fatal(err)
	}
	newPin := w.State.Head().Point()
	for name, c := range map[string]struct {
		state *chain.State
		point chain.Point
		ok    bool
	}{
		"nothing seen before":    {w.State, chain.Point{}, true},
		"its own head":           {w.State, newPin, true},
		"an earlier head":        {w.State, pin, true},
		"the founding":           {w.State, w.States[0].Head().Point(), true},
		"a rewound chain":        {rewound, pin, false},
		"a fork":                 {other, newPin, false},
		"another vault's chain":  {chaintest.New(t).State, w.States[0].Head().Point(), false},
		"a sum that never was":   {w.State, chain.Point{Seq: 3}, false},
		"a number of the future": {w.State, chain.Point{Seq: 1 << 60}, false},
	} {
		err := c.state.CheckDescends(c.point)
		if (err == nil) != c.ok || err != nil && !errors.Is(err, &chain.Error{Class: chain.Rewind}) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := chain.Common(rewound, w.State); n != rewound.Head().Seq {
		t.Errorf("a rewound chain has %d changes in common", n)
	}
	if n := chain.Common(w.State, chaintest.New(t).State); n != 0 {
		t.Errorf("two vaults have %d changes in common", n)
	}
}

// TestAnExFoundersSecondChain is a founder who was removed and goes on from the first
// change as if nothing had been. His chain is valid; who has seen the other one, or was
// told of it, refuses it.
func TestAnExFoundersSecondChain(t *testing.T) {
	w := chaintest.New(t)
	ben := w.Admit("ben", policy.Admin)
	w.Commit(w.Remove(ben, w.Ana))
	floor := w.State.Head().Point()
	w.Commit(w.Set(ben, policy.Production, "URL", "true"))
	d := w.Draft(w.Ana)
	d.Parent = w.States[0]
	w.Write(d, policy.Production, chaintest.Plain{Name: "URL", Value: []byte("false")}, nil)
	second, err := w.Judge(d)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []chain.Point{floor, w.State.Head().Point(), w.States[1].Head().Point()} {
		if err := second.CheckDescends(p); !errors.Is(err, &chain.Error{Class: chain.Rewind}) {
			t.Errorf("the second chain descends from %s: %v", p, err)
		}
	}
	d = w.Draft(w.Ana)
	w.Write(d, policy.Production, chaintest.Plain{Name: "URL", Value: []byte("false")}, nil)
	if _, err := w.Judge(d); !errors.Is(err, &chain.Error{Class: chain.Denied}) {
		t.Errorf("on the true chain the ex-founder writes: %v", err)
	}
}

// TestARemovalWinsTheRace is a member who writes while he is being removed: whichever
// change comes first decides, and the other one does not follow.
func TestARemovalWinsTheRace(t *testing.T) {
	w, ben, _ := story(t)
	late := w.Seal(w.Set(ben, policy.Staging, "LATE", "x"))
	w.Commit(w.Remove(w.Ana, ben))
	if _, err := chaintest.Apply(w.State, late); !errors.Is(err, &chain.Error{Class: chain.BadParent}) {
		t.Errorf("the change for the parent of the removal: %v", err)
	}
	again := w.Draft(ben)
	w.Write(again, policy.Staging, chaintest.Plain{Name: "LATE", Value: []byte("x")}, nil)
	if _, err := w.Judge(again); !errors.Is(err, &chain.Error{Class: chain.Denied}) {
		t.Errorf("the change made again on top of the removal: %v", err)
	}
}

func TestPointsHaveOneSpelling(t *testing.T) {
	p := chain.Point{Seq: 41, Sum: [32]byte{0xab}}
	text := p.String()
	if back, err := chain.ParsePoint(text); err != nil || back != p {
		t.Errorf("%v, %v", back, err)
	}
	for _, bad := range []string{"", ":", "41", "41:", "041:" + text[3:], "+41:" + text[3:], "0:" + text[3:], strings.ToUpper(text), text + "0", text[:len(text)-1], " " + text, text + "\n", "99999999999999999999:" + text[3:]} {
		if back, err := chain.ParsePoint(bad); err == nil {
			t.Errorf("%q is read as %v", bad, back)
		}
	}
}

func TestErrorsTellPeopleWhatToDo(t *testing.T) {
	w, _, cleo := story(t)
	_, err := w.Judge(w.Set(cleo, policy.Production, "X", "1"))
	var e *chain.Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	for _, want := range []string{fmt.Sprintf("change %d (", e.Seq), "denied", "cleo may not write secrets of production", "secrets/production/"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	if e.Seq != w.State.Head().Seq+1 || e.Rule != "write" || e.Hint() == "" {
		t.Errorf("%+v", e)
	}
	if errors.Is(err, &chain.Error{Class: chain.Tampered}) || !errors.Is(err, &chain.Error{Class: chain.Denied}) {
		t.Errorf("%v is of another class", err)
	}
}

// TestUncleanTextsNeverReachAnError puts terminal escapes where a host can put them.
func TestUncleanTextsNeverReachAnError(t *testing.T) {
	w, _, _ := story(t)
	evil := "secrets/\x1b[31m\u202e/x"
	d := w.Draft(w.Ana)
	d.Files[evil] = []byte("\x1b]0;x\x07")
	_, err := w.Judge(d)
	if err == nil || strings.ContainsAny(err.Error(), "\x1b\x07\u202e\n") {
		t.Errorf("%q", err)
	}
}

func FuzzApply(f *testing.F) {
	w, _, _ := story(f)
	n := len(w.Changes)
	parent, c := w.States[n-2], w.Changes[n-1]
	f.Add(c.Raw, c.Touched[0].Path, c.Touched[0].New.Data)
	f.Fuzz(func(t *testing.T, raw []byte, path string, data []byte) {
		touched := []chain.Touched{{Path: path, New: change.NewBlob(data)}}
		s, err := parent.Apply(change.CommitID(raw), raw, touched)
		same := bytes.Equal(raw, c.Raw) && path == c.Touched[0].Path && bytes.Equal(data, c.Touched[0].New.Data)
		if (err == nil) != same {
			t.Fatalf("%v, %v", s, err)
		}
		if _, err := chain.Found(raw, touched); err == nil {
			t.Fatal("founded")
		}
	})
}
