package local

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	// lockLimit bounds what a lock file may hold.
	lockLimit = 512
	// patience is how long anybody waits for a lock. A queue of writers moves in
	// milliseconds: a lock that is held so long is stuck.
	patience = time.Minute
)

// Holder is who has, or had, a lock.
type Holder struct {
	PID     int
	Purpose string // a word or two for people, such as "set" or "sync"
}

// LockedError says that somebody else kept the lock until the deadline. It
// wraps the context's error.
type LockedError struct {
	Path   string
	Holder Holder // zero if unknown
	Err    error
}

func (e *LockedError) Error() string {
	if e.Holder == (Holder{}) {
		return fmt.Sprintf("%s is locked by another process", e.Path)
	}
	return fmt.Sprintf("%s is locked by process %d (%s)", e.Path, e.Holder.PID, e.Holder.Purpose)
}

func (e *LockedError) Unwrap() error { return e.Err }

// Lock is a lock that is held. The system takes it away when the process
// ends, however it ends.
type Lock struct {
	file      *Plain
	abandoned Holder
	mended    bool
}

// Lock takes the vault's lock, which every writer of its files and of its
// repository holds. It waits until ctx is done, a minute at most, and then
// fails with a [LockedError] that names the holder. Readers take no lock.
func (v Vault) Lock(ctx context.Context, purpose string) (*Lock, error) {
	if err := MakeFolder(v.State()); err != nil {
		return nil, err
	}
	return TakeLock(ctx, filepath.Join(v.State(), "lock"), purpose)
}

// TakeLock takes the lock of a file of ours, as [Vault.Lock] does. The file is
// created if need be and stays for ever. Two locks of one file exclude each
// other within a process, too.
func TakeLock(ctx context.Context, path, purpose string) (*Lock, error) {
	f, err := openOwn(path, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, err
	}
	if err := waitLock(ctx, f, patience); err != nil {
		f.Close()
		return nil, err
	}
	l := &Lock{file: f, abandoned: readHolder(f)}
	if err := l.sign(purpose); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return l, nil
}

// waitLock locks an open file.
func waitLock(ctx context.Context, f *Plain, patience time.Duration) error {
	// A timer costs more than the lock, which is nearly always free.
	if ok, err := f.tryLock(); ok || err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for wait := time.Millisecond; ; wait = min(wait+time.Millisecond, 20*time.Millisecond) {
		select {
		case <-ctx.Done():
			return &LockedError{Path: f.Name(), Holder: readHolder(f), Err: context.Cause(ctx)}
		case <-time.After(wait):
		}
		if ok, err := f.tryLock(); ok || err != nil {
			return err
		}
	}
}

// sign writes who holds the lock. The file is never empty meanwhile: that
// would hide from the next holder that this one was killed. It is not synced:
// after a power cut there is nobody left to wait.
func (l *Lock) sign(purpose string) error {
	return l.write(Holder{PID: os.Getpid(), Purpose: cut(purpose)})
}

func (l *Lock) write(h Holder) error {
	line := fmt.Appendf(nil, "%d %s\n", h.PID, strconv.Quote(h.Purpose))
	if _, err := l.file.WriteAt(line, 0); err != nil {
		return err
	}
	return l.file.Truncate(int64(len(line)))
}

// Abandoned names the last holder if it ended without unlocking, killed for
// example. What it was writing may need to be mended. Whoever has done that
// says so by [Lock.Mended]; otherwise the next holder hears of it, too.
func (l *Lock) Abandoned() (Holder, bool) { return l.abandoned, l.abandoned != Holder{} }

// Mended says that what an abandoned lock left behind is in order again.
func (l *Lock) Mended() { l.mended = true }

// Unlock gives the lock back.
func (l *Lock) Unlock() error {
	var err error
	if _, ok := l.Abandoned(); ok && !l.mended {
		err = l.write(l.abandoned)
	} else {
		err = l.file.Truncate(0)
	}
	if cerr := l.file.Close(); err == nil {
		err = cerr
	}
	return err
}

func readHolder(f *Plain) Holder {
	data := make([]byte, lockLimit)
	n, err := f.ReadAt(data, 0)
	if err == nil || n == 0 {
		return Holder{}
	}
	line, _, whole := strings.Cut(string(data[:n]), "\n")
	pid, quoted, ok := strings.Cut(line, " ")
	if !whole || !ok {
		return Holder{}
	}
	number, err := strconv.Atoi(pid)
	if err != nil || number <= 0 {
		return Holder{}
	}
	purpose, err := strconv.Unquote(quoted)
	if err != nil {
		return Holder{}
	}
	return Holder{PID: number, Purpose: purpose}
}
