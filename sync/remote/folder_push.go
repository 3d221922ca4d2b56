package remote

import (
	"bytes"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/secr/secr/vault/repo"
)

// looseMost is how many objects are written one by one into a folder, as Git does it.
const looseMost = 100

// packInto writes a branch's history, without what is in that of have, as one pack into
// the objects of a folder.
type packInto func(ctx context.Context, f *folder, p Push, have []Hash) error

// pushFolder writes the objects one by one and then moves the ref under Git's own lock,
// so that git and secr can push to the same folder at the same time.
func (t *transfer) pushFolder(ctx context.Context, p Push) error {
	f, err := openFolder(t.url)
	if err != nil {
		return err
	}
	defer f.objects.Close()
	if err := f.plain(p.Ref); err != nil {
		return &Error{Kind: Unsupported, URL: t.url.String(), Message: err.Error(), Err: err}
	}
	if err := t.mayMove(f, p); err != nil {
		return err
	}
	if p.New != (Hash{}) {
		if err := t.copyObjects(ctx, f, p); err != nil {
			return err
		}
	}
	return t.moveRef(ctx, f, p)
}

// unlock makes sure that no lock is in git's way to a branch in a folder.
func (b *Builtin) unlock(ctx context.Context, p Push) (err error) {
	ctx, t, end := b.begin(ctx, p.URL, p.Limits)
	defer func() { err = end(err) }()
	f, err := openFolder(t.url)
	if err != nil {
		return nil // git says what is wrong
	}
	defer f.objects.Close()
	if err := f.unlockRef(ctx, p.Ref); err != nil {
		return t.notLocked(err)
	}
	return nil
}

// mayMove looks whether the branch stands where it should.
func (t *transfer) mayMove(f *folder, p Push) error {
	refs, err := f.refs([]string{p.Ref}, t.limits.Refs)
	if err == nil && refs[p.Ref] != p.Old {
		err = &Error{Kind: Moved, URL: t.url.String()}
	}
	return err
}

// copyObjects brings what the folder lacks: a few objects one by one, many as a pack
// where there is somebody who makes good ones.
func (t *transfer) copyObjects(ctx context.Context, f *folder, p Push) error {
	src := repo.OpenForeign(filepath.Join(p.From, "objects"))
	defer src.Close()
	have, err := t.shared(f, src, p)
	if err != nil {
		return err
	}
	most := 0
	if t.b.pack != nil {
		most = looseMost
	}
	list, err := missing(ctx, src, walk{tip: p.New, have: have, most: most})
	if err != nil {
		return err
	}
	if most > 0 && len(list) > most {
		return t.b.pack(ctx, f, p, have)
	}
	return t.copyLoose(ctx, f, src, list)
}

// shared are commits of the folder that are here too. The old head is enough, if it is.
func (t *transfer) shared(f *folder, src *repo.Foreign, p Push) ([]Hash, error) {
	have, err := known(src, map[string]Hash{p.Ref: p.Old})
	if err != nil || len(have) > 0 {
		return have, err
	}
	refs, err := f.refs([]string{"refs/"}, t.limits.Refs)
	if err != nil {
		return nil, err
	}
	return known(src, refs)
}

func (t *transfer) copyLoose(ctx context.Context, f *folder, src *repo.Foreign, list []Hash) error {
	// What refers to others comes last, so that no object is there without its parts.
	folders := map[string]bool{}
	for i := len(list) - 1; i >= 0; i-- {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		t.pulse.beat()
		kind, data, err := src.Object(list[i])
		if err != nil {
			return err
		}
		path, err := f.writeObject(list[i], kind, data)
		if err != nil {
			return err
		}
		folders[filepath.Dir(path)] = true
	}
	for dir := range folders {
		if err := syncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

// bareSetting is what says that a repository has no work tree.
func bareSetting() *regexp.Regexp { return regexp.MustCompile(`(?m)^\s*bare\s*=\s*true\s*$`) }

// plain refuses repositories whose owner set rules for pushes, or shares them with a group,
// and branches that a work tree has checked out. Hooks are nobody's rules: those of a
// folder never run, whichever transport it is.
func (f *folder) plain(ref string) error {
	config, err := os.ReadFile(filepath.Join(f.dir, "config"))
	if ignoreMissing(err) != nil {
		return err
	}
	config = bytes.ToLower(config)
	for _, word := range []string{"[receive", "[transfer", "[include", "sharedrepository"} {
		if bytes.Contains(config, []byte(word)) {
			return errRules
		}
	}
	head, err := readSmall(filepath.Join(f.dir, "HEAD"), 1024)
	if err != nil {
		return err
	}
	if string(head) == "ref: "+ref+"\n" && !bareSetting().Match(config) {
		return errRules
	}
	if _, err := os.Lstat(filepath.Join(f.dir, "worktrees")); err == nil {
		return errRules
	}
	return nil
}

// writeObject writes one loose object: a temporary file, synced, renamed. The folder is
// the caller's to sync.
func (f *folder) writeObject(h Hash, kind string, data []byte) (string, error) {
	path := filepath.Join(f.dir, "objects", h.String()[:2], h.String()[2:])
	if info, err := os.Stat(path); err == nil && info.Size() > 0 {
		return path, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return "", err
	}
	file, err := os.CreateTemp(filepath.Dir(path), "tmp_obj_")
	if err != nil {
		return "", err
	}
	defer os.Remove(file.Name())
	z := zlib.NewWriter(file)
	_, err = fmt.Fprintf(z, "%s %d\x00", kind, len(data))
	if err == nil {
		_, err = z.Write(data)
	}
	if err := errors.Join(err, z.Close(), file.Sync(), file.Chmod(0o444), file.Close()); err != nil {
		return "", err
	}
	return path, os.Rename(file.Name(), path)
}

// moveRef moves the branch, if it still stands where it should.
func (t *transfer) moveRef(ctx context.Context, f *folder, p Push) (err error) {
	lock, err := f.lockRef(ctx, p.Ref, p.New.String()+"\n")
	if err != nil {
		return t.notLocked(err)
	}
	defer func() { err = errors.Join(err, lock.release()) }()
	if err := t.mayMove(f, p); err != nil {
		return err
	}
	if p.New == (Hash{}) {
		return t.deleteRef(f, p, lock.path)
	}
	return lock.set()
}

// notLocked says why the lock of a branch could not be had.
func (t *transfer) notLocked(err error) error {
	if stuck, ok := errors.AsType[*LockError](err); ok {
		return &Error{Kind: Locked, URL: t.url.String(), Message: stuck.Error(), Err: err}
	}
	if errors.Is(err, errPushing) {
		return &Error{Kind: Moved, URL: t.url.String(), Message: err.Error(), Err: err}
	}
	return err
}

// deleteRef removes a loose ref. A packed one would need all of them written again, which
// is left to git.
func (t *transfer) deleteRef(f *folder, p Push, path string) error {
	packed := map[string]Hash{}
	if err := f.packedRefs([]string{p.Ref}, packed); err != nil {
		return err
	}
	if len(packed) > 0 {
		return &Error{Kind: Unsupported, URL: t.url.String(), Message: "the branch is among the packed refs, which only git rewrites"}
	}
	return os.Remove(path)
}
