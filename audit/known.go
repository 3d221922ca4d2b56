package audit

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/secr/secr/audit/batch"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/local"
	"github.com/secr/secr/vault/repo"
)

// Known is what this machine has of the receipts branch: where it stood when it was
// last seen, and the ends of lines that a remote showed before and then no longer.
// Nothing that was seen once is forgotten because a host forgets it.
type Known struct {
	Tip  repo.Hash   // zero if the branch was never seen
	Lost []repo.Hash // newest first
}

const (
	knownMagic = "secr/1 receipts branch"
	maxLost    = 64
)

// Tips are all ends of lines, the current one first, as [ReadBranch] takes them.
func (k Known) Tips() []repo.Hash { return append([]repo.Hash{k.Tip}, k.Lost...) }

// ReadKnown reads what this machine has of the branch.
func ReadKnown(v *vault.Vault) (Known, error) {
	path := knownPath(v)
	data, err := local.ReadFile(path, 1<<14)
	if errors.Is(err, fs.ErrNotExist) {
		return Known{}, nil
	}
	if err != nil {
		return Known{}, err
	}
	k, ok := parseKnown(string(data))
	if !ok {
		return Known{}, &local.FileError{Path: path, Err: local.ErrDamaged}
	}
	return k, nil
}

func knownPath(v *vault.Vault) string {
	return filepath.Join(v.Local().State(), "receipts-branch")
}

func parseKnown(text string) (Known, bool) {
	lines := strings.Split(text, "\n")
	if len(lines) < 3 {
		return Known{}, false
	}
	var k Known
	for i, line := range lines[1 : len(lines)-1] {
		h, err := repo.ParseHash(line)
		if err != nil {
			return Known{}, false
		}
		if i == 0 {
			k.Tip = h
			continue
		}
		k.Lost = append(k.Lost, h)
	}
	return k, k.text() == text && len(k.Lost) <= maxLost
}

func (k Known) text() string {
	var b strings.Builder
	b.WriteString(knownMagic + "\n")
	for _, h := range k.Tips() {
		b.WriteString(h.String() + "\n")
	}
	return b.String()
}

// move makes tip the branch of this machine. What it does not descend from is kept as
// lost. The caller holds the vault's lock, and the objects are durable.
func (k Known) move(ctx context.Context, v *vault.Vault, tip repo.Hash) error {
	if tip == k.Tip {
		return nil
	}
	next := Known{Tip: tip, Lost: slices.Clone(k.Lost)}
	if !k.Tip.IsZero() {
		ahead, err := descends(ctx, v.Repo(), tip, k.Tip)
		if err != nil {
			return err
		}
		if !ahead {
			next.Lost = append([]repo.Hash{k.Tip}, next.Lost...)
			next.Lost = next.Lost[:min(len(next.Lost), maxLost)]
		}
	}
	if err := local.WriteFile(knownPath(v), []byte(next.text())); err != nil {
		return err
	}
	return v.Repo().SetRef(batch.Branch, tip)
}

// descends says whether old is tip or before it.
func descends(ctx context.Context, from *repo.Repo, tip, old repo.Hash) (bool, error) {
	_, known, _, err := lineage(ctx, from, tip, func(h repo.Hash) bool { return h == old })
	return known == old, err
}
