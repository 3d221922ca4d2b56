package chain

import "slices"

// What follows lets tests take single rules out, which nothing else can.

// RuleNames are the names of all rules.
func RuleNames() []string {
	var names []string
	for _, r := range slices.Concat(rules(), foundingRules()) {
		if r.name != "" && !slices.Contains(names, r.name) {
			names = append(names, r.name)
		}
	}
	return names
}

// ApplyWithout judges a change after s, nil for the founding one, by all rules but one.
func ApplyWithout(name string, s *State, p *Prepared) (*State, error) {
	drop := func(table []rule) []rule {
		return slices.DeleteFunc(table, func(r rule) bool { return r.name == name })
	}
	if s == nil {
		return (&State{log: &chainLog{}}).judge(p, drop(foundingRules()))
	}
	return s.judge(p, drop(rules()))
}

// WithSize is s with an environment that says to hold so much.
func WithSize(s *State, environment string, secrets int, bytes int64) *State {
	made := *s
	made.sizes = cloned(s.sizes)
	made.sizes[environment] = size{secrets, bytes}
	return &made
}
