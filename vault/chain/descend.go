package chain

import (
	"fmt"
	"sort"
)

// CheckDescends says that p is the head of s or a change before it. Everybody who has
// seen a change, or was told of one (a pin, a floor, a lock, an invite), refuses a chain
// without it: the error is of class Rewind.
func (s *State) CheckDescends(p Point) error {
	head := s.Head()
	link, ok := s.Link(p.Seq)
	switch {
	case p.Seq == 0:
		return nil
	case !ok:
		return &Error{Class: Rewind, Seq: head.Seq, ID: head.ID, Rule: "descends",
			What: fmt.Sprintf("the chain ends at change %d, and change %d was seen before", head.Seq, p.Seq)}
	case link.Sum != p.Sum:
		return &Error{Class: Rewind, Seq: p.Seq, ID: link.ID, Rule: "descends",
			What: fmt.Sprintf("it is not the change %d that was seen before: the chain was replaced from here or earlier", p.Seq)}
	}
	return nil
}

// Common is the number of the last change that two chains have in common, 0 if none. Two
// heads of one vault that both have more than it are a fork.
func Common(a, b *State) uint64 {
	// Equal sums mean equal chains up to there, so that the place can be halved for: first
	// by pages, which need not be read for that.
	pages := min(len(a.log.pages), len(b.log.pages))
	same := sort.Search(pages, func(i int) bool { return a.log.pages[i].sum != b.log.pages[i].sum })
	low, high := uint64(same)*pageLinks, min(a.log.len(), b.log.len())
	if same < pages {
		high = low + pageLinks - 1
	}
	for low < high {
		middle := (low + high + 1) / 2
		if a.log.at(middle).Sum == b.log.at(middle).Sum {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return low
}
