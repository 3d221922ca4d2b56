package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
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
	return verifying(b, t, v)
}

// verifying measures opening a vault from its first change on, against stock git's check
// of the signatures alone, sampled.
func verifying(b *bench, t *table, v vault) error {
	const sample = 50
	path, _ := b.program("secr")
	count := command{dir: v.project, env: v.env, argvs: [][]string{{path, "git", "rev-list", "--count", "HEAD"}}}
	changes, err := count.number()
	if err != nil {
		return err
	}
	var cold, warm, git []time.Duration
	for range 7 {
		if err := os.RemoveAll(filepath.Join(v.home, "secr", "cache")); err != nil {
			return err
		}
		for _, into := range []*[]time.Duration{&cold, &warm} {
			took, err := b.secr(v, "ls").once()
			if err != nil {
				return err
			}
			*into = append(*into, took)
		}
		took, err := b.secr(v, "git", "log", "--format=%G?", "-n", fmt.Sprint(sample)).once()
		if err != nil {
			return err
		}
		git = append(git, took)
	}
	ours := float64(median(cold)-median(warm)) / float64(changes)
	t.times(fmt.Sprintf("verify %s changes by every rule", thousands(changes)), "`git log --show-signature`, signatures alone (sampled)",
		float64(median(git))/sample/ours, 50)
	return nil
}

// remembering measures the memory of `secr run`.
func remembering(b *bench, t *table) error {
	v, err := b.vault(b.large())
	if err != nil {
		return err
	}
	peak, _ := b.program("peak")
	run := b.secr(v, "run", "--", "/bin/true")
	run.argvs[0] = append([]string{peak}, run.argvs[0]...)
	least := 1 << 62
	for range 5 {
		bytes, err := run.number()
		if err != nil {
			return err
		}
		least = min(least, bytes)
	}
	t.number(fmt.Sprintf("memory of `run`, %s secrets", thousands(b.large())), float64(least)/1e6, 30, "MB")
	return nil
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
