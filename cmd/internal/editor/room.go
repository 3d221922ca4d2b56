package editor

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/secr/secr/cmd/internal/exit"
)

// roomPrefix begins the names of our folders.
const roomPrefix = "secr-edit-"

// room is a folder for one text. Its lock, where there are such, is free when its owner was
// killed.
type room struct {
	folder string
	memory bool
	lock   *os.File
	first  *os.File // the file as it was made: an editor may put another in its place
}

// place is a folder in which a room may be.
type place struct {
	folder string
	memory bool
}

// places lists where a room may be, the best first.
func (j Job) places() []place {
	var out []place
	for _, folder := range memoryFolders(j.System.Getenv) {
		if inMemory(folder) {
			out = append(out, place{folder, true})
		}
	}
	return append(out, place{os.TempDir(), inMemory(os.TempDir())})
}

// room makes a folder in the first place that has room for one, after clearing away those
// of secr processes that were killed.
func (j Job) room(places []place) (*room, error) {
	err := errors.New("there is no folder for a temporary file")
	for _, p := range places {
		real, bad := filepath.EvalSymlinks(p.folder)
		if bad != nil {
			err = bad
			continue
		}
		if within(real, j.Avoid) {
			err = exit.New(exit.Failed, "the temporary folder %s lies in the project", p.folder).WithHint("TMPDIR names another")
			continue
		}
		sweep(real, j.System.Now())
		var r *room
		if r, err = newRoom(real, p.memory); err != nil {
			continue
		}
		if !p.memory {
			j.Warn("this system has no folder in memory: while the editor runs, plain text lies in %s", real)
		}
		return r, nil
	}
	return nil, err
}

func newRoom(parent string, memory bool) (*room, error) {
	folder, err := os.MkdirTemp(parent, roomPrefix)
	if err != nil {
		return nil, err
	}
	r := &room{folder: folder, memory: memory}
	if r.lock, err = lockFolder(folder); err != nil {
		return nil, errors.Join(err, os.Remove(folder))
	}
	return r, nil
}

// within says whether a folder is another or lies in it. Both are without symbolic links.
func within(folder, other string) bool {
	real, err := filepath.EvalSymlinks(other)
	if other == "" || err != nil {
		return false
	}
	way, err := filepath.Rel(real, folder)
	return err == nil && way != ".." && !strings.HasPrefix(way, ".."+string(os.PathSeparator))
}

func (r *room) write(name string, text []byte) error {
	f, err := os.OpenFile(filepath.Join(r.folder, name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err != nil || runtime.GOOS == "windows" { // where nobody could replace an open file
		return errors.Join(err, f.Close())
	}
	r.first = f
	return nil
}

// read takes back what the editor left.
func (r *room) read(name string, limit int) ([]byte, error) {
	path := filepath.Join(r.folder, name)
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, exit.New(exit.Failed, "the editor removed the file, so nothing was changed")
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, exit.New(exit.Failed, "the editor left no plain file, so nothing was changed")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err == nil && len(text) > limit {
		clear(text)
		return nil, exit.New(exit.Failed, "the text has more than %d bytes, so nothing was changed", limit)
	}
	return text, err
}

// clear overwrites every file and removes the folder.
func (r *room) clear() error {
	var errs []error
	if r.first != nil {
		errs = append(errs, r.overwrite(r.first))
	}
	errs = append(errs, filepath.WalkDir(r.folder, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return os.Chmod(path, 0o700) // an editor may have closed it
		case !d.Type().IsRegular():
			return nil
		}
		if err := os.Chmod(path, 0o600); err != nil {
			return err
		}
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return r.overwrite(f)
	}))
	if r.lock != nil {
		errs = append(errs, r.lock.Close())
	}
	errs = append(errs, os.RemoveAll(r.folder))
	return errors.Join(errs...)
}

// overwrite puts zeros over a file and closes it. On a disk that writes in place they
// replace what was there; on one that doesn't, nothing of ours could.
func (r *room) overwrite(f *os.File) error {
	info, err := f.Stat()
	if err == nil {
		_, err = io.Copy(io.NewOffsetWriter(f, 0), io.LimitReader(zeros{}, info.Size()))
	}
	if err == nil && !r.memory {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// zeros is an endless row of them.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
