package replica

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/vault/change"
	"github.com/secr/secr/vault/repo"
)

// countEvidence counts the kept heads other than ref.
func (r *Replica) countEvidence(ref string) (int, error) {
	folder := filepath.Join(r.vault.Repo().Dir(), filepath.FromSlash(evidence))
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	n := 0
	for _, e := range entries {
		if e.Name() != filepath.Base(ref) {
			n++
		}
	}
	return n, nil
}

func folderSize(dir string) int64 {
	var total int64
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	if err != nil {
		return maxEvidence + 1
	}
	return total
}

// isMalformed tells errors about what was fetched from errors of this machine.
func isMalformed(err error) bool {
	return errors.Is(err, change.ErrMalformed) || errors.Is(err, repo.ErrMalformed) || errors.Is(err, repo.ErrTooLarge) ||
		errors.Is(err, repo.ErrNotFound)
}

// ancestor reports whether old is among the first parents of new.
func ancestor(from *repo.Repo, old, new remote.Hash) bool {
	for at := new; ; {
		if at == old {
			return true
		}
		raw, err := from.Commit(at)
		if err != nil {
			return false
		}
		c, err := change.Parse(raw)
		if err != nil || c.Founding() {
			return false
		}
		at = c.Parent
	}
}

// headerLines are the lines of a raw commit before its message.
func headerLines(raw []byte) []string {
	head, _, _ := strings.Cut(string(raw), "\n\n")
	return strings.Split(head, "\n")
}
