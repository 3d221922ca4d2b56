package remote

import "context"

// Locking is the lock of a ref in a folder, for tests that stop in the middle of a push.
type Locking struct{ lock *refLock }

// LockRef takes it.
func LockRef(ctx context.Context, u URL, ref string, to Hash) (Locking, error) {
	f, err := openFolder(u)
	if err != nil {
		return Locking{}, err
	}
	l, err := f.lockRef(ctx, ref, to.String()+"\n")
	return Locking{l}, err
}

// Set moves the ref.
func (l Locking) Set() error { return l.lock.set() }

// Release gives the lock back.
func (l Locking) Release() error { return l.lock.release() }
