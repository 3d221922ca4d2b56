package repo

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/secr/secr/vault/local"
)

const (
	refLimit       = 64
	packedRefLimit = 16 << 20
	// refPatience is how often SetRef looks if another's lock of the ref is
	// gone, 10 ms apart, before it takes the lock for a crash's.
	refPatience = 200
)

// validRef reports whether name is that of a ref that we would touch.
func validRef(name string) bool {
	parts := strings.Split(name, "/")
	if len(parts) < 2 || len(parts) > depthLimit || parts[0] != "refs" {
		return false
	}
	for _, p := range parts[1:] {
		if !validName(p) || p[0] == '.' || p[0] == '-' || strings.HasSuffix(p, ".lock") || strings.Contains(p, "..") || strings.HasSuffix(p, ".") {
			return false
		}
	}
	return true
}

// Ref reads a ref. It fails with ErrNoRef if there is none, and with
// ErrDamaged if its file is empty or anything but a hash: an older value that
// Git packed is then not the ref's value.
func (r *Repo) Ref(name string) (Hash, error) {
	if !validRef(name) {
		return Hash{}, fmt.Errorf("%.80q is not the name of a ref", name)
	}
	data, err := local.ReadFile(r.refPath(name), refLimit)
	if err == nil {
		h, perr := parseRef(data)
		if perr != nil {
			return Hash{}, fmt.Errorf("%s: %w", name, perr)
		}
		return h, nil
	}
	if !noRefFile(r.refPath(name), err) {
		return Hash{}, err
	}
	packed, err := r.packedRefs()
	if err != nil {
		return Hash{}, err
	}
	h, ok := packed[name]
	if !ok {
		return Hash{}, fmt.Errorf("%s: %w", name, ErrNoRef)
	}
	return h, nil
}

// noRefFile reports whether reading a ref failed because there is no file of
// that name: nothing, a folder, or a file where a folder would be.
func noRefFile(path string, err error) bool {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return true
	}
	fi, err := os.Lstat(path)
	return err == nil && fi.IsDir()
}

func (r *Repo) refPath(name string) string { return filepath.Join(r.folder, filepath.FromSlash(name)) }

func parseRef(data []byte) (Hash, error) {
	h, err := ParseHash(string(bytes.TrimSuffix(data, []byte("\n"))))
	if err != nil {
		return Hash{}, damaged("its file holds %.50q", data)
	}
	return h, nil
}

// SetRef sets a ref durably: after a crash it has the old value or the new
// one, and the new one once SetRef has returned. The caller holds the vault's
// lock. It respects Git's own lock of the ref, but not for ever: whoever
// holds that while we hold the vault's lock has died.
func (r *Repo) SetRef(name string, h Hash) error {
	if !validRef(name) {
		return fmt.Errorf("%.80q is not the name of a ref", name)
	}
	path := r.refPath(name)
	folder := filepath.Dir(path)
	if err := r.makeRefFolder(folder); err != nil {
		return fmt.Errorf("set %s: %w", name, err)
	}
	lock, err := r.lockRef(path, []byte(h.String()+"\n"))
	if err != nil {
		return fmt.Errorf("set %s: %w", name, err)
	}
	if err := r.disk.Rename(lock, path); err != nil {
		os.Remove(lock)
		return fmt.Errorf("set %s: %w", name, err)
	}
	return r.disk.SyncFolder(folder)
}

func (r *Repo) makeRefFolder(folder string) error {
	fi, err := os.Lstat(folder)
	if errors.Is(err, fs.ErrNotExist) {
		parent := filepath.Dir(folder)
		if err := r.makeRefFolder(parent); err != nil {
			return err
		}
		if err := r.disk.Mkdir(folder); err != nil {
			return err
		}
		return r.disk.SyncFolder(parent)
	}
	if err == nil && !fi.IsDir() {
		return &local.FileError{Path: folder, Err: local.ErrNotFolder}
	}
	return err
}

// lockRef writes content to Git's lock file of a ref, synced. The file
// appears whole, under a temporary name first, so that a crash leaves no
// empty one.
func (r *Repo) lockRef(path string, content []byte) (string, error) {
	f, err := r.disk.CreateTemp(filepath.Dir(path))
	if err != nil {
		return "", err
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(content); err != nil {
		f.Discard()
		return "", err
	}
	if err := f.Sync(); err != nil {
		f.Discard()
		return "", err
	}
	if err := f.Close(); err != nil {
		return "", err
	}
	lock := path + ".lock"
	for try := 0; ; try++ {
		err := r.disk.Link(f.Name(), lock)
		if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrPermission) {
			err = r.createLock(lock, content)
		}
		switch {
		case err == nil:
			return lock, nil
		case !errors.Is(err, fs.ErrExist):
			return "", err
		case try == r.patience:
			if err := r.disk.Remove(lock); err != nil {
				return "", err
			}
		case try > r.patience:
			return "", fmt.Errorf("%s is held by another process", lock)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// createLock is for file systems without links. A crash may leave an empty
// lock there, which is never a ref.
func (r *Repo) createLock(lock string, content []byte) error {
	f, err := r.disk.Create(lock)
	if err != nil {
		return err
	}
	if _, err := f.Write(content); err != nil {
		f.Discard()
		return err
	}
	if err := f.Sync(); err != nil {
		f.Discard()
		return err
	}
	return f.Close()
}
