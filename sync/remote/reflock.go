package remote

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// In a folder that is the host a branch is moved as Git moves it: whoever makes
// <ref>.lock may change the ref, so that git and secr can push there at the same time. A
// process that is killed meanwhile leaves that file, and then nobody can push. So secr's
// lock can be told from every other one: it is a second name of a claim, a file
// secr-push-<boot and ref>-<random> beside HEAD, on which the process holds the system's
// lock. The system lets go of that when the process ends, however it ends. A claim of
// this boot that nobody holds is a dead process's, and so is the ref's lock if it is the
// same file. Of any other lock nothing is certain: it is waited for, and then named.

const (
	claimPrefix = "secr-push-"
	// stuckAfter is the age, by the file system's own clock, from which on a lock is no
	// longer waited for. Git holds one for milliseconds.
	stuckAfter = 10 * time.Second
	lockPeriod = 20 * time.Millisecond
)

// errPushing is the cause when a push of secr has the lock.
var errPushing = errors.New("another push of secr is under way")

// LockError is the lock of a branch in a folder, of which nobody knows who left it.
type LockError struct {
	Path string // of the lock file
	Age  time.Duration
}

func (e *LockError) Error() string {
	return fmt.Sprintf("%s has been there for %s", Clean(e.Path), e.Age.Round(time.Second))
}

// Hint is the command that removes it.
func (e *LockError) Hint() string {
	return "if no git is at work in there: rm '" + strings.ReplaceAll(Clean(e.Path), "'", `'\''`) + "'"
}

// refLock is a ref of a folder that this process may change, or wants to.
type refLock struct {
	path  string // of the ref
	boot  string // see bootID
	stem  string // how the claims of this boot on this ref begin
	claim *claim
	taken bool // the lock file is there and ours
}

// lockRef takes the lock of a ref, whose file has the content that the ref is to have.
func (f *folder) lockRef(ctx context.Context, ref, content string) (*refLock, error) {
	l := f.refLock(ref)
	if err := os.MkdirAll(filepath.Dir(l.path), 0o777); err != nil {
		return nil, err
	}
	var err error
	if l.claim, err = l.newClaim(content); err != nil {
		return nil, err
	}
	err = l.await(ctx, func() (bool, error) {
		err := l.take(content)
		l.taken = err == nil
		if errors.Is(err, fs.ErrExist) {
			err = nil
		}
		return l.taken, err
	})
	if err != nil {
		return nil, errors.Join(err, l.release())
	}
	return l, nil
}

// unlockRef makes sure that no lock of a ref is in git's way, for longer than git holds it.
func (f *folder) unlockRef(ctx context.Context, ref string) (err error) {
	l := f.refLock(ref)
	free := func() (bool, error) {
		_, err := os.Lstat(l.file())
		return errors.Is(err, fs.ErrNotExist), ignoreMissing(err)
	}
	if ok, err := free(); ok || err != nil {
		return err
	}
	if l.claim, err = l.newClaim(""); err != nil {
		return err
	}
	return errors.Join(l.await(ctx, free), l.release())
}

func (f *folder) refLock(ref string) *refLock {
	boot := bootID()
	sum := sha256.Sum256([]byte(boot + "\x00" + ref))
	return &refLock{
		boot: boot,
		path: filepath.Join(f.dir, filepath.FromSlash(ref)),
		stem: filepath.Join(f.dir, claimPrefix+hex.EncodeToString(sum[:8])+"-"),
	}
}

func (l *refLock) file() string { return l.path + ".lock" }

// take makes the lock file, whole from the start where the file system has links.
func (l *refLock) take(content string) error {
	err := os.Link(l.claim.path, l.file())
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrPermission) {
		return createSynced(l.file(), content)
	}
	return err
}

// createSynced is for file systems without links: what a crash leaves there, nobody can
// tell from a lock of git's.
func createSynced(path, content string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	_, err = file.WriteString(content)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// set makes the content the ref's.
func (l *refLock) set() error {
	if err := os.Rename(l.file(), l.path); err != nil {
		return err
	}
	l.taken = false
	return syncDir(filepath.Dir(l.path))
}

// release gives the lock back. A lock that was made the ref is no longer there, and the
// next one may be somebody else's.
func (l *refLock) release() error {
	var err error
	if l.taken {
		err = os.Remove(l.file())
	}
	return errors.Join(err, l.claim.drop())
}

// await tries again and again, until the lock that is in its way gets too old.
func (l *refLock) await(ctx context.Context, try func() (bool, error)) error {
	var seen fs.FileInfo
	var stuck <-chan time.Time
	for {
		l.bury()
		if done, err := try(); done || err != nil {
			return err
		}
		lock, err := os.Lstat(l.file())
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err == nil && (seen == nil || !os.SameFile(seen, lock) || !seen.ModTime().Equal(lock.ModTime())) {
			seen, stuck = lock, time.After(stuckAfter-l.claim.since(lock))
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-stuck:
			return l.stuck(seen)
		case <-time.After(lockPeriod):
		}
	}
}

// stuck is the error of a lock that is too old. One that a living process of secr holds
// is a slow push, and a lost race.
func (l *refLock) stuck(lock fs.FileInfo) error {
	for _, path := range l.claims() {
		if file, err := os.Open(path); err == nil {
			slow := isFile(l.file(), file)
			file.Close()
			if slow {
				return errPushing
			}
		}
	}
	return &LockError{Path: l.file(), Age: max(stuckAfter, l.claim.since(lock))}
}

// bury removes the claims of dead processes, and the lock of the ref with the one that
// it is. Who does so holds the claim meanwhile, so that nobody does it with him.
func (l *refLock) bury() {
	for _, path := range l.claims() {
		file, err := os.Open(path)
		if err != nil {
			continue // it is gone: its process has ended well
		}
		if dead, err := tryLock(file); err == nil && dead {
			if isFile(l.file(), file) {
				os.Remove(l.file()) // if it stays, it is named soon
			}
			os.Remove(path)
		}
		file.Close()
	}
}

// claims lists the claims of this boot on the ref. Without a boot there are none.
func (l *refLock) claims() []string {
	if l.boot == "" {
		return nil
	}
	dir, prefix := filepath.Split(l.stem)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // whatever is wrong with the folder, the push will find it
	}
	var out []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			out = append(out, filepath.Join(dir, e.Name()))
		}
	}
	return out
}

// claim is the file by which a lock is known for that of a living process.
type claim struct {
	path string
	file *os.File // nil where nobody can tell boots apart
}

// newClaim makes a claim and holds it. Who clears up may have taken a new one for that of
// a dead process before it was held: then there is another.
func (l *refLock) newClaim(content string) (*claim, error) {
	for {
		var name [8]byte
		rand.Read(name[:])
		c := &claim{path: l.stem + hex.EncodeToString(name[:])}
		if err := createSynced(c.path, content); err != nil || l.boot == "" {
			return c, err
		}
		held, err := c.hold()
		if err != nil {
			return nil, errors.Join(err, c.drop())
		}
		if held {
			return c, nil
		}
	}
}

func (c *claim) hold() (bool, error) {
	file, err := os.Open(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	c.file = file
	held, err := tryLock(file)
	if held && isFile(c.path, file) {
		return true, nil
	}
	return false, errors.Join(err, file.Close())
}

// drop removes the claim, and then lets go of it.
func (c *claim) drop() error {
	err := ignoreMissing(os.Remove(c.path))
	if c.file != nil {
		c.file.Close() // a claim that is gone is nobody's
	}
	return err
}

// since is how much older a file is than the claim, by the clock of the file system.
func (c *claim) since(file fs.FileInfo) time.Duration {
	own, err := os.Lstat(c.path)
	if err != nil {
		return 0
	}
	return max(own.ModTime().Sub(file.ModTime()), 0)
}

// isFile reports whether path names an open file.
func isFile(path string, file *os.File) bool {
	there, err := os.Lstat(path)
	if err != nil {
		return false
	}
	open, err := file.Stat()
	return err == nil && os.SameFile(there, open)
}
