package chain_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/chain/chaintest"
)

// parsers are the rules that are whole parsers: a change without them is no change that
// the others could ask about, so that nothing is accepted when they are taken out. Their
// own packages test them case by case.
func parsers() map[string]string {
	return map[string]string{
		"grammar":  "vault/change: a commit that does not parse has no author, seq or files",
		"founding": "policy: without vault.json there is no key to verify by",
		"record":   "vault/record: a record that does not parse has no header",
	}
}

// TestEveryRuleIsNeeded takes out one rule at a time: then at least one attack of the
// tables must be accepted. A rule that no attack needs is either idle or untested.
func TestEveryRuleIsNeeded(t *testing.T) {
	s := newScene(t)
	accepted := map[string][]string{} // attacks by rule
	try := func(rule, name string, parent *chain.State, c chaintest.Signed) {
		next, err := chain.ApplyWithout(rule, parent, chain.Prepare(c.ID, c.Raw, c.Touched))
		if err == nil && next != nil {
			accepted[rule] = append(accepted[rule], name)
		}
	}
	table := attacks()
	for _, name := range slices.Sorted(maps.Keys(table)) {
		parent, c := table[name].signed(s)
		try(table[name].rule, name, parent, c)
	}
	founding := foundingAttacks()
	w := chaintest.Unfounded(t)
	first := w.FoundingDraft(w.FoundingPolicy())
	for _, name := range slices.Sorted(maps.Keys(founding)) {
		d := copyOf(first)
		founding[name].spoil(w, d)
		try(founding[name].rule, name, nil, w.Seal(d))
	}
	for _, rule := range chain.RuleNames() {
		_, parser := parsers()[rule]
		if parser != (len(accepted[rule]) == 0) {
			t.Errorf("rule %q taken out: accepted %q", rule, accepted[rule])
		}
	}
}
