package repo

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Edit builds the tree that another becomes when the files at some paths are
// set to blobs or, by a zero hash, removed. It reads and writes only the
// folders on the way to those paths; a folder that loses its last file is
// gone. A zero tree is an empty one. To remove a file that isn't there, to put
// a file where a folder is or the reverse, and to end with no file at all are
// errors.
func (b *Batch) Edit(tree Hash, edits map[string]Hash) (Hash, error) {
	return b.EditOf(b.Objects(), tree, edits)
}

// EditOf is Edit of a tree that is known without reading the repository: from
// has it and all folders in it.
func (b *Batch) EditOf(from Trees, tree Hash, edits map[string]Hash) (Hash, error) {
	paths := slices.Sorted(maps.Keys(edits))
	list := make([]edit, len(paths))
	for i, p := range paths {
		names, err := splitPath(p)
		if err != nil {
			return Hash{}, fmt.Errorf("edit a tree: %w", err)
		}
		list[i] = edit{names: names, hash: edits[p]}
	}
	if len(list) == 0 {
		return tree, nil
	}
	h, err := editor{b, from}.edit(tree, list, 0)
	if err != nil {
		return Hash{}, fmt.Errorf("edit a tree: %w", err)
	}
	if h.IsZero() {
		return Hash{}, fmt.Errorf("edit a tree: %w", malformed("a tree without files"))
	}
	return h, nil
}

type edit struct {
	names []string
	hash  Hash
}

func (e edit) path(depth int) string { return strings.Join(e.names[:depth+1], "/") }

// editor applies edits to trees that come from somewhere, and writes to a batch.
type editor struct {
	to   *Batch
	from Trees
}

// edit applies edits, which agree on their first depth names, to one folder.
// It returns zero if nothing is left in it.
func (e editor) edit(tree Hash, edits []edit, depth int) (Hash, error) {
	var was []Entry
	if !tree.IsZero() {
		var err error
		if was, err = e.from.Tree(tree); err != nil {
			return Hash{}, err
		}
	}
	made := slices.Clone(was)
	for len(edits) > 0 {
		name := edits[0].names[depth]
		n := 1
		for n < len(edits) && edits[n].names[depth] == name {
			n++
		}
		i := search(was, name)
		old := Entry{}
		if i >= 0 {
			old = was[i]
		}
		entry, err := e.editEntry(old, edits[:n], depth)
		switch {
		case err != nil:
			return Hash{}, err
		case i >= 0:
			made[i] = entry
		default:
			made = append(made, entry)
		}
		edits = edits[n:]
	}
	made = slices.DeleteFunc(made, func(e Entry) bool { return e.Hash.IsZero() })
	if len(made) == 0 {
		return Hash{}, nil
	}
	return e.to.Tree(made)
}

// search finds an entry by name in a tree, as a file or as a folder; -1 is none.
func search(tree []Entry, name string) int {
	for _, e := range [...]Entry{{Name: name}, {Name: name, Dir: true}} {
		if i, ok := slices.BinarySearchFunc(tree, e, inOrder); ok {
			return i
		}
	}
	return -1
}

// editEntry applies edits to one entry of a folder; a zero Entry is none.
func (e editor) editEntry(old Entry, edits []edit, depth int) (Entry, error) {
	first := edits[0]
	name := first.names[depth]
	leaf := len(first.names) == depth+1
	switch {
	case leaf && len(edits) > 1:
		return Entry{}, malformed("%q is a file and a folder", first.path(depth))
	case leaf && old.Dir:
		return Entry{}, malformed("%q is a folder", first.path(depth))
	case leaf && first.hash.IsZero() && old.Hash.IsZero():
		return Entry{}, malformed("%q is removed and was not there", first.path(depth))
	case leaf:
		return Entry{Name: name, Hash: first.hash}, nil
	case !old.Dir && !old.Hash.IsZero():
		return Entry{}, malformed("%q is a file", first.path(depth))
	}
	h, err := e.edit(old.Hash, edits, depth+1)
	return Entry{Name: name, Dir: true, Hash: h}, err
}
