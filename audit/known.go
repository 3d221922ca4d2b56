package audit

import (
	"cmp"
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

// Known is what this machine has of the receipts branch: where it stood at each
// remote when it was last seen there, and the ends of lines that a remote showed
// before and then no longer. Nothing that was seen once is forgotten because a host
// forgets it.
type Known struct {
	At   []Seen      // by remote
	Lost []repo.Hash // newest first
	Kept []repo.Hash // lost ones that a person has looked at: read, and no finding any more
}

// Seen is where the branch stood at a remote.
type Seen struct {
	Remote string // local.RemoteName of its URL
	Tip    repo.Hash
}

const (
	knownMagic = "secr/1 receipts branch"
	maxKnown   = 64 // remotes, and lost lines
)

// Tips are all ends of lines, as [ReadBranch] takes them.
func (k Known) Tips() []repo.Hash {
	var out []repo.Hash
	for _, s := range k.At {
		out = append(out, s.Tip)
	}
	return append(append(out, k.Lost...), k.Kept...)
}

// at is where the branch stood at a remote; zero if it was never seen there.
func (k Known) at(remote string) repo.Hash {
	for _, s := range k.At {
		if s.Remote == remote {
			return s.Tip
		}
	}
	return repo.Hash{}
}

// ReadKnown reads what this machine has of the branch.
func ReadKnown(v *vault.Vault) (Known, error) {
	path := knownPath(v)
	data, err := local.ReadFile(path, 1<<18)
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
	var k Known
	for _, line := range lines[1:max(1, len(lines)-1)] {
		word, rest, _ := strings.Cut(line, " ")
		id, remote, _ := strings.Cut(rest, " ")
		h, err := repo.ParseHash(id)
		if err != nil {
			return Known{}, false
		}
		switch word {
		case "at":
			k.At = append(k.At, Seen{remote, h})
		case "lost":
			k.Lost = append(k.Lost, h)
		default:
			k.Kept = append(k.Kept, h)
		}
	}
	return k, k.text() == text
}

// text is the file, in its one spelling.
func (k Known) text() string {
	var b strings.Builder
	b.WriteString(knownMagic + "\n")
	slices.SortFunc(k.At, func(a, b Seen) int { return cmp.Compare(a.Remote, b.Remote) })
	for _, s := range k.At {
		b.WriteString("at " + s.Tip.String() + " " + s.Remote + "\n")
	}
	for _, h := range k.Lost {
		b.WriteString("lost " + h.String() + "\n")
	}
	for _, h := range k.Kept {
		b.WriteString("kept " + h.String() + "\n")
	}
	return b.String()
}

// move notes that the branch stands at tip at a remote. A line that it stood on
// before and that tip does not continue is kept as lost. The caller holds the vault's
// lock, and the objects are durable.
func (k Known) move(ctx context.Context, v *vault.Vault, remote string, tip repo.Hash) error {
	was := k.at(remote)
	if tip == was || strings.ContainsAny(remote, "\n\r") {
		return nil
	}
	back := func(h repo.Hash) bool { return h == tip }
	next := Known{Lost: slices.DeleteFunc(slices.Clone(k.Lost), back), Kept: slices.DeleteFunc(slices.Clone(k.Kept), back)}
	for _, s := range k.At {
		if s.Remote != remote {
			next.At = append(next.At, s)
		}
	}
	next.At = append(next.At, Seen{remote, tip})
	if !was.IsZero() {
		ahead, err := descends(ctx, v.Repo(), tip, was)
		if err != nil {
			return err
		}
		if !ahead {
			next.Lost = append([]repo.Hash{was}, next.Lost...)
		}
	}
	if len(next.At) > maxKnown {
		next.At = next.At[len(next.At)-maxKnown:]
	}
	if err := next.write(v); err != nil {
		return err
	}
	return v.Repo().SetRef(batch.Branch, tip)
}

func (k Known) write(v *vault.Vault) error {
	k.Lost = k.Lost[:min(len(k.Lost), maxKnown)]
	k.Kept = k.Kept[:min(len(k.Kept), maxKnown)]
	return local.WriteFile(knownPath(v), []byte(k.text()))
}

// AcceptLost says that a person knows why a remote replaced its receipts branch. What
// was on the old lines stays readable here; [Verify] is silent about it from now on.
func AcceptLost(ctx context.Context, v *vault.Vault) (int, error) {
	n := 0
	err := locked(ctx, v, func() error {
		k, err := ReadKnown(v)
		if n = len(k.Lost); err != nil || n == 0 {
			return err
		}
		k.Kept, k.Lost = append(k.Lost, k.Kept...), nil
		return k.write(v)
	})
	return n, err
}

// descends says whether old is tip or before it.
func descends(ctx context.Context, from *repo.Repo, tip, old repo.Hash) (bool, error) {
	_, known, _, err := lineage(ctx, from, tip, func(h repo.Hash) bool { return h == old })
	return known == old, err
}
