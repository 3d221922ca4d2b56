package local

import (
	"errors"
	"io/fs"
	"math"
	"os"

	"golang.org/x/sys/windows"
)

const noFollow = 0

// On Windows the folders inherit the access list of the user's profile, and
// neither owner nor mode bits say anything.
func foreign(fs.FileInfo) bool { return false }

func tooOpen(fs.FileInfo, fs.FileMode) bool { return false }

// syncFolder does nothing: Windows has no sync of folders, NTFS journals names.
func syncFolder(string) error { return nil }

// tryLock locks one byte far behind the content, because Windows lets nobody
// read a locked range, and the content names the holder.
func tryLock(f *os.File) (bool, error) {
	at := &windows.Overlapped{Offset: math.MaxUint32 - 1, OffsetHigh: math.MaxInt32}
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, at)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, windows.ERROR_LOCK_VIOLATION), errors.Is(err, windows.ERROR_IO_PENDING):
		return false, nil
	}
	return false, err
}
