package repo

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Batch collects objects and then writes them together. It is not safe for
// concurrent use.
type Batch struct {
	repo    *Repo
	hash    *hasher
	objects map[Hash]object
	order   []Hash
}

type object struct {
	kind kind
	data []byte
}

// Batch starts a batch.
func (r *Repo) Batch() *Batch {
	return &Batch{repo: r, hash: newHasher(), objects: map[Hash]object{}}
}

// Blob adds a blob. The batch keeps data, which the caller must not change.
func (b *Batch) Blob(data []byte) Hash { return b.add(kindBlob, data) }

// Commit adds a commit by its raw bytes.
func (b *Batch) Commit(raw []byte) Hash { return b.add(kindCommit, raw) }

// Tree adds a tree. The entries may come in any order.
func (b *Batch) Tree(entries []Entry) (Hash, error) {
	data, err := formatTree(entries)
	if err != nil {
		return Hash{}, fmt.Errorf("write a tree: %w", err)
	}
	return b.add(kindTree, data), nil
}

func (b *Batch) add(k kind, data []byte) Hash {
	h, _ := b.hash.sum(k, data)
	if _, ok := b.objects[h]; !ok {
		b.objects[h] = object{kind: k, data: data}
		b.order = append(b.order, h)
	}
	return h
}

// Objects is how to read through the batch: what it holds and what the
// repository has.
func (b *Batch) Objects() View { return View{batch: b} }

// View reads objects that are in a batch or in its repository.
type View struct{ batch *Batch }

// Blob reads a blob, as [Repo.Blob] does.
func (v View) Blob(h Hash) ([]byte, error) {
	if o, ok := v.batch.objects[h]; ok && o.kind == kindBlob {
		return slices.Clone(o.data), nil
	}
	return v.batch.repo.Blob(h)
}

// Commit reads a commit, as [Repo.Commit] does.
func (v View) Commit(h Hash) ([]byte, error) {
	if o, ok := v.batch.objects[h]; ok && o.kind == kindCommit {
		return slices.Clone(o.data), nil
	}
	return v.batch.repo.Commit(h)
}

// Tree reads a tree, as [Repo.Tree] does.
func (v View) Tree(h Hash) ([]Entry, error) {
	if o, ok := v.batch.objects[h]; ok && o.kind == kindTree {
		return parseTree(o.data)
	}
	return v.batch.repo.Tree(h)
}

// Has reports whether an object is in the batch or the repository.
func (v View) Has(h Hash) (bool, error) {
	if _, ok := v.batch.objects[h]; ok {
		return true, nil
	}
	return v.batch.repo.Has(h)
}

// Flush writes the objects that the repository hasn't got. When it returns
// nil they are on the disk, and the batch is empty. On an error some may have
// been written, which does no harm, and the batch is as it was.
func (b *Batch) Flush(ctx context.Context) error {
	missing, err := b.missing(ctx)
	if err != nil {
		return err
	}
	if err := b.repo.write(ctx, missing, b.objects); err != nil {
		return fmt.Errorf("write %d objects to %s: %w", len(missing), b.repo.folder, err)
	}
	b.objects, b.order = map[Hash]object{}, nil
	return nil
}

// missing lists what has to be written. An object that the repository has
// only as a loose file counts as missing: reading it to see if it is whole
// costs as much as writing it.
func (b *Batch) missing(ctx context.Context) ([]Hash, error) {
	packs, err := b.repo.store.list()
	if err != nil {
		return nil, err
	}
	var missing []Hash
	for i, h := range b.order {
		if i%256 == 0 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if !b.repo.store.packed(packs, h) {
			missing = append(missing, h)
		}
	}
	return missing, nil
}

// write writes objects: one as a file of its own, several as one pack, which
// costs three syncs however many they are.
func (r *Repo) write(ctx context.Context, hashes []Hash, objects map[Hash]object) error {
	switch len(hashes) {
	case 0:
		return nil
	case 1:
		o := objects[hashes[0]]
		return r.store.writeLoose(r.disk, hashes[0], o.kind, o.data)
	}
	w, err := newPackWriter(r.disk, r.store.packFolder(), len(hashes))
	if err != nil {
		return err
	}
	// Trees are mostly hashes, which don't compress; the next merge makes deltas of them.
	w.deflate.storeTrees = true
	for i, h := range hashes {
		if i%256 == 0 && ctx.Err() != nil {
			w.discard()
			return context.Cause(ctx)
		}
		o := objects[h]
		if err := w.add(h, o.kind, o.data); err != nil {
			w.discard()
			return err
		}
	}
	if _, err := w.finish(); err != nil {
		return err
	}
	_, err = r.store.relist()
	return errors.Join(err, ctx.Err())
}
