package audit

import (
	"context"
	"crypto/sha256"
	"fmt"
	"iter"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/change"
	"github.com/secr/secr/vault/repo"
)

// Change is one change of the vault, as far as the filter lets it be seen.
type Change struct {
	Seq        uint64
	ID         repo.Hash
	Sum        [32]byte
	Subject    string // the author's words
	Operations []Operation
}

// passing is one change of a verified chain, with what it touched.
type passing struct {
	change.Change
	link  chain.Link
	diff  []repo.Touched
	files []change.Touched // nil until loaded
}

// passed goes through the changes of a verified state, oldest first. Each is held to
// the hash that the state has of it. Only a window of them is in memory.
func passed(ctx context.Context, v *vault.Vault) iter.Seq2[*passing, error] {
	return func(yield func(*passing, error) bool) {
		var tree repo.Hash
		head := v.Head().Seq
		for from := uint64(1); from <= head; from += 256 {
			window := make([]*passing, min(256, head-from+1))
			err := parallel(ctx, len(window), func(i int) error {
				var err error
				window[i], err = readChange(v, from+uint64(i))
				return err
			})
			if err == nil {
				err = differences(ctx, v.Repo(), tree, window)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			tree = window[len(window)-1].Tree
			for _, p := range window {
				if !yield(p, nil) {
					return
				}
			}
		}
	}
}

func readChange(v *vault.Vault, seq uint64) (*passing, error) {
	link, _ := v.State().Link(seq)
	raw, err := v.Repo().Commit(link.ID)
	if err != nil {
		return nil, fmt.Errorf("read change %d: %w", seq, err)
	}
	if sha256.Sum256(raw) != link.Sum {
		return nil, &Finding{Class: Tampered, Seq: seq, Commit: link.ID, What: "the commit is not the one that was verified"}
	}
	c, err := change.Parse(raw)
	return &passing{Change: c, link: link}, err
}

// differences finds which paths each change of a window touched, given the tree
// before the first.
func differences(ctx context.Context, from *repo.Repo, tree repo.Hash, window []*passing) error {
	return parallel(ctx, len(window), func(i int) error {
		before := tree
		if i > 0 {
			before = window[i-1].Tree
		}
		var err error
		window[i].diff, err = repo.Diff(from, before, window[i].Tree, chain.MaxTouched)
		return err
	})
}

// load reads what a change touched, and holds it to what the change signed.
func (p *passing) load(ctx context.Context, from *repo.Repo) error {
	p.files = make([]change.Touched, len(p.diff))
	sums := make([]change.Sum, len(p.diff))
	err := parallel(ctx, len(p.diff), func(i int) error {
		d := p.diff[i]
		p.files[i].Path = d.Path
		if !d.New.IsZero() {
			data, err := from.Blob(d.New)
			if err != nil {
				return fmt.Errorf("read %s of change %d: %w", d.Path, p.Seq, err)
			}
			p.files[i].New = &change.Blob{Hash: d.New, Data: data}
		}
		sums[i] = p.files[i].SumOf()
		return nil
	})
	if err == nil && change.ChangesSum(sums) != p.ChangesSum {
		err = &Finding{Class: Tampered, Seq: p.Seq, Commit: p.link.ID, What: "the files of the change are not those that it signed"}
	}
	return err
}

// governed is the policy that changes are made under, moved along as they pass.
type governed struct{ policy *policy.Policy }

// Policy and File make it the parent of a change.
func (g governed) Policy() *policy.Policy { return g.policy }

// File knows nothing: what was before a record is not asked for here.
func (g governed) File(string) (hash [20]byte, sum [32]byte, ok bool) { return hash, sum, false }

// operations tells what a loaded change did, and moves the policy along.
func (g *governed) operations(p *passing) ([]change.Operation, error) {
	var parent change.Parent
	if g.policy != nil {
		parent = *g
	}
	ops, err := change.Operations(parent, p.files)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, t := range p.files {
		if policy.IsPath(t.Path) {
			files[t.Path] = nil
			if t.New != nil {
				files[t.Path] = t.New.Data
			}
		}
	}
	if len(files) == 0 {
		return ops, nil
	}
	if g.policy == nil {
		g.policy, err = policy.Parse(files)
	} else {
		g.policy, err = g.policy.With(files)
	}
	return ops, err
}

// changes is the vault's changes as events, oldest first.
func changes(ctx context.Context, v *vault.Vault, f Filter) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		var g governed
		for p, err := range passed(ctx, v) {
			if err == nil {
				err = p.load(ctx, v.Repo())
			}
			if err != nil {
				yield(Event{}, err)
				return
			}
			ops, err := g.operations(p)
			if err != nil {
				yield(Event{}, fmt.Errorf("change %d: %w", p.Seq, err))
				return
			}
			p.files, p.diff = nil, nil
			seen, ok := f.operations(operationsOf(ops))
			if !ok || !f.when(p.Time) || !f.who(p.Author.Handle) {
				continue
			}
			e := Event{Time: p.Time, Handle: p.Author.Handle, Device: p.Author.Device, Change: &Change{
				Seq: p.Seq, ID: p.link.ID, Sum: p.link.Sum, Subject: p.Subject, Operations: seen,
			}}
			if !yield(e, nil) {
				return
			}
		}
	}
}
