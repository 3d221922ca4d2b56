package remote

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"github.com/secr/secr/vault/repo"
)

// errMalformed is the cause when an object can't be walked.
var errMalformed = errors.New("is not a Git object")

// walk is the history of a commit, without that of the commits in have.
type walk struct {
	tip  Hash
	have []Hash
	most int // objects after which nobody wants to know more; 0: all
}

// missing lists the objects that somebody who has all of the commits in have doesn't
// have: commits, trees and blobs, each once.
func missing(ctx context.Context, src *repo.Foreign, k walk) ([]Hash, error) {
	w := walker{ctx: ctx, src: src, seen: map[Hash]bool{}, have: map[Hash]bool{}}
	for _, h := range k.have {
		w.have[h] = true
	}
	for open := []Hash{k.tip}; len(open) > 0 && (k.most == 0 || len(w.list) <= k.most); {
		h := open[len(open)-1]
		open = open[:len(open)-1]
		if w.have[h] || w.seen[h] {
			continue
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		parents, err := w.commit(h)
		if err != nil {
			return nil, err
		}
		open = append(open, parents...)
	}
	return w.list, nil
}

type walker struct {
	ctx        context.Context
	src        *repo.Foreign
	seen, have map[Hash]bool
	list       []Hash
}

func (w *walker) add(h Hash) {
	w.seen[h] = true
	w.list = append(w.list, h)
}

// commit adds a commit and what its tree has beyond its first parent's.
func (w *walker) commit(h Hash) (parents []Hash, err error) {
	tree, parents, err := w.header(h)
	if err != nil {
		return nil, err
	}
	w.add(h)
	var before Hash
	if len(parents) > 0 {
		if before, _, err = w.header(parents[0]); err != nil {
			return nil, err
		}
	}
	return parents, w.tree(tree, before)
}

func (w *walker) header(h Hash) (tree Hash, parents []Hash, err error) {
	data, err := w.read(h, "commit")
	if err != nil {
		return Hash{}, nil, err
	}
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if name != "tree" && name != "parent" {
			break
		}
		id, err := repo.ParseHash(value)
		if err != nil {
			return Hash{}, nil, fmt.Errorf("commit %s %w", h, errMalformed)
		}
		if name == "tree" {
			tree = id
		} else {
			parents = append(parents, id)
		}
	}
	if tree.IsZero() {
		return Hash{}, nil, fmt.Errorf("commit %s %w", h, errMalformed)
	}
	return tree, parents, nil
}

func (w *walker) read(h Hash, want string) ([]byte, error) {
	kind, data, err := w.src.Object(h)
	if err != nil {
		return nil, err
	}
	if kind != want {
		return nil, fmt.Errorf("%s %s where a %s should be: %w", kind, h, want, errMalformed)
	}
	return data, nil
}

// tree adds a tree without what another one has under the same names.
func (w *walker) tree(h, before Hash) error {
	if h == before || w.seen[h] {
		return nil
	}
	entries, err := w.entries(h)
	if err != nil {
		return err
	}
	known := map[string]entry{}
	if before != (Hash{}) {
		old, err := w.entries(before)
		if err != nil {
			return err
		}
		for _, e := range old {
			known[e.name] = e
		}
	}
	w.add(h)
	for _, e := range entries {
		old := known[e.name]
		switch {
		case e.hash == old.hash || w.seen[e.hash]:
		case !e.dir:
			w.add(e.hash)
		case old.dir:
			err = w.tree(e.hash, old.hash)
		default:
			err = w.tree(e.hash, Hash{})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// entry is a name in a tree, read without any demand on it: what a vault may contain is
// for others to judge.
type entry struct {
	name string
	dir  bool
	hash Hash
}

func (w *walker) entries(h Hash) ([]entry, error) {
	data, err := w.read(h, "tree")
	if err != nil {
		return nil, err
	}
	var out []entry
	for len(data) > 0 {
		head, rest, ok := bytes.Cut(data, []byte{0})
		mode, name, spaced := strings.Cut(string(head), " ")
		if !ok || !spaced || len(rest) < len(h) {
			return nil, fmt.Errorf("tree %s %w", h, errMalformed)
		}
		e := entry{name: name, dir: mode == "40000", hash: Hash(rest[:len(h)])}
		data = rest[len(h):]
		if mode != "160000" { // a submodule's commit is in another repository
			out = append(out, e)
		}
	}
	return out, nil
}

// writePack writes objects as one pack without deltas.
func writePack(ctx context.Context, out io.Writer, src *repo.Foreign, list []Hash) error {
	p := &packer{out: out, sum: sha1.New()}
	head := binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), uint32(len(list)))
	if err := p.write(head); err != nil {
		return err
	}
	for _, h := range list {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		kind, data, err := src.Object(h)
		if err != nil {
			return err
		}
		if err := p.object(kind, data); err != nil {
			return err
		}
	}
	_, err := out.Write(p.sum.Sum(nil))
	return err
}

type packer struct {
	out     io.Writer
	sum     hash.Hash
	deflate *zlib.Writer
	buf     bytes.Buffer
}

func (p *packer) write(b []byte) error {
	p.sum.Write(b)
	_, err := p.out.Write(b)
	return err
}

// object writes the kind and length, seven bits a byte after the first, and the content.
func (p *packer) object(kind string, data []byte) error {
	number := map[string]byte{"commit": 1, "tree": 2, "blob": 3, "tag": 4}[kind]
	p.buf.Reset()
	size := len(data)
	b := number<<4 | byte(size&15)
	for size >>= 4; size > 0; size >>= 7 {
		p.buf.WriteByte(b | 0x80)
		b = byte(size & 0x7f)
	}
	p.buf.WriteByte(b)
	if p.deflate == nil {
		p.deflate = zlib.NewWriter(&p.buf)
	} else {
		p.deflate.Reset(&p.buf)
	}
	if _, err := p.deflate.Write(data); err != nil {
		return err
	}
	if err := p.deflate.Close(); err != nil {
		return err
	}
	return p.write(p.buf.Bytes())
}
