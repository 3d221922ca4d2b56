package session

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

const (
	keyType = "user"
	usual   = 128 // bytes that are mostly kept
	// possessorOnly lets a process use the key if it can reach it through its own
	// keyrings, and gives a process that just knows its number nothing.
	possessorOnly = 0x3f000000
)

// inProcess runs f on one thread that possesses the user's keyring. Credentials
// belong to threads, and without the link SET_TIMEOUT and READ of a key that is
// for possessors fail with EACCES.
func inProcess(f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return possessing(f)
}

func possessing(f func() error) error {
	if _, err := unix.KeyctlInt(unix.KEYCTL_LINK, unix.KEY_SPEC_USER_KEYRING, unix.KEY_SPEC_PROCESS_KEYRING, 0, 0); err != nil {
		return err
	}
	return f()
}

func description(name string) string { return "secr:" + name }

func get(name string) ([]byte, error) {
	var data []byte
	read := func() error {
		id, err := unix.KeyctlSearch(unix.KEY_SPEC_USER_KEYRING, keyType, description(name), 0)
		if err != nil {
			return err
		}
		data, err = payload(id)
		return err
	}
	// The first lock on a thread makes Go start another one, which costs more than the
	// reading. Without it the thread seldom changes in between, and that shows.
	err := possessing(read)
	if errors.Is(err, unix.EACCES) {
		err = inProcess(read)
	}
	if err != nil || len(data) == 0 {
		return nil, ErrMiss
	}
	return data, nil
}

// payload reads a key. The kernel says how long it is, whatever the buffer: one that takes
// all it might hold would cost every command eight pages.
func payload(id int) ([]byte, error) {
	for size := usual; ; {
		buffer := make([]byte, size)
		n, err := unix.KeyctlBuffer(unix.KEYCTL_READ, id, buffer, 0)
		if err != nil {
			return nil, err
		}
		if n <= len(buffer) {
			return buffer[:n], nil
		}
		clear(buffer)
		size = n
	}
}

func put(name string, data []byte, life time.Duration) error {
	err := inProcess(func() error {
		id, err := unix.AddKey(keyType, description(name), data, unix.KEY_SPEC_USER_KEYRING)
		if err != nil {
			forget(name) // an older value must not stay
			return err
		}
		seconds := min(life/time.Second, 1<<31-1)
		if _, err = unix.KeyctlInt(unix.KEYCTL_SET_TIMEOUT, id, int(seconds), 0, 0); err == nil {
			err = unix.KeyctlSetperm(id, possessorOnly)
		}
		if err != nil { // never a key without an end
			forget(name)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}

func remove(name string) error {
	err := inProcess(func() error { return forget(name) })
	switch {
	case err == nil, errors.Is(err, unix.ENOKEY), errors.Is(err, unix.EKEYEXPIRED), errors.Is(err, unix.EKEYREVOKED):
		return nil
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM), errors.Is(err, unix.EOPNOTSUPP):
		return nil // where nothing can be asked for, nothing was kept
	}
	return fmt.Errorf("session: can't forget: %w", err)
}

// forget makes the key unreadable at once and takes it out of the keyring.
func forget(name string) error {
	id, err := unix.KeyctlSearch(unix.KEY_SPEC_USER_KEYRING, keyType, description(name), 0)
	if err != nil {
		return err
	}
	if _, err := unix.KeyctlInt(unix.KEYCTL_INVALIDATE, id, 0, 0, 0); err == nil {
		return nil
	}
	_, err = unix.KeyctlInt(unix.KEYCTL_UNLINK, id, unix.KEY_SPEC_USER_KEYRING, 0, 0)
	return err
}
