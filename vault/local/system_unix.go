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
