package local

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// tempPrefix starts the name of every file that is still being written. Such
// a file is never read and may be deleted by anyone once it is old.
const tempPrefix = ".secr-tmp-"

// tempLife is how long an abandoned temporary file stays. It is compared
// with the file system's own clock.
const tempLife = time.Hour

// OpKind is the kind of an [Op].
type OpKind string

// The steps that change a disk.
const (
	OpCreate     OpKind = "create" // a new, empty file
	OpWrite      OpKind = "write"  // Data at the end of Path
	OpSync       OpKind = "sync"   // the content of Path is on the disk
	OpRename     OpKind = "rename" // Path is now called To
	OpLink       OpKind = "link"   // Path is now also called To
	OpRemove     OpKind = "remove"
	OpMakeFolder OpKind = "mkdir"
	OpSyncFolder OpKind = "syncdir" // the names in Path are on the disk
)

// Op is one step that changes the disk.
type Op struct {
	Kind     OpKind
	Path, To string
	Data     []byte
}

// Disk does all writing that must survive a crash. The zero value is the
// machine's disk; [Traced] makes one whose every step a test can see and fail.
type Disk struct{ trace func(Op) error }

// ErrSkip makes a traced sync succeed without being done.
var ErrSkip = errors.New("this step is skipped")

// Traced returns a disk that tells trace of each step before it is done.
// When trace returns an error the step is not done and fails with it, or
// for a sync succeeds all the same if the error is ErrSkip. That is how tests
// make a disk full, or a power cut, at every step, and how they don't wait.
func Traced(trace func(Op) error) Disk { return Disk{trace: trace} }

// do does a step, unless the trace has other ideas.
func (d Disk) do(op Op, step func() error) error {
	if d.trace != nil {
		if err := d.trace(op); errors.Is(err, ErrSkip) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return step()
}

// File is a file that is being written on a [Disk].
type File struct {
	disk Disk
	file *os.File
}

// CreateTemp creates a file with a temporary name, 0600, in folder.
func (d Disk) CreateTemp(folder string) (*File, error) {
	var name [8]byte
	rand.Read(name[:])
	path := filepath.Join(folder, tempPrefix+hex.EncodeToString(name[:]))
	return d.Create(path)
}

// Create creates a file, 0600, and fails if there is one.
func (d Disk) Create(path string) (*File, error) {
	f := &File{disk: d}
	err := d.do(Op{Kind: OpCreate, Path: path}, func() (err error) {
		f.file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|noFollow, 0o600)
		return err
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Name is the path of the file.
func (f *File) Name() string { return f.file.Name() }

// Write appends p.
func (f *File) Write(p []byte) (n int, err error) {
	err = f.disk.do(Op{Kind: OpWrite, Path: f.Name(), Data: p}, func() (err error) {
		n, err = f.file.Write(p)
		return err
	})
	return n, err
}

// ReadAt reads back what was written.
func (f *File) ReadAt(p []byte, off int64) (int, error) { return f.file.ReadAt(p, off) }

// Sync puts the content on the disk.
func (f *File) Sync() error {
	return f.disk.do(Op{Kind: OpSync, Path: f.Name()}, f.file.Sync)
}

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }

// Discard closes and removes a file that will not be finished.
func (f *File) Discard() {
	f.file.Close()
	os.Remove(f.Name())
}

// Publish syncs the file, closes it and gives it the name path, replacing
// what had that name. The folder is not synced yet. On an error the file is
// gone.
func (f *File) Publish(path string) error {
	err := f.Sync()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = f.disk.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// Rename gives a file another name, replacing what had that name.
func (d Disk) Rename(from, to string) error {
	return d.do(Op{Kind: OpRename, Path: from, To: to}, func() error { return os.Rename(from, to) })
}

// Link gives a file a second name, and fails if there is a file of that name.
func (d Disk) Link(from, to string) error {
	return d.do(Op{Kind: OpLink, Path: from, To: to}, func() error { return os.Link(from, to) })
}

// Remove removes a file or an empty folder. It is no error if there is none.
func (d Disk) Remove(path string) error {
	err := d.do(Op{Kind: OpRemove, Path: path}, func() error { return os.Remove(path) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// SyncFolder puts the names in a folder on the disk.
func (d Disk) SyncFolder(path string) error {
	return d.do(Op{Kind: OpSyncFolder, Path: path}, func() error { return syncFolder(path) })
}

// SyncFile puts the content of a file on the disk that something else wrote.
func (d Disk) SyncFile(path string) error {
	return d.do(Op{Kind: OpSync, Path: path}, func() error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		// Windows syncs only what is open for writing, which a pack of Git's is not.
		if err := f.Sync(); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
		return nil
	})
}

// Mkdir creates one folder, 0700. It is no error if there is one.
func (d Disk) Mkdir(path string) error {
	err := d.do(Op{Kind: OpMakeFolder, Path: path}, func() error { return os.Mkdir(path, 0o700) })
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// WriteFile replaces a file of ours: after a crash at any moment there is
// the old content or the new, never another, and the new once WriteFile has
// returned. The folder must exist.
func (d Disk) WriteFile(path string, data []byte) error {
	if fi, err := os.Lstat(path); err == nil && !fi.Mode().IsRegular() {
		return &FileError{Path: path, Err: kindError(fi.Mode())}
	}
	folder := filepath.Dir(path)
	f, err := d.CreateTemp(folder)
	if err != nil {
		return err
	}
	sweep(f, folder)
	if _, err := f.Write(data); err != nil {
		f.Discard()
		return err
	}
	if err := f.Publish(path); err != nil {
		return err
	}
	return d.SyncFolder(folder)
}

// WriteFile replaces a file of ours durably, as [Disk.WriteFile] does.
func WriteFile(path string, data []byte) error { return Disk{}.WriteFile(path, data) }

// sweep deletes what a crash long ago left half-written beside f. Failing to
// is harmless: the next write tries again.
func sweep(f *File, folder string) {
	fi, err := f.file.Stat()
	if err != nil {
		return
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), tempPrefix) {
			continue
		}
		if old, err := e.Info(); err == nil && old.Mode().IsRegular() && fi.ModTime().Sub(old.ModTime()) > tempLife {
			os.Remove(filepath.Join(folder, e.Name()))
		}
	}
}

// IsTemp reports whether a file name is that of a file still being written.
func IsTemp(name string) bool { return strings.HasPrefix(name, tempPrefix) }
