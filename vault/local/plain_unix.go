//go:build unix

package local

import (
	"errors"
	"io"
	"io/fs"

	"golang.org/x/sys/unix"
)

// Plain is an open plain file, and needs to be closed. It is a bare descriptor: an
// os.File would be introduced to Go's poller, which takes longer than all that
// `secr run` does with its small files. One goroutine may use it at a time.
type Plain struct {
	path string
	fd   int
	stat unix.Stat_t // as it was when it was opened
}

// openNoFollow fails on a symbolic link and does not hang on a pipe.
func openNoFollow(path string, flags int) (*Plain, error) {
	p := &Plain{path: path}
	err := p.try("open", func() (err error) {
		p.fd, err = unix.Open(path, flags|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0o600)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := p.fstat(); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// try does a system call, again when a signal came between.
func (p *Plain) try(what string, call func() error) error {
	for {
		err := call()
		if err == nil {
			return nil
		}
		if err != unix.EINTR {
			return &fs.PathError{Op: what, Path: p.path, Err: err}
		}
	}
}

func (p *Plain) fstat() error {
	return p.try("stat", func() error { return unix.Fstat(p.fd, &p.stat) })
}

func (p *Plain) regular() bool { return p.stat.Mode&unix.S_IFMT == unix.S_IFREG }

func (p *Plain) foreign() bool { return foreignUser(p.stat.Uid) }

func (p *Plain) tooOpen(bits uint32) bool { return uint32(p.stat.Mode)&bits != 0 }

func (p *Plain) chmod(mode uint32) error {
	return p.try("chmod", func() error { return unix.Fchmod(p.fd, mode) })
}

// Name is the path that the file was opened by.
func (p *Plain) Name() string { return p.path }

// Size is the length that the file had when it was opened, in bytes.
func (p *Plain) Size() int64 { return p.stat.Size }

// measure is the length that the file has now.
func (p *Plain) measure() (int64, error) {
	err := p.fstat()
	return p.stat.Size, err
}

// ReadAt fills b from offset on, and fails with io.EOF if the file ends before.
func (p *Plain) ReadAt(b []byte, offset int64) (n int, err error) {
	for n < len(b) {
		m := 0
		err := p.try("read", func() (err error) {
			m, err = unix.Pread(p.fd, b[n:], offset+int64(n))
			return err
		})
		if err != nil {
			return n, err
		}
		n += m
		// A file that ends where it did when it was opened need not be asked again.
		if m == 0 || n < len(b) && offset+int64(n) == p.stat.Size {
			return n, io.EOF
		}
	}
	return n, nil
}

// Write adds b where the file's position is: at its end, for one that is opened so.
func (p *Plain) Write(b []byte) (int, error) {
	return p.writeAll(b, func(rest []byte, _ int) (int, error) { return unix.Write(p.fd, rest) })
}

// WriteAt writes b over what is at offset.
func (p *Plain) WriteAt(b []byte, offset int64) (int, error) {
	return p.writeAll(b, func(rest []byte, done int) (int, error) { return unix.Pwrite(p.fd, rest, offset+int64(done)) })
}

func (p *Plain) writeAll(b []byte, write func(rest []byte, done int) (int, error)) (n int, err error) {
	for n < len(b) {
		m := 0
		err := p.try("write", func() (err error) {
			m, err = write(b[n:], n)
			return err
		})
		if err != nil {
			return n, err
		}
		if m == 0 {
			return n, io.ErrUnexpectedEOF
		}
		n += m
	}
	return n, nil
}

// Truncate makes the file size bytes long.
func (p *Plain) Truncate(size int64) error {
	return p.try("truncate", func() error { return unix.Ftruncate(p.fd, size) })
}

// Close closes the file, and with that gives back its lock.
func (p *Plain) Close() error {
	if err := unix.Close(p.fd); err != nil {
		return &fs.PathError{Op: "close", Path: p.path, Err: err}
	}
	return nil
}

// tryLock takes the lock of an open file, and reports whether it got it.
func (p *Plain) tryLock() (bool, error) {
	err := p.try("lock", func() error { return unix.Flock(p.fd, unix.LOCK_EX|unix.LOCK_NB) })
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
