package remote

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// countObjects adds up the objects of the packs that a fetch left, from their headers.
func countObjects(u URL, dir string, l Limits) error {
	packs, err := filepath.Glob(filepath.Join(dir, "objects", "pack", "*.pack"))
	if err != nil {
		return err
	}
	total := 0
	for _, pack := range packs {
		n, err := packObjects(pack)
		if err != nil {
			return &Error{Kind: Broken, URL: u.String(), Err: err}
		}
		if total += n; total > l.Objects {
			return tooMuch(u, l)
		}
	}
	return nil
}

// packObjects reads the count out of a pack's header: "PACK", version, count.
func packObjects(path string) (int, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var head [12]byte
	if _, err := io.ReadFull(f, head[:]); err != nil || string(head[:4]) != "PACK" {
		return 0, fmt.Errorf("%s: not a pack", filepath.Base(path))
	}
	return int(binary.BigEndian.Uint32(head[8:])), nil
}
