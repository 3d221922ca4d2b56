package repo

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/secr/secr/vault/local"
)

// looseHeaderLimit is longer than any "commit 8388608\x00".
const looseHeaderLimit = 32

func (s *store) loosePath(h Hash) string {
	name := h.String()
	return filepath.Join(s.folder, name[:2], name[2:])
}

// readLoose reads an object from a file of its own.
func (s *store) readLoose(h Hash, limit int) (kind, []byte, error) {
	f, err := os.Open(s.loosePath(h))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil, ErrNotFound
	}
	if err != nil {
		return 0, nil, err
	}
	defer f.Close()
	i := s.inflaters.get(f)
	defer s.inflaters.put(i)
	z, err := i.open()
	if err != nil {
		return 0, nil, err
	}
	k, size, err := readLooseHeader(z)
	if err != nil {
		return 0, nil, err
	}
	if size > limit {
		return 0, nil, tooLarge("%d bytes", size)
	}
	data, err := readExactly(z, size)
	return k, data, err
}

func readLooseHeader(z io.Reader) (kind, int, error) {
	var header [looseHeaderLimit]byte
	n := 0
	for ; n < len(header); n++ {
		if _, err := io.ReadFull(z, header[n:n+1]); err != nil {
			return 0, 0, streamError(err)
		}
		if header[n] == 0 {
			break
		}
	}
	word, number, ok := bytes.Cut(header[:n], []byte(" "))
	k, known := parseKind(string(word))
	size, err := strconv.Atoi(string(number))
	if !ok || !known || err != nil || size < 0 || n == len(header) || strconv.Itoa(size) != string(number) {
		return 0, 0, damaged("its header is %q", header[:n])
	}
	return k, size, nil
}

// hasLoose reports whether an object has a file of its own that is not empty,
// as one is that a power cut got.
func (s *store) hasLoose(h Hash) bool {
	fi, err := os.Lstat(s.loosePath(h))
	return err == nil && fi.Mode().IsRegular() && fi.Size() > 0
}

// writeLoose gives an object a file of its own, in place of one that is
// there: it may be damaged, and neither Git nor we would ever heal it otherwise.
func (s *store) writeLoose(d local.Disk, h Hash, k kind, data []byte) error {
	var def deflater
	raw, err := deflateLoose(&def, k, data)
	if err != nil {
		return err
	}
	path := s.loosePath(h)
	folder := filepath.Dir(path)
	made := false
	if _, err := os.Lstat(folder); errors.Is(err, fs.ErrNotExist) {
		if err := d.Mkdir(folder); err != nil {
			return err
		}
		made = true
	}
	f, err := d.CreateTemp(folder)
	if err != nil {
		return err
	}
	if _, err := f.Write(raw); err != nil {
		f.Discard()
		return err
	}
	if err := f.Publish(path); err != nil {
		return err
	}
	if err := d.SyncFolder(folder); err != nil || !made {
		return err
	}
	return d.SyncFolder(s.folder)
}

func deflateLoose(def *deflater, k kind, data []byte) ([]byte, error) {
	whole := append(k.header(len(data)), data...)
	if k == kindBlob && !compressible(data) {
		return stored(nil, whole), nil
	}
	return def.deflate(nil, kindTree, whole)
}

// loose lists the loose objects that have any content.
func (s *store) loose(ctx context.Context) ([]Hash, error) {
	var found []Hash
	err := s.looseFiles(ctx, func(path string, h Hash, known bool) error {
		if fi, err := os.Lstat(path); known && err == nil && fi.Mode().IsRegular() && fi.Size() > 0 {
			found = append(found, h)
		}
		return nil
	})
	return found, err
}

// looseFiles calls f for every file in the folders of loose objects; known
// is false if its name is not that of an object.
func (s *store) looseFiles(ctx context.Context, f func(path string, h Hash, known bool) error) error {
	folders, err := os.ReadDir(s.folder)
	if err != nil {
		return err
	}
	for _, folder := range folders {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		prefix := folder.Name()
		if len(prefix) != 2 || !folder.IsDir() {
			continue
		}
		path := filepath.Join(s.folder, prefix)
		entries, err := os.ReadDir(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, e := range entries {
			h, err := ParseHash(prefix + e.Name())
			if err := f(filepath.Join(path, e.Name()), h, err == nil); err != nil {
				return err
			}
		}
	}
	return nil
}
