package audit

import (
	"context"
	"crypto/sha256"
	"fmt"
	"iter"
	"slices"
	"strings"

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
		for from := uint64(1); from <= head; from += windowSize {
			window, err := between(ctx, v, from, min(head, from+windowSize-1), tree)
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

// windowSize is how many changes are in memory at most.
const windowSize = 256

// between reads the changes from one number to another and which paths each touched, given
// the tree before the first.
func between(ctx context.Context, v *vault.Vault, from, to uint64, tree repo.Hash) ([]*passing, error) {
	window := make([]*passing, to-from+1)
	err := parallel(ctx, len(window), func(i int) error {
		var err error
		window[i], err = readChange(v, from+uint64(i))
		return err
	})
	if err == nil {
		err = differences(ctx, v.Repo(), tree, window)
	}
	return window, err
}

// Touching is the changes that touched an environment, its secrets or what the policy says
// of it, the newest first, without their operations. Who stops early has read little.
func Touching(ctx context.Context, v *vault.Vault, environment string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		size := uint64(16)
		for to := v.Head().Seq; to > 0; to -= size {
			size = min(2*size, windowSize, to)
			window, err := alone(ctx, v, to-size+1, to)
			if err != nil {
				yield(Event{}, err)
				return
			}
			for _, p := range slices.Backward(window) {
				if p.touches(environment) && !yield(p.event(nil), nil) {
					return
				}
			}
		}
	}
}

// alone is between for a window whose predecessor was not read.
func alone(ctx context.Context, v *vault.Vault, from, to uint64) ([]*passing, error) {
	if from == 1 {
		return between(ctx, v, from, to, repo.Hash{})
	}
	parent, err := readChange(v, from-1)
	if err != nil {
		return nil, err
	}
	return between(ctx, v, from, to, parent.Tree)
}

func (p *passing) touches(environment string) bool {
	secrets, settings := chain.SecretFolder(environment), policy.EnvironmentPath(environment)
	return slices.ContainsFunc(p.diff, func(d repo.Touched) bool {
		return d.Path == settings || strings.HasPrefix(d.Path, secrets)
	})
}

// event is the change with the operations of it that are asked for.
func (p *passing) event(ops []Operation) Event {
	return Event{Time: p.Time, Handle: p.Author.Handle, Device: p.Author.Device, Change: &Change{
		Seq: p.Seq, ID: p.link.ID, Sum: p.link.Sum, Subject: p.Subject, Operations: ops,
	}}
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
			if !yield(p.event(seen), nil) {
				return
			}
		}
	}
}
