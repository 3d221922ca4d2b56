package team

import (
	"strings"

	"github.com/secr/secr/policy"
)

// LookAlikes lists handles of members, removed ones too, that people could take
// for this one: worth a question before somebody is admitted under it.
func LookAlikes(p *policy.Policy, handle string) []string {
	var out []string
	shapes := shaper()
	for _, other := range p.Handles() {
		if other != handle && alike(shapes, other, handle) {
			out = append(out, other)
		}
	}
	return out
}

func alike(shapes *strings.Replacer, a, b string) bool {
	x, y := shapes.Replace(a), shapes.Replace(b)
	long := min(len(a), len(b), len(x), len(y)) > 3 // short names are often one letter apart
	return x == y || long && (near(a, b) || near(x, y))
}

// shaper makes of a handle what is left of it without what the eye passes over.
func shaper() *strings.Replacer {
	return strings.NewReplacer("0", "o", "1", "l", "i", "l", "5", "s", "rn", "m", "vv", "w", "-", "")
}

// near says whether one typing error makes one of the other: a letter more, less
// or changed, or two neighbours swapped.
func near(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(b) == len(a)+1 {
		return a[i:] == b[i+1:]
	}
	if len(a) != len(b) || i == len(a) {
		return false
	}
	swapped := i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
	return a[i+1:] == b[i+1:] || swapped
}
