package repo

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/secr/secr/vault/local"
)

// refCount bounds the refs that are listed.
const refCount = 1 << 16

func (r *Repo) packedRefsPath() string { return filepath.Join(r.folder, "packed-refs") }

// packedRefs reads the refs that Git has put into one file.
func (r *Repo) packedRefs() (map[string]Hash, error) {
	path := r.packedRefsPath()
	data, err := local.ReadFile(path, packedRefLimit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	refs := map[string]Hash{}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "#") || strings.HasPrefix(line, "^") {
			continue
		}
		id, name, ok := strings.Cut(line, " ")
		h, err := ParseHash(id)
		if !ok || err != nil {
			return nil, damaged("%s has a line %.80q", path, line)
		}
		refs[name] = h
	}
	return refs, lines.Err()
}

// Refs lists the refs whose names start with prefix, such as "refs/secr/".
// One that is damaged fails the whole list.
func (r *Repo) Refs(prefix string) (map[string]Hash, error) {
	found, err := r.packedRefs()
	if err != nil {
		return nil, err
	}
	refs := map[string]Hash{}
	for name, h := range found {
		if strings.HasPrefix(name, prefix) {
			refs[name] = h
		}
	}
	err = filepath.WalkDir(filepath.Join(r.folder, "refs"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		relative, err := filepath.Rel(r.folder, path)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(relative)
		if !strings.HasPrefix(name, prefix) || !validRef(name) || unfinished(e.Name()) {
			return nil
		}
		if len(refs) == refCount {
			return tooLarge("more than %d refs", refCount)
		}
		h, err := r.Ref(name)
		if err == nil {
			refs[name] = h
		}
		return err
	})
	return refs, err
}

// DeleteRef removes a ref durably. It is no error if there is none. The
// caller holds the vault's lock.
func (r *Repo) DeleteRef(name string) error {
	if !validRef(name) {
		return fmt.Errorf("%.80q is not the name of a ref", name)
	}
	// First where Git packed it: otherwise that older value would come back.
	if err := r.unpackRef(name); err != nil {
		return fmt.Errorf("delete %s: %w", name, err)
	}
	path := r.refPath(name)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := r.disk.Remove(path); err != nil {
		return fmt.Errorf("delete %s: %w", name, err)
	}
	return r.disk.SyncFolder(filepath.Dir(path))
}

// unpackRef drops a ref from the file of packed refs.
func (r *Repo) unpackRef(name string) error {
	packed, err := r.packedRefs()
	if _, there := packed[name]; err != nil || !there {
		return err
	}
	data, err := local.ReadFile(r.packedRefsPath(), packedRefLimit)
	if err != nil {
		return err
	}
	var kept []byte
	drop := false
	for line := range bytes.Lines(data) {
		// A line with "^" belongs to the ref before it.
		if !bytes.HasPrefix(line, []byte("^")) {
			_, rest, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(" "))
			drop = string(rest) == name
		}
		if !drop {
			kept = append(kept, line...)
		}
	}
	return r.disk.WriteFile(r.packedRefsPath(), kept)
}
