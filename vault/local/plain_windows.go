package local

import (
	"errors"
	"io/fs"
	"math"
	"os"

	"golang.org/x/sys/windows"
)

// Plain is an open plain file, and needs to be closed. One goroutine may use it
// at a time.
type Plain struct {
	*os.File
	info fs.FileInfo // as it was when it was opened
}

func openNoFollow(path string, flags int) (*Plain, error) {
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	return &Plain{f, info}, nil
}

func (p *Plain) regular() bool { return p.info.Mode().IsRegular() }

func (p *Plain) foreign() bool { return foreign(p.info) }

func (p *Plain) tooOpen(bits uint32) bool { return tooOpen(p.info, fs.FileMode(bits)) }

func (p *Plain) chmod(mode uint32) error { return p.File.Chmod(fs.FileMode(mode)) }

// Size is the length that the file had when it was opened, in bytes.
func (p *Plain) Size() int64 { return p.info.Size() }

// measure is the length that the file has now.
func (p *Plain) measure() (int64, error) {
	info, err := p.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// tryLock locks one byte far behind the content, because Windows lets nobody
// read a locked range, and the content names the holder.
func (p *Plain) tryLock() (bool, error) {
	at := &windows.Overlapped{Offset: math.MaxUint32 - 1, OffsetHigh: math.MaxInt32}
	err := windows.LockFileEx(windows.Handle(p.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, at)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, windows.ERROR_LOCK_VIOLATION), errors.Is(err, windows.ERROR_IO_PENDING):
		return false, nil
	}
	return false, &fs.PathError{Op: "lock", Path: p.Name(), Err: err}
}
