package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/secr/secr/vault/repo"
)

// folder is a repository in a folder of this machine, which may be shared with others.
type folder struct {
	dir     string
	objects *repo.Foreign
}

var (
	errSymbolic = errors.New("stands for another ref")
	errNoFile   = errors.New("is no plain file")
)

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

// refs reads those of the named refs that are there. A name that ends in a slash is all
// refs under it. What git packs meanwhile is packed before it is no longer loose, so it is
// looked for in that order.
func (f *folder) refs(names []string, limit int) (map[string]Hash, error) {
	out := map[string]Hash{}
	for _, name := range names {
		read := f.looseRef
		if strings.HasSuffix(name, "/") {
			read = f.looseRefs
		}
		if err := read(name, out); err != nil {
			return nil, err
		}
	}
	if err := f.packedRefs(names, out); err != nil {
		return nil, err
	}
	if len(out) > limit {
		return nil, errSize
	}
	return out, nil
}

// looseRefs reads the refs under a folder. What points to another ref is another name for
// what is there.
func (f *folder) looseRefs(name string, out map[string]Hash) error {
	return filepath.WalkDir(filepath.Join(f.dir, filepath.FromSlash(name)), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return ignoreMissing(err)
		}
		rel, err := filepath.Rel(f.dir, path)
		if err != nil {
			return err
		}
		ref := filepath.ToSlash(rel)
		if checkRef(ref) != nil {
			return nil
		}
		if err := f.looseRef(ref, out); !errors.Is(err, errSymbolic) {
			return err
		}
		return nil
	})
}

func (f *folder) looseRef(name string, out map[string]Hash) error {
	text, err := readSmall(filepath.Join(f.dir, filepath.FromSlash(name)), 1024)
	if err != nil {
		return ignoreMissing(err)
	}
	if bytes.HasPrefix(text, []byte("ref:")) {
		return fmt.Errorf("ref %s: %w", name, errSymbolic)
	}
	h, err := repo.ParseHash(strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("ref %s: %w", name, err)
	}
	out[name] = h
	return nil
}

// packedRefs adds those that are not loose.
func (f *folder) packedRefs(names []string, out map[string]Hash) error {
	text, err := readSmall(filepath.Join(f.dir, "packed-refs"), maxRefFile)
	if err != nil {
		return ignoreMissing(err)
	}
	for line := range strings.Lines(string(text)) {
		id, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if !ok || !named(names, name) || checkRef(name) != nil {
			continue
		}
		h, err := repo.ParseHash(id)
		if _, loose := out[name]; err == nil && !loose {
			out[name] = h
		}
	}
	return nil
}

// ignoreMissing takes it for no failure that something isn't there, or a file is where a
// folder would be.
func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	return err
}

// readSmall reads a plain file. Whatever else has its name must not keep us waiting.
func readSmall(path string, limit int64) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|noWait, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, fs.ErrNotExist
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w", path, errNoFile)
	}
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
	return f.refs(q.Refs, t.limits.Refs)
}

func (t *transfer) fetchFolder(ctx context.Context, q Fetch) (Hash, error) {
	f, err := openFolder(t.url)
	if err != nil {
		return Hash{}, err
	}
	defer f.objects.Close()
	refs, err := f.refs([]string{q.Ref}, t.limits.Refs)
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
	list, err := missing(ctx, f.objects, walk{tip: tip, have: q.Have})
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
