package chaintest

import (
	"crypto/sha1"
	"fmt"
	"slices"
	"strings"

	"github.com/secr/secr/vault/change"
)

// tree is a folder as git sees it, worked out apart from package chain so that tests
// compare two ways of doing it. It is copied where it is edited.
type tree struct {
	id    [20]byte
	files map[string][20]byte // git ids of blobs
	dirs  map[string]*tree
}

// put is the tree with a blob at a path, or, with a nil id, without the file there. It is
// nil when it would be empty.
func (t *tree) put(path string, id *[20]byte) *tree {
	made := &tree{files: map[string][20]byte{}, dirs: map[string]*tree{}}
	if t != nil {
		for name, f := range t.files {
			made.files[name] = f
		}
		for name, d := range t.dirs {
			made.dirs[name] = d
		}
	}
	name, rest, deeper := strings.Cut(path, "/")
	switch {
	case deeper:
		made.dirs[name] = made.dirs[name].put(rest, id)
		if made.dirs[name] == nil {
			delete(made.dirs, name)
		}
	case id == nil:
		delete(made.files, name)
	default:
		made.files[name] = *id
	}
	if len(made.files)+len(made.dirs) == 0 {
		return nil
	}
	made.id = treeID(made.lines(nil))
	return made
}

// lines are the entries of a tree as git writes them, by the key that git sorts by.
func (t *tree) lines(extra map[string]string) map[string]string {
	out := map[string]string{}
	for name, id := range t.files {
		out[name] = "100644 " + name + "\x00" + string(id[:])
	}
	for name, d := range t.dirs {
		out[name+"/"] = "40000 " + name + "\x00" + string(d.id[:])
	}
	for key, line := range extra {
		out[key] = line
	}
	return out
}

func treeID(lines map[string]string) [20]byte {
	keys := make([]string, 0, len(lines))
	for k := range lines {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	body := ""
	if len(keys) > 0 {
		var b strings.Builder
		for _, k := range keys {
			b.WriteString(lines[k])
		}
		body = b.String()
	}
	return sha1.Sum([]byte(fmt.Sprintf("tree %d\x00%s", len(body), body)))
}

// An Extra is an entry that a tree of a vault can't have, put into its root.
type Extra struct {
	Mode string // as git writes it: 120000 is a link, 160000 a submodule, 100755 executable
	Name string
	Data []byte // content of the blob
}

// withExtra is the id of a tree with one more entry in its root.
func (t *tree) withExtra(e Extra) [20]byte {
	id := change.BlobID(e.Data)
	return treeID(t.lines(map[string]string{e.Name: e.Mode + " " + e.Name + "\x00" + string(id[:])}))
}
