package local

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"unsafe"
)

// ReadFile reads a file of ours of at most limit bytes. It refuses a
// symbolic link, anything but a plain file, a file of another user and a
// larger one, and closes a file that others could write. A missing file is
// fs.ErrNotExist.
func ReadFile(path string, limit int64) ([]byte, error) {
	p, err := openOwn(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	return p.readAll(limit)
}

// ReadText is [ReadFile] of a text.
func ReadText(path string, limit int64) (string, error) {
	data, err := ReadFile(path, limit)
	return text(data), err
}

// ReadShared is [ReadText] for a file that belongs to the project: a work
// tree may well be open to the user's group, and stays so.
func ReadShared(path string, limit int64) (string, error) {
	p, err := OpenPlain(path)
	if err != nil {
		return "", err
	}
	defer p.Close()
	if p.foreign() {
		return "", &FileError{Path: path, Err: ErrForeign}
	}
	data, err := p.readAll(limit)
	return text(data), err
}

// text is data as a string in the same memory, which nobody may write to again.
func text(data []byte) string { return unsafe.String(unsafe.SliceData(data), len(data)) }

// OpenPlain opens a plain file for reading, and refuses a symbolic link, a pipe
// or whatever else could block or surprise a reader.
func OpenPlain(path string) (*Plain, error) { return openPlain(path, os.O_RDONLY) }

// openPlain opens what is then certain to be a plain file.
func openPlain(path string, flags int) (*Plain, error) {
	p, err := openNoFollow(path, flags)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		if fi, lerr := os.Lstat(path); lerr == nil && !fi.Mode().IsRegular() {
			return nil, &FileError{Path: path, Err: kindError(fi.Mode())}
		}
		return nil, err
	}
	if !p.regular() {
		p.Close()
		return nil, &FileError{Path: path, Err: ErrNotRegular}
	}
	return p, nil
}

// openOwn opens a file of ours after the checks of ReadFile.
func openOwn(path string, flags int) (*Plain, error) {
	p, err := openPlain(path, flags)
	if err != nil {
		return nil, err
	}
	switch {
	case p.foreign():
		err = &FileError{Path: path, Err: ErrForeign}
	case p.tooOpen(0o022) && p.chmod(0o600) != nil:
		err = &FileError{Path: path, Err: ErrTooOpen}
	}
	if err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// readAll reads the whole file if it has at most limit bytes.
func (p *Plain) readAll(limit int64) ([]byte, error) {
	size := p.Size()
	// Small files get memory of one size: another size would be another page.
	data := Memory(int(max(min(size, limit)+1, 512)))[:0]
	for {
		n, err := p.ReadAt(data[len(data):cap(data)], int64(len(data)))
		data = data[:len(data)+n]
		switch {
		case int64(len(data)) > limit:
			return nil, &FileError{Path: p.Name(), Err: ErrTooLarge}
		case err == io.EOF:
			return data, nil
		case err != nil:
			return nil, err
		}
		data = append(data, 0)[:len(data)] // it has grown since
	}
}

func kindError(mode fs.FileMode) error {
	if mode&fs.ModeSymlink != 0 {
		return ErrSymlink
	}
	return ErrNotRegular
}
