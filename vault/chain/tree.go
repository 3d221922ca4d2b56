package chain

import (
	"cmp"
	"crypto/sha1"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// dir is a folder of the vault. It is never changed after it was made: a new state
// shares every folder that its change did not touch. A dir knows its git id, so that the
// tree a commit names is computed from what was verified, and never looked up.
type dir struct {
	id   [20]byte
	size size
	list []entry // in git's order; of a folder out of a cache once it was asked for
	raw  []byte  // that list as the cache has it; nil for any other folder
	once sync.Once
}

// entries are the folder's, in git's order.
func (d *dir) entries() []entry {
	if d.raw != nil {
		d.once.Do(func() { d.list = unpack(d.raw) })
	}
	return d.list
}

// size is how much there is at and under a folder.
type size struct {
	files int
	bytes int64
}

func (s *size) add(more size) {
	s.files += more.files
	s.bytes += more.bytes
}

// entry is a folder or a file; the other is nil.
type entry struct {
	name string
	dir  *dir
	file *file
}

// file is what the chain keeps of a file.
type file struct {
	id     [20]byte
	sum    [32]byte
	size   int64
	secret secret // of files under secrets/, otherwise zero
}

// secret is what the chain keeps of a record's header.
type secret struct {
	epoch, version, seq, since uint64
	deleted                    bool
}

// edit puts a file at a path, or deletes what is there.
type edit struct {
	path string
	file *file // nil to delete
}

// compareEntries is git's order: a folder sorts as if its name ended in a slash.
func compareEntries(a, b entry) int { return compareNames(a.name, a.dir != nil, b.name, b.dir != nil) }

func compareNames[N string | []byte](a N, aDir bool, b N, bDir bool) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return cmp.Compare(a[i], b[i])
		}
	}
	return cmp.Compare(byteAt(a, aDir, n), byteAt(b, bDir, n))
}

func byteAt[N string | []byte](name N, dir bool, i int) byte {
	switch {
	case i < len(name):
		return name[i]
	case dir:
		return '/'
	}
	return 0
}

// child finds an entry by name, folder or file.
func (d *dir) child(name string) (entry, bool) {
	if d == nil {
		return entry{}, false
	}
	entries := d.entries()
	i, ok := search(entries, name)
	if !ok {
		return entry{}, false
	}
	return entries[i], true
}

// file finds a file by its path.
func (d *dir) file(path string) *file {
	name, rest, deeper := strings.Cut(path, "/")
	e, ok := d.child(name)
	switch {
	case !ok:
		return nil
	case deeper:
		return e.dir.file(rest)
	}
	return e.file
}

// dir finds a folder by its path; nil when there is none.
func (d *dir) dir(path string) *dir {
	for path != "" && d != nil {
		name, rest, _ := strings.Cut(path, "/")
		e, _ := d.child(name)
		d, path = e.dir, rest
	}
	return d
}

// with makes the folder that edits leave of d. They are sorted by path, no path comes
// twice, and none is a folder of another. The result is nil when nothing is left.
func (d *dir) with(edits []edit) *dir {
	if d == nil {
		d = &dir{}
	}
	was := d.entries()
	made, order := slices.Clone(was), true
	for len(edits) > 0 {
		name, _, deeper := strings.Cut(edits[0].path, "/")
		n, e := 1, entry{name: name, file: edits[0].file}
		if deeper {
			n = countUnder(edits, name+"/")
			below, _ := d.child(name)
			e = entry{name: name, dir: below.dir.with(strip(edits[:n], len(name)+1))}
		}
		edits = edits[n:]
		if i, found := search(was, name); found {
			order = order && !e.empty() && (made[i].dir == nil) == (e.dir == nil)
			made[i] = e
		} else if !e.empty() {
			made, order = append(made, e), false
		}
	}
	if !order {
		made = slices.DeleteFunc(made, entry.empty)
		slices.SortFunc(made, compareEntries)
	}
	if len(made) == 0 {
		return nil
	}
	return newDir(made)
}

func newDir(entries []entry) *dir {
	d := &dir{id: treeID(entries), list: entries}
	for _, e := range entries {
		if e.dir != nil {
			d.size.add(e.dir.size)
		} else {
			d.size.add(size{files: 1, bytes: e.file.size})
		}
	}
	return d
}

// sizeOf is how much there is at and under a folder, by its path.
func (d *dir) sizeOf(path string) size {
	if d = d.dir(path); d == nil {
		return size{}
	}
	return d.size
}

// search finds a name among entries, folder or file.
func search(entries []entry, name string) (int, bool) {
	for _, dir := range [...]bool{false, true} {
		i, ok := slices.BinarySearchFunc(entries, name, func(e entry, name string) int {
			return compareNames(e.name, e.dir != nil, name, dir)
		})
		if ok {
			return i, true
		}
	}
	return 0, false
}

func (e entry) empty() bool { return e.dir == nil && e.file == nil }

func countUnder(edits []edit, prefix string) int {
	n := 0
	for n < len(edits) && strings.HasPrefix(edits[n].path, prefix) {
		n++
	}
	return n
}

func strip(edits []edit, n int) []edit {
	below := make([]edit, len(edits))
	for i, e := range edits {
		below[i] = edit{path: e.path[n:], file: e.file}
	}
	return below
}

// treeID is the git id of a tree whose files have mode 100644 and whose folders have
// mode 40000, the only ones there are.
func treeID(entries []entry) [20]byte {
	const fileMode, dirMode = "100644 ", "40000 "
	size := 0
	for _, e := range entries {
		size += len(fileMode) + len(e.name) + 1 + sha1.Size
		if e.dir != nil {
			size += len(dirMode) - len(fileMode)
		}
	}
	b := make([]byte, 0, size+len("tree 1234567890")+1)
	b = append(strconv.AppendInt(append(b, "tree "...), int64(size), 10), 0)
	for _, e := range entries {
		mode, id := fileMode, [20]byte{}
		if e.dir != nil {
			mode, id = dirMode, e.dir.id
		} else {
			id = e.file.id
		}
		b = append(append(append(b, mode...), e.name...), 0)
		b = append(b, id[:]...)
	}
	return sha1.Sum(b)
}

// walk calls yield for every file under d in the order of the tree, until it returns
// false.
func (d *dir) walk(prefix string, yield func(path string, f *file) bool) bool {
	if d == nil {
		return true
	}
	for _, e := range d.entries() {
		path := prefix + e.name
		if e.file != nil {
			if !yield(path, e.file) {
				return false
			}
		} else if !e.dir.walk(path+"/", yield) {
			return false
		}
	}
	return true
}
