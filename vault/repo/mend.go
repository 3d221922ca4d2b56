package repo

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/secr/secr/vault/local"
)

// Mended is what [Repo.Mend] did.
type Mended struct {
	Removed []string // files that were never finished
	Indexed []string // packs that were whole and lacked an index
}

// mender walks over the repository and removes what is not finished.
type mender struct {
	repo *Repo
	done Mended
}

// Mend removes what a crash has left: temporary files, empty objects, packs
// that are cut short, indexes without a pack, locks of refs, quarantines that
// nobody holds. A whole pack without an index gets one. None of this is ever
// used by a reader, but Git complains about some of it, and an empty object
// is in the way of the real one. The caller holds the vault's lock; it calls
// Mend when the lock's last holder died. Mending twice changes nothing.
func (r *Repo) Mend(ctx context.Context) (Mended, error) {
	m := &mender{repo: r}
	for _, step := range []func(context.Context) error{m.loose, m.packs, m.refs, m.quarantines} {
		if err := step(ctx); err != nil {
			return m.done, err
		}
	}
	_, err := r.store.relist()
	return m.done, err
}

func (m *mender) remove(path string) error {
	if err := m.repo.disk.Remove(path); err != nil {
		return err
	}
	m.done.Removed = append(m.done.Removed, path)
	return nil
}

// unfinished reports whether a name is one that we or Git give to a file
// while it is being written.
func unfinished(name string) bool {
	return local.IsTemp(name) || strings.HasPrefix(name, "tmp_") || strings.HasPrefix(name, ".tmp-")
}

func (m *mender) loose(ctx context.Context) error {
	return m.repo.store.looseFiles(ctx, func(path string, _ Hash, known bool) error {
		fi, err := os.Lstat(path)
		if err != nil || !fi.Mode().IsRegular() {
			return err
		}
		if unfinished(filepath.Base(path)) || known && fi.Size() == 0 {
			return m.remove(path)
		}
		return nil
	})
}

func (m *mender) packs(ctx context.Context) error {
	folder := m.repo.store.packFolder()
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, e := range entries {
		there[e.Name()] = true
	}
	for _, e := range entries {
		name := e.Name()
		path := filepath.Join(folder, name)
		stem, extension := strings.TrimSuffix(name, filepath.Ext(name)), filepath.Ext(name)
		switch {
		case unfinished(name):
			err = m.remove(path)
		case !strings.HasPrefix(name, "pack-"):
		case extension == ".pack":
			err = m.pack(ctx, path, there[stem+".idx"])
		case !there[stem+".pack"]:
			err = m.remove(path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// pack gives a pack an index if it has none that can be used, or removes it
// if it is not a whole pack. A pack with a good index is left as it is.
func (m *mender) pack(ctx context.Context, path string, indexed bool) error {
	index := strings.TrimSuffix(path, ".pack") + ".idx"
	if indexed {
		x, f, _, err := openPack(path)
		if err == nil {
			x.close()
			return f.Close()
		}
		if !errors.Is(err, ErrDamaged) {
			return err
		}
	}
	limits := DefaultLimits()
	limits.Bytes = 1 << 40
	objects, trailer, err := indexPack(ctx, newStore(m.repo.store.folder), path, limits)
	switch {
	case err == nil:
		m.done.Indexed = append(m.done.Indexed, path)
		return writeIndex(m.repo.disk, filepath.Dir(path), index, objects, trailer)
	case ctx.Err() != nil, !errors.Is(err, ErrDamaged):
		return err
	case indexed:
		// Damaged as a whole, but some of it may be readable one day.
		return nil
	}
	return m.remove(path)
}

// refs removes locks and temporary files of refs. An empty ref stays: its
// reader must hear of it, and the head file knows better.
func (m *mender) refs(context.Context) error {
	for _, name := range []string{"packed-refs.lock", "HEAD.lock", "config.lock", "shallow.lock"} {
		path := filepath.Join(m.repo.folder, name)
		if _, err := os.Lstat(path); err == nil {
			if err := m.remove(path); err != nil {
				return err
			}
		}
	}
	return filepath.WalkDir(filepath.Join(m.repo.folder, "refs"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if unfinished(e.Name()) || strings.HasSuffix(e.Name(), ".lock") {
			return m.remove(path)
		}
		return nil
	})
}

// quarantines removes those whose process has ended.
func (m *mender) quarantines(ctx context.Context) error {
	folder := filepath.Join(m.repo.folder, quarantines)
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	// A context that is done makes the lock be tried once.
	once, cancel := context.WithCancel(ctx)
	cancel()
	for _, e := range entries {
		path := filepath.Join(folder, e.Name())
		if !e.IsDir() {
			if err := m.remove(path); err != nil {
				return err
			}
			continue
		}
		lock, err := local.TakeLock(once, filepath.Join(path, "secr.lock"), "mend")
		if errors.As(err, new(*local.LockedError)) {
			continue
		}
		if lock != nil {
			err = lock.Unlock()
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.RemoveAll(path); err != nil {
			return err
		}
		m.done.Removed = append(m.done.Removed, path)
	}
	return nil
}
