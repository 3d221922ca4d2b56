package chain

import (
	"slices"
	"strings"
)

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

// Swollen is s with a folder of which some folder below says to hold so much more than it
// does.
func Swollen(s *State, folder string, files int, bytes int64) *State {
	var swell func(d *dir, path string) *dir
	swell = func(d *dir, path string) *dir {
		name, rest, _ := strings.Cut(path, "/")
		made := &dir{id: d.id, list: slices.Clone(d.entries()), size: d.size}
		made.size.files += files
		made.size.bytes += bytes
		for i, e := range made.list {
			if e.dir != nil && (e.name == name || path == "") {
				made.list[i].dir = swell(e.dir, rest)
				break
			}
		}
		return made
	}
	made := *s
	made.root = swell(s.root, folder)
	return &made
}
