package team

import (
	"slices"

	"github.com/secr/secr/policy"
)

// LookAlikes lists handles of members, removed ones too, that people could take
// for this one: worth a question before somebody is admitted under it.
func LookAlikes(p *policy.Policy, handle string) []string {
	var out []string
	looks := shape(handle)
	for other := range p.Handles() {
		if other != handle && alike(handle, looks, other) {
			out = append(out, other)
		}
	}
	slices.Sort(out)
	return out
}

func alike(handle, looks, other string) bool {
	x := shape(other)
	long := min(len(handle), len(other), len(looks), len(x)) > 3 // short names are often one letter apart
	return x == looks || long && (near(handle, other) || near(looks, x))
}

// shape is what is left of a handle without what the eye passes over: "bi11" has that of
// "bill", "rnax" that of "max", "a-na" that of "ana".
func shape(handle string) string {
	out := make([]byte, 0, policy.MaxName)
	for i := range len(handle) {
		c := letter(handle[i])
		if c == '-' {
			continue
		}
		out = append(out, c)
		if n := len(out) - 2; n >= 0 {
			if one := pair(out[n], out[n+1]); one != 0 {
				out = append(out[:n], one)
			}
		}
	}
	return string(out)
}

// letter is one of those that look like c.
func letter(c byte) byte {
	switch c {
	case '0':
		return 'o'
	case '1', 'i', 'j':
		return 'l'
	case '2':
		return 'z'
	case '5':
		return 's'
	case '6', '8':
		return 'b'
	case '9', 'q':
		return 'g'
	}
	return c
}

// pair is the letter that two look like side by side, 0 for none.
func pair(a, b byte) byte {
	switch {
	case b == 'n' && (a == 'r' || a == 'n'):
		return 'm'
	case a == 'v' && b == 'v':
		return 'w'
	case a == 'c' && b == 'l':
		return 'd'
	}
	return 0
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
