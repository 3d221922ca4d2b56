package local

import (
	"errors"
	"fmt"
)

// What can be wrong with a file of ours. Each is found with errors.Is in a
// [FileError], which names the file.
var (
	ErrSymlink    = errors.New("is a symbolic link where secr keeps a file of its own")
	ErrNotRegular = errors.New("is not a plain file")
	ErrNotFolder  = errors.New("is not a folder")
	ErrForeign    = errors.New("belongs to another user")
	ErrTooOpen    = errors.New("can be changed by other users, and secr could not close it: chmod go-w it")
	ErrTooLarge   = errors.New("is too large")
	ErrDamaged    = errors.New("is damaged")
)

// FileError says that a file or folder of ours is not as secr left it and
// was therefore not used. Err is one of the sentinels of this package.
type FileError struct {
	Path string
	Err  error
}

func (e *FileError) Error() string { return e.Path + " " + e.Err.Error() }

func (e *FileError) Unwrap() error { return e.Err }

func damaged(path, format string, args ...any) error {
	return &FileError{Path: path, Err: fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))}
}
