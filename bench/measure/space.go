package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
)

// blobSize is about what a short secret's record has.
const blobSize = 640

// fastImport is a stream for git: size blobs that can't be compressed, like ours, and
// one commit of them all.
func fastImport(size int) []byte {
	var out bytes.Buffer
	blob := make([]byte, blobSize)
	for i := range size {
		rand.Read(blob)
		fmt.Fprintf(&out, "blob\nmark :%d\ndata %d\n%s\n", i+1, blobSize, blob)
	}
	fmt.Fprintf(&out, "commit refs/heads/main\ncommitter b <b@example.com> 0 +0000\ndata 3\nall\n")
	for i := range size {
		fmt.Fprintf(&out, "M 100644 :%d %02x/%d\n", i+1, i%256, i)
	}
	out.WriteString("\ndone\n")
	return out.Bytes()
}

// growing measures what a change of one of a thousand secrets adds to the repository.
func growing(b *bench, t *table) error {
	v, err := b.vault(1_000)
	if err != nil {
		return err
	}
	found, err := filepath.Glob(filepath.Join(v.home, "secr", "data", "*", "repo.git"))
	if err != nil || len(found) != 1 {
		return fmt.Errorf("repositories of the vault: %v, %v", found, err)
	}
	gc := command{dir: found[0], env: base(b.dir), argvs: [][]string{{"git", "--git-dir=" + found[0], "gc", "-q", "--prune=now"}}}
	if _, err := gc.once(); err != nil {
		return err
	}
	before, err := size(found[0])
	if err != nil {
		return err
	}
	changes := 2_000
	if b.quick {
		changes = 300
	}
	for i := range changes {
		if _, err := b.secr(v, "set", fmt.Sprintf("VARIABLE_00%03d=grown-%04d", i*7%1000, i)).once(); err != nil {
			return err
		}
	}
	if _, err := gc.once(); err != nil {
		return err
	}
	after, err := size(found[0])
	if err != nil {
		return err
	}
	t.number("growth per change of one of 1,000, after git's gc, above the padded value", float64(after-before)/float64(changes)-64, 1_500, "bytes")
	return nil
}

// remembering measures the memory of `secr run`.
func remembering(b *bench, t *table) error {
	v, err := b.vault(b.large())
	if err != nil {
		return err
	}
	least, err := b.memory(b.secr(v, "run", "--", "/bin/true"), 5)
	if err != nil {
		return err
	}
	t.number(fmt.Sprintf("memory of `run`, %s secrets", thousands(b.large())), float64(least)/1e6, 30, "MB")
	return nil
}

// memory is the most memory that a command had, in bytes: the least of some runs.
func (b *bench) memory(c command, times int) (int, error) {
	peak, _ := b.program("peak")
	c.argvs = [][]string{append([]string{peak}, c.argvs[0]...)}
	least := math.MaxInt
	for range times {
		bytes, err := c.number()
		if err != nil {
			return 0, err
		}
		least = min(least, bytes)
	}
	return least, nil
}

// size adds up the files under a folder.
func size(dir string) (int64, error) {
	var sum int64
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		sum += info.Size()
		return err
	})
	return sum, err
}
