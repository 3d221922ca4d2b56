package replica_test

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/sync/replica"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/chain/chaintest"
	"github.com/secr/secr/vault/change"
	"github.com/secr/secr/vault/repo"
)

// world is a vault whose host is ours to spoil: ana founded it, ben develops, cleo views,
// and every key there is, is in w. What is served is written object by object.
type world struct {
	*lab
	w         *chaintest.World
	ben, cleo *chaintest.Actor
	kept      map[repo.Hash]string // what the host's objects say
}

func newWorld(t testing.TB) *world {
	t.Helper()
	h := &world{lab: newLab(t), w: chaintest.New(t), kept: map[repo.Hash]string{}}
	h.ben, h.cleo = h.w.Admit("ben", policy.Developer), h.w.Admit("cleo", policy.Viewer)
	h.w.Commit(h.w.Set(h.w.Ana, policy.Development, "A", "a1"))
	h.w.Commit(h.w.Set(h.w.Ana, policy.Development, "B", "b1"))
	h.w.Commit(h.w.Set(h.w.Ana, policy.Development, "A", "a2"))
	h.serveAll()
	return h
}

// machineOf is a machine with an actor's seed.
func (h *world) machineOf(a *chaintest.Actor) *machine {
	m := h.machine()
	m.seed = a.Seed
	return m
}

// serveAll puts the whole honest chain on the host.
func (h *world) serveAll() {
	h.t.Helper()
	parent := repo.Hash{}
	for i := range h.w.Changes {
		parent = h.write(h.w.Changes[i], parent, nil)
	}
	h.point(parent)
}

// point moves the host's branch, to anything.
func (h *world) point(id repo.Hash) {
	h.t.Helper()
	path := filepath.Join(h.dir, filepath.FromSlash(replica.Branch))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(id.String()+"\n"), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// object writes one loose object as it is, whatever git thinks of it.
func (h *world) object(kind, data string) repo.Hash {
	h.t.Helper()
	whole := fmt.Sprintf("%s %d\x00%s", kind, len(data), data)
	id := repo.Hash(sha1.Sum([]byte(whole)))
	h.kept[id] = data
	path := filepath.Join(h.dir, "objects", id.String()[:2], id.String()[2:])
	if _, err := os.Stat(path); err == nil {
		return id
	}
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	z.Write([]byte(whole))
	z.Close()
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = os.WriteFile(path, packed.Bytes(), 0o600)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return id
}

// line is one entry of a tree, in any mode, under any name.
type line struct {
	mode, name string
	id         repo.Hash
}

func (h *world) tree(lines []line) repo.Hash {
	var raw strings.Builder
	for _, l := range lines {
		raw.WriteString(l.mode + " " + l.name + "\x00" + string(l.id[:]))
	}
	return h.object("tree", raw.String())
}

// lines reads a tree that object wrote.
func (h *world) lines(tree repo.Hash) []line {
	h.t.Helper()
	var out []line
	for data := h.kept[tree]; data != ""; {
		head, rest, _ := strings.Cut(data, "\x00")
		mode, name, _ := strings.Cut(head, " ")
		out = append(out, line{mode, name, repo.Hash([]byte(rest[:20]))})
		data = rest[20:]
	}
	return out
}

// edit puts a file at a path of a tree, nil to remove it.
func (h *world) edit(tree repo.Hash, path string, data []byte) repo.Hash {
	h.t.Helper()
	name, rest, deeper := strings.Cut(path, "/")
	lines := h.lines(tree)
	at := slices.IndexFunc(lines, func(l line) bool { return l.name == name })
	now := line{mode: "100644", name: name}
	switch {
	case deeper:
		sub := repo.Hash{}
		if at >= 0 {
			sub = lines[at].id
		}
		now.mode, now.id = "40000", h.edit(sub, rest, data)
	case data != nil:
		now.id = h.object("blob", string(data))
	}
	if at >= 0 {
		lines = slices.Delete(lines, at, at+1)
	}
	if !now.id.IsZero() {
		lines = append(lines, now)
	}
	if len(lines) == 0 {
		return repo.Hash{}
	}
	return h.tree(sorted(lines))
}

// sorted is Git's order: folders as if their names ended in a slash.
func sorted(lines []line) []line {
	key := func(l line) string {
		if l.mode == "40000" {
			return l.name + "/"
		}
		return l.name
	}
	slices.SortFunc(lines, func(a, b line) int { return strings.Compare(key(a), key(b)) })
	return lines
}

// write puts a signed change on the host, with the objects of its tree.
func (h *world) write(s chaintest.Signed, parent repo.Hash, spoil func([]line) []line) repo.Hash {
	h.t.Helper()
	tree := repo.Hash{}
	if !parent.IsZero() {
		tree = h.treeOf(parent)
	}
	h.files(tree, s.Touched, spoil)
	return h.object("commit", string(s.Raw))
}

func (h *world) treeOf(commit repo.Hash) repo.Hash {
	h.t.Helper()
	line, _, _ := strings.Cut(h.kept[commit], "\n")
	return id(strings.TrimPrefix(line, "tree "))
}

// files applies touched paths to a tree, and then spoils its root.
func (h *world) files(tree repo.Hash, touched []chain.Touched, spoil func([]line) []line) repo.Hash {
	h.t.Helper()
	for _, t := range touched {
		var data []byte
		if t.New != nil {
			data = t.New.Data
		}
		tree = h.edit(tree, t.Path, data)
	}
	if spoil == nil {
		return tree
	}
	return h.tree(spoil(h.lines(tree)))
}

// serve signs a draft over the tree that its files and spoil make, and points the branch
// at it. The result may be anything but valid.
func (h *world) serve(d *chaintest.Draft, spoil func([]line) []line) repo.Hash {
	h.t.Helper()
	parent, tree := repo.Hash{}, repo.Hash{}
	if d.Parent != nil {
		parent = d.Parent.Head().ID
		tree = h.treeOf(parent)
	}
	touched := h.w.Seal(d).Touched
	tree = h.files(tree, touched, spoil)
	then := d.Change
	d.Change = func(c *change.Draft) {
		c.Tree = tree
		if then != nil {
			then(c)
		}
	}
	s := h.w.Seal(d)
	id := h.object("commit", string(s.Raw))
	h.point(id)
	return id
}

// honest adds a valid change to the world and the host.
func (h *world) honest(d *chaintest.Draft) {
	h.t.Helper()
	parent := h.w.State.Head().ID
	h.w.Commit(d)
	h.point(h.write(h.w.Changes[len(h.w.Changes)-1], parent, nil))
}

func id(s string) repo.Hash {
	var h repo.Hash
	hex.Decode(h[:], []byte(s))
	return h
}
