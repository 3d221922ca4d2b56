// Package repo is the vault's bare Git repository: objects, trees, raw
// commits and refs, written so that a crash loses nothing that was
// acknowledged, and read so that nothing damaged is ever returned.
//
// The repository is an ordinary one (SHA-1, files) that stock Git reads and
// "git fsck --strict" finds clean, but the package is stricter than Git.
// Every object's hash is computed when it is read. Trees hold plain files and
// folders with dull names, nothing else. Sizes, counts and depths are limited.
// Writes go to temporary names, are synced, renamed, and their folder synced;
// a pack's index comes last, so that no pack is used before it is whole.
//
// Readers need no lock and never fail because somebody writes, packs again or
// deletes what was packed: they look once more. Writers hold the vault's lock
// (vault/local), which also covers the native git that works in here.
// docs/storage.md tells why it is done this way.
package repo

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/secr/secr/vault/local"
)

// commitLimit bounds a commit that is read. The grammar's own limit is lower.
const commitLimit = 64 << 10

// Repo is an open repository. Reading is safe for concurrent use.
type Repo struct {
	folder string
	disk   local.Disk
	store  *store
	base   *Repo // where a quarantine finds what it hasn't got itself

	patience int // how often a lock of a ref is looked at before it is stale
}

// config is the whole configuration of a vault's repository. The settings
// after "bare" keep stock Git, should somebody use it in there, from doing
// unasked what could lose data or run code.
const config = `[core]
	repositoryformatversion = 0
	filemode = false
	bare = true
	logallrefupdates = false
	fsync = all
	hooksPath = /dev/null
[gc]
	auto = 0
[maintenance]
	auto = false
[fetch]
	recurseSubmodules = false
`

// Create makes an empty repository. It appears whole or, after a crash, not
// at all. If there is one already the error is fs.ErrExist.
func Create(folder string) (*Repo, error) { return CreateOn(local.Disk{}, folder) }

// CreateOn is Create on a disk of the caller's.
func CreateOn(d local.Disk, folder string) (*Repo, error) {
	if _, err := os.Lstat(folder); err == nil {
		return nil, fmt.Errorf("create the repository %s: %w", folder, fs.ErrExist)
	}
	parent := filepath.Dir(folder)
	if err := d.MakeFolder(parent); err != nil {
		return nil, err
	}
	draft := folder + ".new"
	// What a crash left of an earlier attempt was never a repository.
	if err := os.RemoveAll(draft); err != nil {
		return nil, err
	}
	if err := layout(d, draft); err != nil {
		return nil, fmt.Errorf("create the repository %s: %w", folder, err)
	}
	if err := d.Rename(draft, folder); err != nil {
		return nil, err
	}
	if err := d.SyncFolder(parent); err != nil {
		return nil, err
	}
	return OpenOn(d, folder)
}

// head is the content of HEAD.
const head = "ref: refs/heads/secr/vault\n"

// layout writes an empty repository.
func layout(d local.Disk, folder string) error {
	for _, sub := range []string{"", "objects", "objects/info", "objects/pack", "refs", "refs/heads"} {
		if err := d.Mkdir(filepath.Join(folder, sub)); err != nil {
			return err
		}
	}
	files := map[string]string{"HEAD": head, "config": config}
	for name, content := range files {
		if err := d.WriteFile(filepath.Join(folder, name), []byte(content)); err != nil {
			return err
		}
	}
	for _, sub := range []string{"objects/info", "objects", "refs", ""} {
		if err := d.SyncFolder(filepath.Join(folder, sub)); err != nil {
			return err
		}
	}
	return nil
}

// Open opens a repository for reading and writing. It reads next to nothing:
// packs are opened when an object is looked for. What a crash may have left
// behind is never used, and removed by [Repo.Mend].
func Open(folder string) (*Repo, error) { return OpenOn(local.Disk{}, folder) }

// OpenOn is Open on a disk of the caller's.
func OpenOn(d local.Disk, folder string) (*Repo, error) {
	if err := local.CheckFolder(folder); err != nil {
		return nil, err
	}
	if err := checkFormat(folder); err != nil {
		return nil, err
	}
	return &Repo{folder: folder, disk: d, store: newStore(filepath.Join(folder, "objects")), patience: refPatience}, nil
}

// checkFormat refuses a folder that is no repository of the kind we write.
func checkFormat(folder string) error {
	if fi, err := os.Lstat(filepath.Join(folder, "objects")); err != nil || !fi.IsDir() {
		return fmt.Errorf("%s is not a repository: it has no folder objects", folder)
	}
	conf, err := local.ReadFile(filepath.Join(folder, "config"), 64<<10)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is not a repository: it has no config", folder)
	}
	if err != nil {
		return err
	}
	if bytes.Contains(bytes.ToLower(conf), []byte("extensions")) {
		return fmt.Errorf("%s uses extensions of Git that secr does not know", folder)
	}
	return nil
}

// Dir is the folder of the repository, for native git's --git-dir.
func (r *Repo) Dir() string { return r.folder }

// Close closes all files. Reading opens them again.
func (r *Repo) Close() { r.store.close() }

// Blob reads a blob. The bytes are the caller's own.
func (r *Repo) Blob(h Hash) ([]byte, error) { return r.object(h, kindBlob, objectLimit) }

// Commit reads the raw bytes of a commit. They are not interpreted.
func (r *Repo) Commit(h Hash) ([]byte, error) { return r.object(h, kindCommit, commitLimit) }

// Tree reads a tree. It fails with ErrMalformed on everything that a vault
// may not contain: other modes, other names, another order, a name twice, no
// entries.
func (r *Repo) Tree(h Hash) ([]Entry, error) {
	data, err := r.object(h, kindTree, objectLimit)
	if err != nil {
		return nil, err
	}
	entries, err := parseTree(data)
	if err != nil {
		return nil, &ObjectError{Hash: h, Kind: "tree", Err: err}
	}
	return entries, nil
}

// Has reports whether an object is in the repository, without reading it.
func (r *Repo) Has(h Hash) (bool, error) {
	ok, err := r.store.has(h)
	if ok || err != nil || r.base == nil {
		return ok, err
	}
	return r.base.Has(h)
}

// object reads an object that must be of kind want.
func (r *Repo) object(h Hash, want kind, limit int) ([]byte, error) {
	k, data, err := r.read(h, limit)
	if err == nil && k != want {
		err = malformed("it is a %v", k)
	}
	if err != nil {
		return nil, &ObjectError{Hash: h, Kind: want.String(), Err: err}
	}
	return data, nil
}

func (r *Repo) read(h Hash, limit int) (kind, []byte, error) {
	if r.base == nil {
		return r.store.read(h, limit)
	}
	// Most of what a quarantine is asked for is in the vault's repository: it is looked for
	// there before the quarantine's packs are listed again.
	k, data, err := r.store.glance(h, limit)
	if !errors.Is(err, ErrNotFound) {
		return k, data, err
	}
	if k, data, err := r.base.read(h, limit); !errors.Is(err, ErrNotFound) {
		return k, data, err
	}
	return r.store.read(h, limit)
}
