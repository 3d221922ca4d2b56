package repo

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// packCount bounds the packs that are listed. A vault that is cared for has a
// few dozen.
const packCount = 1 << 16

// store is one folder of objects: loose ones and packs. Reading is safe for
// concurrent use, also while other processes write, pack and delete.
type store struct {
	folder    string
	inflaters inflaters
	hashers   sync.Pool
	cache     cache

	mu    sync.RWMutex
	packs []*pack // nil until listed; newest first
}

func newStore(folder string) *store { return &store{folder: folder} }

func (s *store) packFolder() string { return filepath.Join(s.folder, "pack") }

// list returns the packs, listing them on first use.
func (s *store) list() ([]*pack, error) {
	s.mu.RLock()
	packs := s.packs
	s.mu.RUnlock()
	if packs != nil {
		return packs, nil
	}
	return s.relist()
}

// relist looks again which packs there are. A pack counts when both its
// files are there: the index is always the last to come and the first to go.
// Packs that are gone may be in use by another reader in this process: they
// are left to the garbage collector, which closes their files.
func (s *store) relist() ([]*pack, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names, err := packNames(s.packFolder())
	if err != nil {
		return nil, err
	}
	known := map[string]*pack{}
	for _, p := range s.packs {
		known[p.path] = p
	}
	packs := make([]*pack, len(names))
	for i, path := range names {
		if packs[i] = known[path]; packs[i] == nil {
			packs[i] = &pack{path: path, store: s}
		}
	}
	s.packs = packs
	return packs, nil
}

// packNames lists the packs in a folder, newest first.
func packNames(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	type found struct {
		path string
		time int64
	}
	var packs []found
	files := map[string]fs.DirEntry{}
	for _, e := range entries {
		files[e.Name()] = e
	}
	for name, e := range files {
		stem, ok := strings.CutSuffix(name, ".pack")
		if !ok || !strings.HasPrefix(name, "pack-") || files[stem+".idx"] == nil {
			continue
		}
		fi, err := e.Info()
		if err != nil || !fi.Mode().IsRegular() {
			continue
		}
		packs = append(packs, found{filepath.Join(folder, name), fi.ModTime().UnixNano()})
	}
	if len(packs) > packCount {
		return nil, tooLarge("%d packs in %s", len(packs), folder)
	}
	slices.SortFunc(packs, func(a, b found) int {
		if a.time != b.time {
			if a.time > b.time {
				return -1
			}
			return 1
		}
		return strings.Compare(a.path, b.path)
	})
	names := make([]string, len(packs))
	for i, p := range packs {
		names[i] = p.path
	}
	return names, nil
}

// rereads is how often a reader looks again which packs there are: each time costs
// another process a whole merge.
const rereads = 16

// read reads an object and checks that it has its hash. When a pack has
// vanished, because another process has packed again, or the object isn't
// found at all, it looks again, as long as there is something new to see.
func (s *store) read(h Hash, limit int) (kind, []byte, error) {
	packs, err := s.list()
	if err != nil {
		return 0, nil, err
	}
	for tries := 0; ; tries++ {
		k, data, err := s.readFrom(packs, h, limit)
		if err == nil || errors.Is(err, ErrTooLarge) || tries == rereads {
			return k, data, err
		}
		now, lerr := s.relist()
		if lerr != nil {
			return 0, nil, lerr
		}
		if slices.Equal(packs, now) {
			return 0, nil, err
		}
		packs = now
	}
}

// glance is read without looking again which packs there are.
func (s *store) glance(h Hash, limit int) (kind, []byte, error) {
	packs, err := s.list()
	if err != nil {
		return 0, nil, err
	}
	return s.readFrom(packs, h, limit)
}

// readFrom reads an object from the first place where it is whole.
func (s *store) readFrom(packs []*pack, h Hash, limit int) (kind, []byte, error) {
	worst := error(ErrNotFound)
	for _, p := range packs {
		off, ok, err := p.find(h)
		if err == nil && !ok {
			continue
		}
		if err == nil {
			var k kind
			var data []byte
			if k, data, err = p.read(off, limit); err == nil {
				if err = s.check(h, k, data); err == nil {
					return k, data, nil
				}
			}
		}
		worst = err
	}
	k, data, err := s.readLoose(h, limit)
	if err == nil {
		if err = s.check(h, k, data); err == nil {
			return k, data, nil
		}
	}
	if !errors.Is(err, ErrNotFound) {
		worst = err
	}
	return 0, nil, worst
}

// check computes the hash of what was read. Git itself doesn't when it
// reads, so this is all that stands between a flipped bit and us.
func (s *store) check(h Hash, k kind, data []byte) error {
	sum, ok := s.sum(k, data)
	if !ok {
		return damaged("it was built to collide with another object")
	}
	if sum != h {
		return damaged("its content has another hash")
	}
	return nil
}

func (s *store) sum(k kind, data []byte) (Hash, bool) {
	w, ok := s.hashers.Get().(*hasher)
	if !ok {
		w = newHasher()
	}
	defer s.hashers.Put(w)
	return w.sum(k, data)
}

// has reports whether an object is there, without reading it.
func (s *store) has(h Hash) (bool, error) {
	packs, err := s.list()
	if err != nil {
		return false, err
	}
	if s.packed(packs, h) || s.hasLoose(h) {
		return true, nil
	}
	now, err := s.relist()
	if err != nil || slices.Equal(packs, now) {
		return false, err
	}
	return s.packed(now, h), nil
}

func (s *store) packed(packs []*pack, h Hash) bool {
	for _, p := range packs {
		if _, ok, err := p.find(h); ok && err == nil {
			return true
		}
	}
	return false
}

// close closes the files of all packs. The store can be used again after it.
func (s *store) close() {
	s.mu.Lock()
	packs := s.packs
	s.packs = nil
	s.mu.Unlock()
	for _, p := range packs {
		p.close()
	}
	s.cache.clear()
}
