package chain_test

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/chain/chaintest"
)

// attacks is the whole table but for those on a founding change.
func attacks() map[string]attack {
	out := map[string]attack{}
	for _, table := range []map[string]attack{authorAttacks(), contentAttacks(), rightAttacks(), recordAttacks(), policyAttacks(), keyAttacks()} {
		for name, a := range table {
			if _, twice := out[name]; twice {
				panic("two attacks are called " + name)
			}
			out[name] = a
		}
	}
	return out
}

// signed is an attack as a remote would serve it, and the state that it is for.
func (a attack) signed(s *scene) (*chain.State, chaintest.Signed) {
	d := a.draft(s)
	c := s.Seal(d)
	c.Touched = slices.Clone(c.Touched)
	if a.spoil != nil {
		a.spoil(s, &c)
	}
	return d.Parent, c
}

func TestAttacksAreRefused(t *testing.T) {
	s := newScene(t)
	table := attacks()
	for _, name := range slices.Sorted(maps.Keys(table)) {
		a := table[name]
		t.Run(name, func(t *testing.T) {
			parent, c := a.signed(s)
			next, err := chaintest.Apply(parent, c)
			var e *chain.Error
			if next != nil || !errors.As(err, &e) {
				t.Fatalf("accepted: %v, %v", next, err)
			}
			if e.Rule != a.rule || e.Class != a.class {
				t.Errorf("refused by %s as %s, want %s as %s: %v", e.Rule, e.Class, a.rule, a.class, err)
			}
		})
	}
}
