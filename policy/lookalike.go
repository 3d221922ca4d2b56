package policy

import (
	"slices"
	"strings"
)

// LookAlikes lists the handles of members that people could take for this one, the
// handle itself left out: "bi11" and "bill", "rnax" and "max",
// "a-na" and "ana". It is for warnings where a handle is typed, not part of the format.
func (p *Policy) LookAlikes(handle string) []string {
	shape := silhouette(handle)
	var out []string
	for _, other := range p.Handles() {
		if other != handle && silhouette(other) == shape {
			out = append(out, other)
		}
	}
	return out
}

// Handles lists the handles of all members, retired ones too, by name. No member's file
// is read for it.
func (p *Policy) Handles() []string {
	out := make([]string, 0, p.members.count)
	for _, m := range p.members.all {
		out = append(out, m.brief.handle)
	}
	slices.Sort(out)
	return out
}

// silhouette maps a handle to one spelling for all that look like it.
func silhouette(handle string) string {
	letters := strings.NewReplacer(
		"-", "", "0", "o", "1", "l", "i", "l", "j", "l", "5", "s", "2", "z", "8", "b", "6", "b", "9", "g", "q", "g",
	)
	pairs := strings.NewReplacer("rn", "m", "nn", "m", "vv", "w", "cl", "d")
	return pairs.Replace(letters.Replace(handle))
}
