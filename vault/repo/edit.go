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
	h, err := b.edit(tree, list, 0)
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

// edit applies edits, which agree on their first depth names, to one folder.
// It returns zero if nothing is left in it.
func (b *Batch) edit(tree Hash, edits []edit, depth int) (Hash, error) {
	entries := map[string]Entry{}
	if !tree.IsZero() {
		list, err := b.Objects().Tree(tree)
		if err != nil {
			return Hash{}, err
		}
		for _, e := range list {
			entries[e.Name] = e
		}
	}
	for len(edits) > 0 {
		name := edits[0].names[depth]
		n := 1
		for n < len(edits) && edits[n].names[depth] == name {
			n++
		}
		entry, err := b.editEntry(entries[name], edits[:n], depth)
		if err != nil {
			return Hash{}, err
		}
		if entry.Hash.IsZero() {
			delete(entries, name)
		} else {
			entries[name] = entry
		}
		edits = edits[n:]
	}
	if len(entries) == 0 {
		return Hash{}, nil
	}
	return b.Tree(slices.Collect(maps.Values(entries)))
}

// editEntry applies edits to one entry of a folder; a zero Entry is none.
func (b *Batch) editEntry(old Entry, edits []edit, depth int) (Entry, error) {
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
	h, err := b.edit(old.Hash, edits, depth+1)
	return Entry{Name: name, Dir: true, Hash: h}, err
}
