//go:build unix

package local

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// noFollow makes opening fail on a symbolic link and not hang on a pipe.
const noFollow = unix.O_NOFOLLOW | unix.O_NONBLOCK

func foreign(fi fs.FileInfo) bool {
	st, ok := fi.Sys().(*syscall.Stat_t)
	return ok && foreignUser(st.Uid)
}

func foreignUser(uid uint32) bool { return uid != 0 && int(uid) != os.Geteuid() }

// ownFolder refuses a folder that is another user's, or that another user's symbolic link
// leads to: an older state of ours may lie where it leads. Reading what is missing fails by
// itself.
func ownFolder(path string) error {
	var st unix.Stat_t
	if unix.Lstat(path, &st) != nil {
		return nil
	}
	link := st.Mode&unix.S_IFMT == unix.S_IFLNK
	switch {
	case link && foreignUser(st.Uid):
		return &FileError{Path: path, Err: ErrSymlink}
	case link && unix.Stat(path, &st) != nil:
		return nil
	case foreignUser(st.Uid):
		return &FileError{Path: path, Err: ErrForeign}
	}
	return nil
}

// tooOpen reports whether any of the permission bits is set.
func tooOpen(fi fs.FileInfo, bits fs.FileMode) bool { return fi.Mode().Perm()&bits != 0 }

func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	// Some file systems have no sync of folders, and need none.
	if err := f.Sync(); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOTSUP) {
		return err
	}
	return nil
}
