package remote

import (
	"bytes"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/secr/secr/vault/repo"
)

// folder is a repository in a folder of this machine, which may be shared with others.
type folder struct {
	dir     string
	objects *repo.Foreign
}

// maxRefFile bounds the file of packed refs.
const maxRefFile = 64 << 20

func openFolder(u URL) (*folder, error) {
	dir := u.path
	if info, err := os.Stat(filepath.Join(dir, ".git")); err == nil && info.IsDir() {
		dir = filepath.Join(dir, ".git")
	}
	for _, name := range []string{"objects", "refs", "HEAD"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return nil, &Error{Kind: NoRepository, URL: u.String(), Err: err}
		}
	}
	config, err := os.ReadFile(filepath.Join(dir, "config"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if bytes.Contains(bytes.ToLower(config), []byte("[extensions]")) {
		return nil, &Error{Kind: Unsupported, URL: u.String(), Message: "the repository uses extensions of Git"}
	}
	for name, what := range map[string]string{"shallow": "is a shallow clone", "objects/info/alternates": "borrows objects from another one"} {
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name))); err == nil {
			return nil, &Error{Kind: Unsupported, URL: u.String(), Message: "the repository " + what}
		}
	}
	return &folder{dir: dir, objects: repo.OpenForeign(filepath.Join(dir, "objects"))}, nil
}

// refs reads all refs that are wanted: the packed ones, and over them the loose ones.
func (f *folder) refs(wanted func(string) bool, limit int) (map[string]Hash, error) {
	out := map[string]Hash{}
	if err := f.packedRefs(wanted, out); err != nil {
		return nil, err
	}
	root := filepath.Join(f.dir, "refs")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".lock") {
			return ignoreMissing(err)
		}
		rel, err := filepath.Rel(f.dir, path)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		if !wanted(name) || checkRef(name) != nil {
			return nil
		}
		text, err := readSmall(path, 1024)
		if err != nil {
			return ignoreMissing(err)
		}
		h, err := repo.ParseHash(strings.TrimSpace(string(text)))
		if err != nil {
			return fmt.Errorf("ref %s: %w", name, err)
		}
		out[name] = h
		return nil
	})
	if err == nil && len(out) > limit {
		err = errSize
	}
	return out, err
}

func (f *folder) packedRefs(wanted func(string) bool, out map[string]Hash) error {
	text, err := readSmall(filepath.Join(f.dir, "packed-refs"), maxRefFile)
	if err != nil {
		return ignoreMissing(err)
	}
	for line := range strings.Lines(string(text)) {
		id, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if !ok || !wanted(name) || checkRef(name) != nil {
			continue
		}
		if h, err := repo.ParseHash(id); err == nil {
			out[name] = h
		}
	}
	return nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func readSmall(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = errSize
	}
	return data, err
}

func (t *transfer) listFolder(q List) (map[string]Hash, error) {
	f, err := openFolder(t.url)
	if err != nil {
		return nil, err
	}
	return f.refs(q.wanted, t.limits.Refs)
}

func (t *transfer) fetchFolder(ctx context.Context, q Fetch) (Hash, error) {
	f, err := openFolder(t.url)
	if err != nil {
		return Hash{}, err
	}
	defer f.objects.Close()
	refs, err := f.refs(func(name string) bool { return name == q.Ref }, t.limits.Refs)
	if err != nil {
		return Hash{}, err
	}
	tip, ok := refs[q.Ref]
	if !ok {
		return Hash{}, &Error{Kind: NoBranch, URL: t.url.String(), Message: q.Ref}
	}
	if here, err := q.Into.Repo().Has(tip); err != nil || here {
		return tip, err
	}
	list, err := missing(ctx, f.objects, tip, q.Have)
	if err != nil {
		return Hash{}, err
	}
	if len(list) > t.limits.Objects {
		return Hash{}, errSize
	}
	r, w := io.Pipe()
	defer r.Close()
	go func() { w.CloseWithError(writePack(ctx, w, f.objects, list)) }()
	return tip, t.importPack(ctx, q.Into, t.pulse.reader(r))
}

// pushFolder writes the objects one by one and then moves the ref under Git's own lock,
// so that git and secr can push to the same folder at the same time.
func (t *transfer) pushFolder(ctx context.Context, p Push) error {
	f, err := openFolder(t.url)
	if err != nil {
		return err
	}
	defer f.objects.Close()
	if err := f.plain(); err != nil {
		return &Error{Kind: Unsupported, URL: t.url.String(), Message: err.Error(), Err: err}
	}
	refs, err := f.refs(func(string) bool { return true }, t.limits.Refs)
	if err != nil {
		return err
	}
	if refs[p.Ref] != p.Old {
		return &Error{Kind: Moved, URL: t.url.String()}
	}
	if p.New != (Hash{}) {
		if err := t.copyObjects(ctx, f, p, refs); err != nil {
			return err
		}
	}
	return t.moveRef(f, p)
}

func (t *transfer) copyObjects(ctx context.Context, f *folder, p Push, refs map[string]Hash) error {
	src := repo.OpenForeign(filepath.Join(p.From, "objects"))
	defer src.Close()
	have, err := known(src, refs)
	if err != nil {
		return err
	}
	list, err := missing(ctx, src, p.New, have)
	if err != nil {
		return err
	}
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

// plain refuses repositories whose owner set rules for pushes. Hooks are nobody's rules:
// those of a folder never run, whichever transport it is.
func (f *folder) plain() error {
	config, err := os.ReadFile(filepath.Join(f.dir, "config"))
	if err == nil && (bytes.Contains(bytes.ToLower(config), []byte("[receive")) || bytes.Contains(bytes.ToLower(config), []byte("[include"))) {
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

// moveRef is Git's way to change a ref: the lock file, a look at the value, a rename.
func (t *transfer) moveRef(f *folder, p Push) error {
	path := filepath.Join(f.dir, filepath.FromSlash(p.Ref))
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return &Error{Kind: Moved, URL: t.url.String(), Message: "somebody else is changing the branch", Err: err}
	}
	if err != nil {
		return err
	}
	defer os.Remove(path + ".lock") // after the rename there is none
	_, err = fmt.Fprintf(lock, "%s\n", p.New)
	if err := errors.Join(err, lock.Sync(), lock.Close()); err != nil {
		return err
	}
	refs, err := f.refs(func(name string) bool { return name == p.Ref }, t.limits.Refs)
	if err != nil {
		return err
	}
	if refs[p.Ref] != p.Old {
		return &Error{Kind: Moved, URL: t.url.String()}
	}
	if p.New == (Hash{}) {
		return t.deleteRef(f, p, path)
	}
	if err := os.Rename(path+".lock", path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// deleteRef removes a loose ref. A packed one would need all of them written again, which
// is left to git.
func (t *transfer) deleteRef(f *folder, p Push, path string) error {
	packed := map[string]Hash{}
	if err := f.packedRefs(func(name string) bool { return name == p.Ref }, packed); err != nil {
		return err
	}
	if len(packed) > 0 {
		return &Error{Kind: Unsupported, URL: t.url.String(), Message: "the branch is among the packed refs, which only git rewrites"}
	}
	return os.Remove(path)
}
