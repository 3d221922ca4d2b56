package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

const (
	// mergePacks and mergeLoose are how many packs and loose objects may lie
	// about before they are packed together.
	mergePacks = 24
	mergeLoose = 256
	// mergeSmall is what a pack may always weigh and still be merged. One of
	// mergeLarge stays as it is, so that nobody waits for long, until there are
	// mergeMany of them.
	mergeSmall = 512 << 10
	mergeLarge = 4 << 20
	mergeMany  = 48
	// nativeObjects is how many objects may lie outside the largest pack
	// before native git packs everything into one.
	nativeObjects = 8000
)

// Maintenance says how a repository may be packed again.
type Maintenance struct {
	// Git is the path of the user's git, or empty if there is none.
	Git string
	// Env is the environment for it, without any variable of Git's own.
	Env []string
}

// Maintain packs the repository again when it has become scattered, so that
// it stays quick and small, and does next to nothing when it has not. No
// object is ever lost: what is packed together is read and checked first,
// made durable, and only then are the old files removed; objects that
// nothing points to stay, too. Readers in other processes go on. The caller
// holds the vault's lock.
func (r *Repo) Maintain(ctx context.Context, how Maintenance) error {
	packs, err := r.store.relist()
	if err != nil {
		return err
	}
	if how.Git != "" {
		outside, err := outsideLargest(packs)
		if err != nil {
			return err
		}
		if outside > nativeObjects {
			return r.repack(ctx, how)
		}
	}
	return r.merge(ctx, packs)
}

// outsideLargest counts the objects that are not in the largest pack.
func outsideLargest(packs []*pack) (int, error) {
	sum, largest := 0, 0
	for _, p := range packs {
		n, err := p.count()
		if err != nil {
			return 0, err
		}
		sum += n
		largest = max(largest, n)
	}
	return sum - largest, nil
}

func (p *pack) count() (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.open(); err != nil {
		return 0, err
	}
	return p.index.count, nil
}

// repack lets native git pack everything into one pack. It keeps objects
// that no ref reaches (-k), and syncs what it writes before it deletes.
func (r *Repo) repack(ctx context.Context, how Maintenance) error {
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, how.Git, "--git-dir="+r.folder,
		"-c", "core.hooksPath="+os.DevNull, "-c", "core.fsync=all", "-c", "core.fsyncMethod=fsync",
		"-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "pack.threads=1",
		"-c", "repack.writeBitmaps=false", "-c", "pack.writeReverseIndex=false",
		"repack", "-a", "-d", "-k", "-q", "--depth=50", "--window=10")
	cmd.Env, cmd.Stderr = how.Env, &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("git repack in %s: %w: %.300q", r.folder, err, stderr.String())
	}
	// Git syncs files and not the folder.
	if err := r.disk.SyncFolder(r.store.packFolder()); err != nil {
		return err
	}
	_, err := r.store.relist()
	return err
}

// merge packs small packs and loose objects together. Packs are taken from
// the smallest up, as long as each is not much larger than all before it:
// so their number stays small and each byte is written again only as often
// as the repository doubles.
func (r *Repo) merge(ctx context.Context, packs []*pack) error {
	loose, err := r.store.loose(ctx)
	if err != nil {
		return err
	}
	small, err := smallPacks(packs)
	if err != nil {
		return err
	}
	if len(loose) <= mergeLoose && len(small) <= mergePacks {
		return nil
	}
	if _, err := r.Mend(ctx); err != nil {
		return err
	}
	if err := r.dropMultiIndex(); err != nil {
		return err
	}
	m, err := newMerger(r, small, loose)
	if err != nil {
		return err
	}
	kept, err := m.run(ctx)
	if err != nil {
		return fmt.Errorf("pack %s again: %w", r.folder, err)
	}
	small = slices.DeleteFunc(small, func(p *pack) bool { return p.path == kept })
	return r.dropMerged(small, m.merged)
}

func smallPacks(packs []*pack) ([]*pack, error) {
	type sized struct {
		pack *pack
		size int64
	}
	var all []sized
	for _, p := range packs {
		fi, err := os.Stat(p.path)
		if err != nil {
			return nil, err
		}
		// Somebody asked Git to keep this one as it is.
		if _, err := os.Lstat(strings.TrimSuffix(p.path, ".pack") + ".keep"); err == nil {
			continue
		}
		all = append(all, sized{p, fi.Size()})
	}
	slices.SortFunc(all, func(a, b sized) int { return int(a.size - b.size) })
	var small []*pack
	sum := int64(0)
	for _, s := range all {
		large := s.size > mergeLarge && len(all)-len(small) <= mergeMany
		if large || s.size > max(mergeSmall, 2*sum) {
			break
		}
		small = append(small, s.pack)
		sum += s.size
	}
	return small, nil
}

// dropMultiIndex removes Git's index over several packs, which would name
// packs that are gone.
func (r *Repo) dropMultiIndex() error {
	names, err := filepath.Glob(filepath.Join(r.store.packFolder(), "multi-pack-index*"))
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := r.disk.Remove(name); err != nil {
			return err
		}
	}
	return nil
}

// dropMerged removes what is in the merged pack now: each pack's index
// first, so that no index is ever without its pack.
func (r *Repo) dropMerged(packs []*pack, loose []Hash) error {
	for _, p := range packs {
		if err := r.dropPack(p); err != nil {
			return err
		}
	}
	for _, h := range loose {
		path := r.store.loosePath(h)
		if err := r.disk.Remove(path); err != nil {
			return err
		}
		// An empty folder is of no use; one that isn't empty stays.
		os.Remove(filepath.Dir(path))
	}
	_, err := r.store.relist()
	return errors.Join(err, r.disk.SyncFolder(r.store.packFolder()))
}

// dropPack removes the files of a pack, what names it first.
func (r *Repo) dropPack(p *pack) error {
	inUse := runtime.GOOS == "windows"
	if inUse {
		p.close() // what is open can't be removed there
	}
	stem := strings.TrimSuffix(p.path, ".pack")
	for _, extension := range []string{".idx", ".rev", ".bitmap", ".mtimes", ".pack"} {
		err := r.disk.Remove(stem + extension)
		if err != nil && inUse {
			return nil // another process reads it: the next merge takes it
		}
		if err != nil {
			return err
		}
	}
	return nil
}
