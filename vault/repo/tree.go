package repo

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
)

const (
	treeEntries = 1 << 16 // entries of one tree
	nameLimit   = 128     // bytes of one name
	depthLimit  = 8       // names of one path
)

// Entry is one name in a tree. There are only plain files and folders.
type Entry struct {
	Name string
	Dir  bool
	Hash Hash
}

// Trees is where trees are read from.
type Trees interface {
	// Tree reads a tree, strictly, as [Repo.Tree] does.
	Tree(h Hash) ([]Entry, error)
}

// inOrder compares entries as Git sorts them: a folder as if its name ended in
// a slash.
func inOrder(a, b Entry) int {
	n := min(len(a.Name), len(b.Name))
	if c := strings.Compare(a.Name[:n], b.Name[:n]); c != 0 {
		return c
	}
	return cmp.Compare(a.at(n), b.at(n))
}

// at is the byte at i in the name that Git sorts by, 0 behind its end.
func (e Entry) at(i int) byte {
	switch {
	case i < len(e.Name):
		return e.Name[i]
	case e.Dir:
		return '/'
	}
	return 0
}

// validName reports whether a vault may contain a file or folder of this
// name: [A-Za-z0-9@._-]+, short, and nothing that Git or a file system reads
// anything into.
func validName(name string) bool {
	if name == "" || len(name) > nameLimit || strings.Trim(name, ".") == "" {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '@' && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return len(name) < 4 || !strings.EqualFold(name[:4], ".git")
}

// parseTree reads the content of a tree object and takes only what
// formatTree writes.
func parseTree(data []byte) ([]Entry, error) {
	entries := make([]Entry, 0, len(data)/32)
	for len(data) > 0 {
		if len(entries) == treeEntries {
			return nil, tooLarge("a tree of more than %d entries", treeEntries)
		}
		var e Entry
		switch {
		case bytes.HasPrefix(data, []byte("100644 ")):
			data = data[7:]
		case bytes.HasPrefix(data, []byte("40000 ")):
			data, e.Dir = data[6:], true
		default:
			return nil, malformed("it has an entry that is neither a file (100644) nor a folder (40000)")
		}
		end := bytes.IndexByte(data, 0)
		if end < 0 || len(data) < end+1+len(e.Hash) {
			return nil, malformed("it is cut short")
		}
		e.Name = string(data[:end])
		copy(e.Hash[:], data[end+1:])
		data = data[end+1+len(e.Hash):]
		entries = append(entries, e)
	}
	return entries, checkEntries(entries)
}

// checkEntries checks names, order and that no name is there twice.
func checkEntries(entries []Entry) error {
	if len(entries) == 0 {
		return malformed("it is empty")
	}
	files := filesBeside(entries)
	for i, e := range entries {
		if !validName(e.Name) {
			return malformed("it has an entry named %.40q", e.Name)
		}
		if e.Hash.IsZero() {
			return malformed("its entry %q has no hash", e.Name)
		}
		if i > 0 && inOrder(entries[i-1], e) >= 0 {
			return malformed("its entry %q is not in order, or there twice", e.Name)
		}
		// A file "a" and a folder "a" need not be neighbours: "a.b" sorts between.
		if e.Dir && files[e.Name] {
			return malformed("its entry %q is there twice", e.Name)
		}
	}
	return nil
}

// filesBeside are the names of the files in a tree that has folders, too. The order
// alone rules out that two files, or two folders, have one name.
func filesBeside(entries []Entry) map[string]bool {
	if !slices.ContainsFunc(entries, func(e Entry) bool { return e.Dir }) {
		return nil
	}
	files := map[string]bool{}
	for _, e := range entries {
		if !e.Dir {
			files[e.Name] = true
		}
	}
	return files
}

// formatTree sorts entries and writes them as a tree object's content.
func formatTree(entries []Entry) ([]byte, error) {
	if len(entries) > treeEntries {
		return nil, tooLarge("a tree of %d entries", len(entries))
	}
	sorted := entries
	if !slices.IsSortedFunc(entries, inOrder) {
		sorted = slices.Clone(entries)
		slices.SortFunc(sorted, inOrder)
	}
	if err := checkEntries(sorted); err != nil {
		return nil, err
	}
	out := make([]byte, 0, 64*len(sorted))
	for _, e := range sorted {
		if e.Dir {
			out = append(out, "40000 "...)
		} else {
			out = append(out, "100644 "...)
		}
		out = append(append(out, e.Name...), 0)
		out = append(out, e.Hash[:]...)
	}
	return out, nil
}

// splitPath splits a path into its names and checks each.
func splitPath(path string) ([]string, error) {
	names := strings.Split(path, "/")
	if len(names) > depthLimit {
		return nil, tooLarge("the depth of %.80q", path)
	}
	for _, n := range names {
		if !validName(n) {
			return nil, malformed("a path %.80q", path)
		}
	}
	return names, nil
}
