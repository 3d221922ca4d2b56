package audit

import (
	"cmp"
	"context"
	"crypto/sha256"
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
	Odd  []repo.Hash // commits that count for nobody, newest first, which no person has looked at
	// Passed are commits that a person has looked at with all that leads to them: what
	// counts for nobody there is a note from then on.
	Passed []repo.Hash
}

// Warnings say in a sentence each what a person has still to look at.
func (k Known) Warnings() []string {
	var out []string
	if len(k.Lost) > 0 {
		out = append(out, "the receipts branch was replaced at a remote since this machine first saw it; what was there before is still here")
	}
	if len(k.Odd) > 0 {
		out = append(out, "on the receipts branch is something that is no batch of receipts of this vault, and counts for nobody: "+k.Odd[0].String())
	}
	return out
}

// Read is [ReadBranch] of everything that is known. What a person has looked at is a
// note.
func (k Known) Read(ctx context.Context, v *vault.Vault) (*Branch, error) {
	b, err := ReadBranch(ctx, v, v.Repo(), k.Tips()...)
	if err != nil || len(b.Strays) == 0 {
		return b, err
	}
	passed, strays := map[repo.Hash]bool{}, b.strays()
	for _, tip := range k.Passed {
		path, _, _, err := lineage(ctx, v.Repo(), tip, func(h repo.Hash) bool { return passed[h] })
		if err != nil {
			return nil, err
		}
		for _, h := range path {
			passed[h] = true
		}
	}
	for i, f := range b.Findings {
		if strays[f.Commit] && passed[f.Commit] {
			b.Findings[i].Note = true
		}
	}
	return b, nil
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
		case "odd":
			k.Odd = append(k.Odd, h)
		case "passed":
			k.Passed = append(k.Passed, h)
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
	for _, list := range []struct {
		word string
		all  []repo.Hash
	}{{"lost", k.Lost}, {"kept", k.Kept}, {"odd", k.Odd}, {"passed", k.Passed}} {
		for _, h := range list.all {
			b.WriteString(list.word + " " + h.String() + "\n")
		}
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
	if err := k.notice(ctx, v, tip); err != nil {
		return err
	}
	back := func(h repo.Hash) bool { return h == tip }
	next := Known{Lost: slices.DeleteFunc(slices.Clone(k.Lost), back), Kept: slices.DeleteFunc(slices.Clone(k.Kept), back), Odd: k.Odd, Passed: k.Passed}
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
	k.Odd = k.Odd[:min(len(k.Odd), maxKnown)]
	k.Passed = k.Passed[:min(len(k.Passed), maxKnown)]
	return local.WriteFile(knownPath(v), []byte(k.text()))
}

// Accepted is what [Accept] did.
type Accepted struct{ Lines, Strays int }

// Accept says that a person knows why a remote replaced its receipts branch, and what
// it is that counts for nobody there. What was on the old lines stays readable, and
// [Verify] is silent about them from now on; the commits stay listed, as notes. No
// batch counts more or less by it, and what comes later is told of again.
func Accept(ctx context.Context, v *vault.Vault) (done Accepted, err error) {
	err = locked(ctx, v, func() error {
		k, err := ReadKnown(v)
		if err != nil {
			return err
		}
		b, err := k.Read(ctx, v)
		if err != nil {
			return err
		}
		done = Accepted{Lines: len(k.Lost), Strays: len(b.unlooked())}
		if done.Strays > 0 {
			tips := k.Tips()
			known := func(h repo.Hash) bool { return slices.Contains(tips, h) }
			k.Passed = append(slices.Compact(tips), slices.DeleteFunc(k.Passed, known)...)
		}
		if done == (Accepted{}) && len(k.Odd) == 0 {
			return nil
		}
		k.Kept, k.Lost, k.Odd = append(k.Lost, k.Kept...), nil, nil
		return k.write(v)
	})
	return done, err
}

// unlooked are the commits that count for nobody and that no person has looked at.
func (b *Branch) unlooked() []repo.Hash {
	var out []repo.Hash
	strays := b.strays()
	for _, f := range b.Findings {
		if strays[f.Commit] && !f.Note {
			out = append(out, f.Commit)
		}
	}
	return out
}

func (b *Branch) strays() map[repo.Hash]bool {
	out := map[repo.Hash]bool{}
	for _, s := range b.Strays {
		out[s.ID] = true
	}
	return out
}

// notice notes what comes with a tip, after what is known, and counts for nobody.
func (k *Known) notice(ctx context.Context, v *vault.Vault, tip repo.Hash) error {
	j := &judge{state: v.State(), from: v.Repo(), device: newPast(v).device, branch: &Branch{}, seen: map[repo.Hash]place{}, light: true}
	have, err := present(v, k.Tips())
	if err != nil {
		return err
	}
	for _, h := range have {
		raw, err := v.Repo().Commit(h)
		if err != nil {
			return err
		}
		j.seen[h] = place{sum: sha256.Sum256(raw)}
	}
	if err := j.line(ctx, tip); err != nil {
		return err
	}
	unlooked := j.branch.unlooked()
	for _, h := range unlooked[max(0, len(unlooked)-maxKnown):] {
		k.Odd = append([]repo.Hash{h}, k.Odd...)
	}
	return nil
}

// descends says whether old is tip or before it.
func descends(ctx context.Context, from *repo.Repo, tip, old repo.Hash) (bool, error) {
	_, known, _, err := lineage(ctx, from, tip, func(h repo.Hash) bool { return h == old })
	return known == old, err
}
