package repo

import "bytes"

const (
	// mergeDepth is how many deltas we put on each other. Git takes chains of 50 over
	// as they are.
	mergeDepth = 48
	// A version lies on the one before it; each eighth on the eighth before it, each
	// 64th on the 64th, each 512th on the 512th. So a chain has seven deltas for each
	// power of eight, and a delta is seldom of more than a few changes.
	lineageBase   = 8
	lineageLevels = 4
	// lineageLimit bounds the bytes that are remembered, which a stranger may have sent.
	lineageLimit = 64 << 20
	// lineagesAlike is how many lineages may begin alike, such as the folders of
	// several environments.
	lineagesAlike = 8
)

// lineages are what the objects of a merge descend from: the trees of one folder, and the
// commits of one author. A change touches one line of each tree above it, and repeats
// much of its author's last commit; whole, they would be most of what a change takes.
type lineages struct {
	alike map[string][]*lineage
	bytes int
}

// lineage is the versions of one folder, or the commits of one author, that are in the
// new pack.
type lineage struct {
	count int
	marks [lineageLevels]version // the newest whose number has so many zeros at its end
}

type version struct {
	placed
	data []byte
}

// base is what the next version in the lineage of data becomes a delta of.
func (l *lineages) base(k kind, data []byte) (version, bool) {
	line := l.find(k, data)
	if line == nil {
		return version{}, false
	}
	for _, v := range line.marks[line.zeros():] {
		if v.depth < mergeDepth {
			return v, true
		}
	}
	return version{}, false
}

// add takes an object into its lineage, or begins one.
func (l *lineages) add(k kind, v version) {
	if k != kindTree && k != kindCommit {
		return
	}
	line := l.find(k, v.data)
	if k == kindCommit && v.depth > 0 {
		return // commits differ in their hashes, from the last one as from the first
	}
	if l.bytes += len(v.data); l.bytes > lineageLimit || l.alike == nil {
		l.alike, l.bytes, line = map[string][]*lineage{}, len(v.data), nil
	}
	if line == nil {
		line = new(lineage)
		key := beginning(k, v.data)
		all := l.alike[key]
		l.alike[key] = append(all[max(0, len(all)+1-lineagesAlike):], line)
	}
	for i := range line.zeros() + 1 {
		line.marks[i] = v
	}
	line.count++
}

// zeros is how many zeros the number of the next version ends in.
func (l *lineage) zeros() int {
	zeros := 0
	for n := l.count; n%lineageBase == 0 && zeros < lineageLevels-1; n /= lineageBase {
		zeros++
	}
	return zeros
}

// find is the lineage that an object belongs to; nil if it is the first of one.
func (l *lineages) find(k kind, data []byte) *lineage {
	if k != kindTree && k != kindCommit {
		return nil
	}
	all := l.alike[beginning(k, data)]
	for i := len(all) - 1; i >= 0; i-- {
		if k == kindCommit {
			return all[i]
		}
		if head, tail := commonEnds(all[i].marks[0].data, data); head+tail >= len(data)/2 {
			return all[i]
		}
	}
	return nil
}

// beginning is what all versions of a lineage have: of a tree its first name, of a
// commit its author.
func beginning(k kind, data []byte) string {
	if k == kindTree {
		name, _, _ := bytes.Cut(data, []byte{0})
		return string(name)
	}
	_, rest, _ := bytes.Cut(data, []byte("\nauthor "))
	author, _, _ := bytes.Cut(rest, []byte(">"))
	return "author " + string(author)
}
