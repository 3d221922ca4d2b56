package local

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// MakeFolder makes sure that a folder of ours exists and is private: it is
// created 0700 with its parents, durably, and closed when others have access.
// A folder of another user, or one that is a symbolic link somebody else
// made, is refused.
func MakeFolder(path string) error { return Disk{}.MakeFolder(path) }

// MakeFolder is the package's MakeFolder on this disk.
func (d Disk) MakeFolder(path string) error {
	err := CheckFolder(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(path)
	if _, err := os.Stat(parent); errors.Is(err, fs.ErrNotExist) && parent != path {
		if err := d.MakeFolder(parent); err != nil {
			return err
		}
	}
	if err := d.Mkdir(path); err != nil {
		return err
	}
	if err := CheckFolder(path); err != nil {
		return err
	}
	return d.SyncFolder(parent)
}

// CheckFolder checks that a folder of ours is one, is this user's and is
// private. One that others can enter is closed.
func CheckFolder(path string) error {
	fi, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if fi.Mode()&fs.ModeSymlink != 0 {
		// Some people keep their configuration elsewhere and link to it. Only
		// they can have made a link that is theirs.
		if foreign(fi) {
			return &FileError{Path: path, Err: ErrSymlink}
		}
		if fi, err = os.Stat(path); err != nil {
			return err
		}
	}
	switch {
	case !fi.IsDir():
		return &FileError{Path: path, Err: ErrNotFolder}
	case foreign(fi):
		return &FileError{Path: path, Err: ErrForeign}
	case tooOpen(fi, 0o077) && os.Chmod(path, 0o700) != nil && tooOpen(fi, 0o022):
		return &FileError{Path: path, Err: ErrTooOpen}
	}
	return nil
}

// CheckOwner refuses a file or folder that belongs to another user. What
// belongs to root counts as this user's: root needs no such file to act. It
// follows symbolic links.
func CheckOwner(path string) error {
	fi, err := os.Stat(path)
	if err != nil {
		return err
	}
	if foreign(fi) {
		return &FileError{Path: path, Err: ErrForeign}
	}
	return nil
}
