package repo

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/secr/secr/vault/local"
)

// quarantines is the folder of quarantines in a repository.
const quarantines = "quarantine"

// Quarantine is a repository of its own for what comes from a remote. It
// reads what the vault's repository has, which can't see into it, until
// [Quarantine.Commit] moves everything over. It needs no lock of the vault
// before that, so that a slow remote stops nobody's work.
type Quarantine struct {
	repo *Repo
	into *Repo
	lock *local.Lock
}

// Quarantine makes an empty quarantine. The commits in have, which must be in
// the repository, are named by refs/have/0 and so on, so that a native git
// that fetches into [Quarantine.Dir] asks only for what is new.
func (r *Repo) Quarantine(ctx context.Context, have ...Hash) (*Quarantine, error) {
	var name [8]byte
	rand.Read(name[:])
	parent := filepath.Join(r.folder, quarantines)
	if err := r.disk.MakeFolder(parent); err != nil {
		return nil, err
	}
	folder := filepath.Join(parent, hex.EncodeToString(name[:]))
	if err := r.disk.Mkdir(folder); err != nil {
		return nil, err
	}
	lock, err := local.TakeLock(ctx, filepath.Join(folder, "secr.lock"), "quarantine")
	if err != nil {
		return nil, err
	}
	q := &Quarantine{into: r, lock: lock}
	if err := furnish(r.disk, folder, have); err != nil {
		return nil, errors.Join(err, q.remove(folder))
	}
	inner, err := OpenOn(r.disk, folder)
	if err != nil {
		return nil, errors.Join(err, q.remove(folder))
	}
	inner.base, q.repo = r, inner
	return q, nil
}

// furnish writes an empty repository over that of the vault, with refs for what is
// there. Nothing is synced: after a crash a quarantine is thrown away.
func furnish(d local.Disk, folder string, have []Hash) error {
	for _, sub := range []string{"objects", "objects/info", "objects/pack", "refs", "refs/heads", "refs/have"} {
		if err := d.Mkdir(filepath.Join(folder, sub)); err != nil {
			return err
		}
	}
	files := map[string]string{
		"HEAD": head, "config": config,
		"objects/info/alternates": "../../../objects\n", // relative to the folder of objects, as Git wants it
	}
	for i, h := range have {
		files[fmt.Sprintf("refs/have/%d", i)] = h.String() + "\n"
	}
	for name, content := range files {
		f, err := d.Create(filepath.Join(folder, name))
		if err != nil {
			return err
		}
		_, err = f.Write([]byte(content))
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// Dir is the folder of the quarantine, a bare repository for native git's
// --git-dir.
func (q *Quarantine) Dir() string { return q.repo.folder }

// Repo reads what is in the quarantine and, behind it, in the repository.
func (q *Quarantine) Repo() *Repo { return q.repo }

// Discard deletes the quarantine.
func (q *Quarantine) Discard() error {
	q.repo.Close()
	return q.remove(q.repo.folder)
}

func (q *Quarantine) remove(folder string) error {
	err := os.RemoveAll(folder)
	return errors.Join(err, q.lock.Unlock())
}

// ImportPack reads one pack from a stranger into the quarantine and returns
// how many objects it has. The pack must be complete in itself and within the
// limits; otherwise nothing of it stays.
func (q *Quarantine) ImportPack(ctx context.Context, from io.Reader, limits Limits) (int, error) {
	folder := q.repo.store.packFolder()
	f, err := q.repo.disk.CreateTemp(folder)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(f, io.LimitReader(contextReader{ctx, from}, limits.Bytes+1))
	if err == nil && n > limits.Bytes {
		err = tooLarge("a pack of more than %d bytes", limits.Bytes)
	}
	var objects []packed
	var trailer []byte
	if err == nil {
		objects, trailer, err = indexPack(ctx, q.repo.store, f.Name(), limits)
	}
	if err != nil {
		f.Discard()
		return 0, fmt.Errorf("read a pack: %w", err)
	}
	stem := filepath.Join(folder, "pack-"+hex.EncodeToString(trailer))
	if err := f.Publish(stem + ".pack"); err != nil {
		return 0, err
	}
	if err := writeIndex(q.repo.disk, folder, stem+".idx", objects, trailer); err != nil {
		return 0, err
	}
	_, err = q.repo.store.relist()
	return len(objects), err
}

// Commit moves everything in the quarantine into the repository, durably,
// and deletes the quarantine. The caller has verified what it wants of it,
// and holds the vault's lock. If Commit fails some of the objects may have
// been moved, which does no harm; the quarantine is then still to be discarded.
func (q *Quarantine) Commit(ctx context.Context) error {
	if err := q.moveLoose(ctx); err != nil {
		return fmt.Errorf("take over what was fetched: %w", err)
	}
	if err := q.movePacks(ctx); err != nil {
		return fmt.Errorf("take over what was fetched: %w", err)
	}
	if _, err := q.into.store.relist(); err != nil {
		return err
	}
	return q.Discard()
}

// movePacks renames packs, the index last. Native git wrote some of them, so
// they are synced here.
func (q *Quarantine) movePacks(ctx context.Context) error {
	names, err := packNames(q.repo.store.packFolder())
	if err != nil || len(names) == 0 {
		return err
	}
	to := q.into.store.packFolder()
	for _, path := range names {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		stem := strings.TrimSuffix(path, ".pack")
		for _, name := range []string{path, stem + ".idx"} {
			if err := q.into.disk.SyncFile(name); err != nil {
				return err
			}
			if err := q.into.disk.Rename(name, filepath.Join(to, filepath.Base(name))); err != nil {
				return err
			}
		}
	}
	return q.into.disk.SyncFolder(to)
}

// moveLoose packs what native git left as loose objects.
func (q *Quarantine) moveLoose(ctx context.Context) error {
	loose, err := q.repo.store.loose(ctx)
	if err != nil {
		return err
	}
	b := q.into.Batch()
	for _, h := range loose {
		k, data, err := q.repo.store.read(h, objectLimit)
		if err != nil {
			return &ObjectError{Hash: h, Err: err}
		}
		b.add(k, data)
	}
	return b.Flush(ctx)
}
