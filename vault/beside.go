package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/change"
	"github.com/secr/secr/vault/record"
)

// ErrMoved says that the head is no longer the one that a caller started from.
var ErrMoved = errors.New("the head has moved meanwhile")

// Beside is the vault as another verified state of it says, for reading: one of a
// remote, which need not descend from the head. Its objects are in the repository.
// Keys are unlocked from that state alone.
func (v *Vault) Beside(s *chain.State) *Vault {
	view := *v
	view.state, view.head, view.ring = s, s, v.ring.fork()
	return &view
}

// fork is a ring for another state: the same identity, and no key, because two
// histories may give the same epoch different keys.
func (r *ring) fork() *ring {
	r.mu.Lock()
	defer r.mu.Unlock()
	return &ring{seed: r.seed, root: r.root, device: r.device}
}

// Made is one change with the states that it lies between.
type Made struct {
	Before, After *chain.State
	ID            [20]byte
	Change        change.Change
	Touched       []change.Touched
}

// Since goes through the changes after base up to the head, oldest first. base is a
// state that the head descends from.
func (v *Vault) Since(ctx context.Context, base *chain.State, yield func(Made) error) error {
	head := v.Head()
	for seq := base.Head().Seq + 1; seq <= head.Seq; seq++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		link, ok := v.state.Link(seq)
		if !ok {
			return named(ErrNoChange, fmt.Sprint(seq))
		}
		raw, err := v.repo.Commit(link.ID)
		if err != nil {
			return fmt.Errorf("read change %d: %w", seq, err)
		}
		c, err := change.Parse(raw)
		if err != nil {
			return err
		}
		touched, err := touchedBetween(v.repo, base.Tree(), c.Tree)
		if err != nil {
			return err
		}
		next, err := base.Apply(link.ID, raw, touched)
		if err != nil {
			return err
		}
		if err := yield(Made{Before: base, After: next, ID: link.ID, Change: c, Touched: touched}); err != nil {
			return err
		}
		base = next
	}
	return nil
}

// SameContent reports whether a secret, by its id, has the same label and value here
// and in another view of the vault, or is deleted in both. No value leaves. What this
// identity may not read is not the same.
func (v *Vault) SameContent(ctx context.Context, other *Vault, environment, id string) (bool, error) {
	one, err := v.contentOf(ctx, environment, id)
	if err != nil {
		return false, ignoreDenied(err)
	}
	defer one.value.Wipe()
	two, err := other.contentOf(ctx, environment, id)
	if err != nil {
		return false, ignoreDenied(err)
	}
	defer two.value.Wipe()
	if one.deleted || two.deleted {
		return one.deleted && two.deleted, nil
	}
	return one.label.Name == two.label.Name && sameLabel(one.label, two.label) && one.value.Equal(two.value), nil
}

// content is a record that was opened.
type content struct {
	both
	deleted bool
}

func (v *Vault) contentOf(ctx context.Context, environment, id string) (content, error) {
	if err := v.may(ctx, environment, policy.Read); err != nil {
		return content{}, err
	}
	data, err := v.file(v.state, secretPath(environment, id))
	if err != nil {
		return content{}, err
	}
	return v.content(ctx, environment, id, data)
}

func (v *Vault) content(ctx context.Context, environment, id string, data []byte) (content, error) {
	r, err := record.Parse(data)
	if err != nil {
		return content{}, v.lie(secretPath(environment, id), 0, "it is no record", err)
	}
	open, err := v.openBoth(ctx, environment, id, r)
	return content{open, r.Header.State == record.Deleted}, err
}

// ignoreDenied is nil for errors that say that this identity may not.
func ignoreDenied(err error) error {
	var denied *DeniedError
	if errors.As(err, &denied) || errors.Is(err, ErrNotMember) || errors.Is(err, ErrNoEnvironment) {
		return nil
	}
	return err
}

// Names opens the labels of secrets by their ids, in their order, where this identity
// may list. It is for telling people which secrets a sync is about.
func (v *Vault) Names(ctx context.Context, environment string, ids []string) ([]Entry, error) {
	if err := v.may(ctx, environment, policy.List); err != nil {
		return nil, err
	}
	found, err := v.records(ctx, environment, slices.Clone(ids))
	if err != nil {
		return nil, err
	}
	out := make([]Entry, len(found))
	for i, f := range found {
		out[i] = f.Entry
	}
	return out, nil
}

// Replace makes a verified state the head in place of from, which it need not descend
// from: the caller has made everything again that from had and to has not, or keeps it
// elsewhere. It fails with [ErrMoved], and changes nothing, if from is no longer the head.
func (v *Vault) Replace(ctx context.Context, from chain.Head, to *chain.State) error {
	lock, err := v.lock(ctx, "sync")
	if err != nil {
		return err
	}
	defer lock.Unlock()
	switch {
	case v.Head().Sum != from.Sum:
		return ErrMoved
	case to.VaultID() != v.ID():
		return ErrNotDescendant
	case to.Head().Sum == from.Sum:
		return nil
	}
	v.ring = v.ring.fork()
	return v.moveHead(ctx, to, nil)
}
