package repo

import (
	"cmp"
	"slices"
)

// Touched is one file that two trees do not have in common.
type Touched struct {
	Path     string
	Old, New Hash // zero if there is none
}

// Diff lists the files in which two trees differ, sorted by path bytewise.
// It reads only subtrees that differ. A zero hash stands for no tree at all.
// It fails with ErrTooLarge when there are more than limit files, or when
// folders lie too deep.
func Diff(src Trees, old, new Hash, limit int) ([]Touched, error) {
	d := differ{src: src, limit: limit}
	if err := d.trees("", old, new, 1); err != nil {
		return nil, err
	}
	slices.SortFunc(d.touched, func(a, b Touched) int { return cmp.Compare(a.Path, b.Path) })
	return d.touched, nil
}

type differ struct {
	src     Trees
	limit   int
	touched []Touched
}

// trees compares two trees. Every tree has an entry, and a file at the end
// of it, so that the limit on files bounds the trees that are read, too.
func (d *differ) trees(prefix string, old, new Hash, depth int) error {
	if old == new {
		return nil
	}
	if depth > depthLimit {
		return tooLarge("the depth of %.80q", prefix)
	}
	a, err := d.entries(old)
	if err != nil {
		return err
	}
	b, err := d.entries(new)
	if err != nil {
		return err
	}
	for len(a) > 0 || len(b) > 0 {
		var from, to Entry
		switch order := compareFirst(a, b); {
		case order < 0:
			from, a = a[0], a[1:]
		case order > 0:
			to, b = b[0], b[1:]
		default:
			from, to, a, b = a[0], b[0], a[1:], b[1:]
		}
		if err := d.entry(prefix, from, to, depth); err != nil {
			return err
		}
	}
	return nil
}

// entries reads a tree and sorts it by name, so that a file and a folder of
// one name meet.
func (d *differ) entries(h Hash) ([]Entry, error) {
	if h.IsZero() {
		return nil, nil
	}
	entries, err := d.src.Tree(h)
	if err != nil {
		return nil, err
	}
	entries = slices.Clone(entries)
	slices.SortFunc(entries, func(a, b Entry) int { return cmp.Compare(a.Name, b.Name) })
	return entries, nil
}

func compareFirst(a, b []Entry) int {
	switch {
	case len(a) == 0:
		return 1
	case len(b) == 0:
		return -1
	}
	return cmp.Compare(a[0].Name, b[0].Name)
}

// entry compares what two trees have under one name; a zero Entry is nothing.
func (d *differ) entry(prefix string, from, to Entry, depth int) error {
	if from == to {
		return nil
	}
	path := prefix + max(from.Name, to.Name)
	file, folder := [2]Hash{}, [2]Hash{}
	for i, e := range [2]Entry{from, to} {
		if e.Dir {
			folder[i] = e.Hash
		} else {
			file[i] = e.Hash
		}
	}
	if file[0] != file[1] {
		if len(d.touched) == d.limit {
			return tooLarge("a difference of more than %d files", d.limit)
		}
		d.touched = append(d.touched, Touched{Path: path, Old: file[0], New: file[1]})
	}
	return d.trees(path+"/", folder[0], folder[1], depth+1)
}
