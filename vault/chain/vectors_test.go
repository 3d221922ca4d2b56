package chain_test

import (
	"bytes"
	"errors"
	"flag"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/chain/chaintest"
	"github.com/secr/secr/vault/change"
)

const vectors = "../../docs/spec/vectors/chain"

// writeVectors publishes the vectors of the chain. They have one base with keys that are
// then forgotten, so that all of them are written at once.
var writeVectors = flag.Bool("write-vectors", false, "publish docs/spec/vectors/chain, which must not be there")

// honest are valid changes after the scene.
func honest() map[string]func(*scene) *chaintest.Draft {
	dev := policy.Development
	return map[string]func(*scene) *chaintest.Draft{
		"a checkpoint":                       func(s *scene) *chaintest.Draft { return s.Draft(s.ben) },
		"a first value":                      func(s *scene) *chaintest.Draft { return s.Set(s.ben, dev, "FIRST", "1") },
		"another value":                      func(s *scene) *chaintest.Draft { return s.Set(s.ben, dev, "KEY", "4") },
		"another label":                      func(s *scene) *chaintest.Draft { return s.Relabel(s.ben, dev, "KEY", "from the dashboard") },
		"a deletion":                         func(s *scene) *chaintest.Draft { return s.Delete(s.ben, dev, "KEY") },
		"a value where there is a tombstone": func(s *scene) *chaintest.Draft { return s.Set(s.ben, dev, "GONE", "2") },
		"an empty value":                     func(s *scene) *chaintest.Draft { return s.Set(s.ben, dev, "KEY", "") },
		"secrets of two environments": func(s *scene) *chaintest.Draft {
			d := s.Set(s.ben, policy.Staging, "A", "1")
			s.Write(d, dev, chaintest.Plain{Name: "B", Value: []byte("2")}, nil)
			return d
		},
		"time long ago":    func(s *scene) *chaintest.Draft { d := s.Draft(s.Ana); d.Time = 1; return d },
		"time far ahead":   func(s *scene) *chaintest.Draft { d := s.Draft(s.Ana); d.Time = change.MaxTime; return d },
		"a rotation":       func(s *scene) *chaintest.Draft { return s.Rotate(s.Ana, dev) },
		"an admission":     edit(ana, admitMal, nil),
		"a second device":  edit(ana, func(s *scene, p *policy.Policy) { secondDevice(s, p) }, nil),
		"a removal":        edit(ana, removeBen, nil),
		"a grant widened":  edit(ana, role(policy.Viewer, func(r *policy.Role) { r.Grants[policy.Staging] = policy.Read }), nil),
		"a grant narrowed": edit(ana, role(policy.Viewer, func(r *policy.Role) { r.Grants[dev] = policy.List }), nil),
		"a role retired":   edit(ana, role(policy.Viewer, func(r *policy.Role) { r.Retired = true }), nil),
		"a new environment": edit(ana, func(_ *scene, p *policy.Policy) {
			p.PutEnvironment(policy.NewEnvironment("qa"))
			p.PutRole(policy.Role{Name: "tester", Grants: map[string]policy.Level{"qa": policy.Write}})
		}, nil),
		"an overdue key turned":        func(s *scene) *chaintest.Draft { return s.Rotate(s.Ana, overdue) },
		"a key that becomes due":       edit(ana, environment(guarded, func(e *policy.Environment) { e.Due = true }), nil),
		"a cloud key needed no longer": edit(ana, environment(guarded, func(e *policy.Environment) { e.RequireKMS = []string{} }), nil),
		"the format raised":            edit(ana, func(_ *scene, p *policy.Policy) { p.PutFormat(2) }, nil),
	}
}

func secondDevice(s *scene, p *policy.Policy) {
	m, _ := p.MemberByHandle("ben")
	m.Devices = append(m.Devices, s.mal.Device)
	p.PutMember(m)
}

func TestHonestChangesAreValid(t *testing.T) {
	s := newScene(t)
	table := honest()
	for _, name := range slices.Sorted(maps.Keys(table)) {
		t.Run(name, func(t *testing.T) {
			d := table[name](s)
			if _, err := s.Judge(d); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestWriteVectors publishes every case of the tables that stands on the scene.
func TestWriteVectors(t *testing.T) {
	if !*writeVectors {
		t.Skip("only with -write-vectors")
	}
	s := newScene(t)
	blobs := chaintest.Blobs{}
	var base []chaintest.VectorChange
	for _, c := range s.Changes {
		base = append(base, blobs.Vector(c))
	}
	write := func(title string, v chaintest.Vector) {
		v.Note = title
		chaintest.WriteJSON(t, filepath.Join(vectors, chaintest.FileName(title)), v)
	}
	for _, name := range slices.Sorted(maps.Keys(honest())) {
		c := blobs.Vector(s.Seal(honest()[name](s)))
		write("ok: "+name, chaintest.Vector{Op: "chain.apply", Class: string(chain.OK), Base: len(base), Change: &c})
	}
	newer := s.Seal(edit(ana, func(_ *scene, p *policy.Policy) { p.PutFormat(2) }, nil)(s))
	after, err := chaintest.Apply(s.State, newer)
	if err != nil {
		t.Fatal(err)
	}
	d := s.Draft(s.Ana)
	d.Parent = after
	later := blobs.Vector(s.Seal(d))
	write("newer-format: any change of a newer format", chaintest.Vector{
		Op: "chain.apply", Class: string(chain.NewerFormat), Rule: "format", Base: len(base),
		Onto: []chaintest.VectorChange{blobs.Vector(newer)}, Change: &later,
	})
	table := attacks()
	for _, name := range slices.Sorted(maps.Keys(table)) {
		a := table[name]
		if a.rule == "limits" || a.rule == "format" || strings.HasPrefix(name, "path ") { // they stand on other states
			continue
		}
		_, signed := a.signed(s)
		c := blobs.Vector(signed)
		write(string(a.class)+": "+name, chaintest.Vector{Op: "chain.apply", Class: string(a.class), Rule: a.rule, Base: len(base), Change: &c})
	}
	writeFounding(write, blobs, t)
	writeDescent(write, s)
	chaintest.WriteJSON(t, filepath.Join(vectors, "base.json"), base)
	chaintest.WriteJSON(t, filepath.Join(vectors, "blobs.json"), blobs)
}

// writeFounding publishes the attacks on a founding change, all of one vault.
func writeFounding(write func(string, chaintest.Vector), blobs chaintest.Blobs, t *testing.T) {
	w := chaintest.Unfounded(t)
	first := w.FoundingDraft(w.FoundingPolicy())
	table := foundingAttacks()
	for _, name := range slices.Sorted(maps.Keys(table)) {
		a := table[name]
		d := copyOf(first)
		a.spoil(w, d)
		c := blobs.Vector(w.Seal(d))
		write("founding, "+string(a.class)+": "+name, chaintest.Vector{Op: "chain.found", Class: string(a.class), Rule: a.rule, Change: &c})
	}
}

func writeDescent(write func(string, chaintest.Vector), s *scene) {
	point := func(title string, class chain.Class, head int, p chain.Point) {
		write(string(class)+": "+title, chaintest.Vector{Op: "chain.descends", Class: string(class), Base: head, In: map[string]string{"point": p.String()}})
	}
	n := len(s.Changes)
	at := func(i int) chain.Point { return s.States[i-1].Head().Point() }
	point("descends from its own head", chain.OK, n, at(n))
	point("descends from an earlier change", chain.OK, n, at(3))
	point("a chain that ends before what was seen", chain.Rewind, n-1, at(n))
	wrong := at(n)
	wrong.Sum[0] ^= 1
	point("another change of that number", chain.Rewind, n, wrong)
}

// TestVectors judges every published case, and everything that it stands on.
func TestVectors(t *testing.T) {
	var blobs chaintest.Blobs
	chaintest.ReadJSON(t, filepath.Join(vectors, "blobs.json"), &blobs)
	var base []chaintest.VectorChange
	chaintest.ReadJSON(t, filepath.Join(vectors, "base.json"), &base)
	states := []*chain.State{nil}
	for i, v := range base {
		s, err := chaintest.Apply(states[i], blobs.Signed(t, v))
		if err != nil {
			t.Fatalf("base, change %d: %v", i+1, err)
		}
		states = append(states, s)
	}
	classes := map[string]int{}
	chaintest.ReadVectors(t, vectors, func(t *testing.T, _ string, v chaintest.Vector) {
		classes[v.Class]++
		s := states[v.Base]
		for _, c := range v.Onto {
			next, err := chaintest.Apply(s, blobs.Signed(t, c))
			if err != nil {
				t.Fatal(err)
			}
			s = next
		}
		var err error
		if v.Op == "chain.descends" {
			p, bad := chain.ParsePoint(v.In["point"])
			if bad != nil {
				t.Fatal(bad)
			}
			err = s.CheckDescends(p)
		} else {
			_, err = chaintest.Apply(s, blobs.Signed(t, *v.Change))
		}
		class, rule := verdict(err)
		if string(class) != v.Class || v.Rule != "" && rule != v.Rule {
			t.Errorf("%s by %q, want %s by %q: %v", class, rule, v.Class, v.Rule, err)
		}
	})
	for _, class := range []chain.Class{chain.OK, chain.Malformed, chain.BadParent, chain.BadSignature, chain.Denied, chain.Incomplete, chain.Tampered, chain.Rewind, chain.NewerFormat} {
		if classes[string(class)] == 0 {
			t.Errorf("no vector of class %s", class)
		}
	}
}

func verdict(err error) (chain.Class, string) {
	var e *chain.Error
	switch {
	case err == nil:
		return chain.OK, ""
	case errors.As(err, &e):
		return e.Class, e.Rule
	}
	return "no verdict", ""
}

// TestEveryChangedByteOfTheVectorsIsRefused flips bits in the commits of the base.
func TestEveryChangedByteOfTheVectorsIsRefused(t *testing.T) {
	var blobs chaintest.Blobs
	chaintest.ReadJSON(t, filepath.Join(vectors, "blobs.json"), &blobs)
	var base []chaintest.VectorChange
	chaintest.ReadJSON(t, filepath.Join(vectors, "base.json"), &base)
	var s *chain.State
	for i, v := range base {
		c := blobs.Signed(t, v)
		if len(c.Touched) < 6 { // the others are slow to hash a thousand times
			for at := range c.Raw {
				raw := bytes.Clone(c.Raw)
				raw[at] ^= 1 << (at % 8)
				if _, err := chaintest.Apply(s, chaintest.Signed{ID: change.CommitID(raw), Raw: raw, Touched: c.Touched}); err == nil {
					t.Fatalf("change %d: byte %d", i+1, at)
				}
			}
		}
		next, err := chaintest.Apply(s, c)
		if err != nil {
			t.Fatal(err)
		}
		s = next
	}
}

// TestThePageNamesEveryRule holds the specification to the tables.
func TestThePageNamesEveryRule(t *testing.T) {
	page := string(readFile(t, "../../docs/spec/chain.md"))
	for _, name := range chain.RuleNames() {
		if !strings.Contains(page, "| `"+name+"` |") {
			t.Errorf("docs/spec/chain.md does not tell the rule %s", name)
		}
	}
}
