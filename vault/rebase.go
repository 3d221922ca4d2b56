package vault

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/change"
	"github.com/secr/secr/vault/record"
	"github.com/secr/secr/vault/repo"
)

// Redo is a local change to be made again on another state.
type Redo struct {
	Op         change.Op
	Subject    string
	Operations []change.Operation         // on secrets
	Edit       func(*policy.Policy) error // or on policy; nil is none
	Rotate     []policy.KeyRef
	// Restore are secrets that shall be afterwards what the other state has, in a
	// change of its own: somebody decided so, and this version goes into history.
	Restore []SecretRef
}

// SecretRef names a secret by its environment and id.
type SecretRef struct{ Environment, ID string }

// Rebase makes changes again on top of a verified state that need not descend from the
// head: each operation's result is sealed again under that state's keys and signed
// again, with its op. Everything is written at once; the head stays as it is. What is
// there already makes no change. It returns the state that the changes leave.
func (v *Vault) Rebase(ctx context.Context, onto *chain.State, redo []Redo) (*chain.State, error) {
	if v.head != nil {
		return nil, ErrReadOnly
	}
	batch := v.repo.Batch()
	pending := batch.Objects()
	view := *v
	view.state, view.ring, view.pending = onto, v.ring.fork(), &pending
	kept, err := view.shared(ctx, redo)
	if err != nil {
		return nil, err
	}
	for _, r := range redo {
		if err := v.again(ctx, &view, batch, r); err != nil {
			return nil, err
		}
		if err := view.restore(ctx, batch, r, kept); err != nil {
			return nil, err
		}
	}
	if view.state == onto {
		return onto, nil
	}
	return view.state, batch.Flush(ctx)
}

// again makes one change on view from what it was here.
func (v *Vault) again(ctx context.Context, view *Vault, batch *repo.Batch, r Redo) error {
	d := view.Draft()
	d.op = r.Op
	if r.Edit != nil {
		d.EditPolicy(r.Edit)
	}
	if len(r.Rotate) > 0 {
		d.Rotate(r.Rotate...)
	}
	for _, o := range r.Operations {
		if o.Kind == change.Policy || o.Kind == change.Rotate {
			continue
		}
		c, err := v.content(ctx, o.Environment, o.Secret, o.Record)
		if err != nil {
			return err
		}
		defer c.value.Wipe()
		if err := view.put(ctx, d, o.Environment, o.Header.Kind, c); err != nil {
			return err
		}
	}
	return view.add(ctx, batch, d, r.Subject)
}

// put adds to a draft what makes a secret what it was somewhere else.
func (v *Vault) put(ctx context.Context, d *Draft, environment string, kind record.Kind, c content) error {
	idKey, err := v.idKey(ctx, environment)
	if err != nil {
		return err
	}
	now, ok := v.state.Secret(environment, keys.SecretID(idKey, c.label.Name))
	live := ok && !now.Deleted
	switch {
	case c.deleted && live:
		d.Delete(environment, c.label.Name)
	case c.deleted: // nothing is left to do
	case kind == record.Relabel && live:
		d.SetLabel(environment, c.label.Name, metaOf(c.label))
	default:
		d.Set(environment, c.label.Name, c.value, metaOf(c.label))
	}
	return nil
}

// add makes a draft's change the next one of a view.
func (v *Vault) add(ctx context.Context, batch *repo.Batch, d *Draft, subject string) error {
	if d.err != nil {
		return d.err
	}
	w := &writer{v: v, base: v.state, batch: batch}
	next, err := w.commit(ctx, d, subject)
	if err == nil {
		v.state = next
	}
	return err
}

// shared opens what will be restored, before anything takes its place.
func (v *Vault) shared(ctx context.Context, redo []Redo) (map[SecretRef]content, error) {
	kept := map[SecretRef]content{}
	for _, r := range redo {
		for _, s := range r.Restore {
			c, err := v.contentOf(ctx, s.Environment, s.ID)
			if err != nil {
				return nil, err
			}
			kept[s] = c
		}
	}
	return kept, nil
}

// restore makes secrets again what they were before a change was made again.
func (v *Vault) restore(ctx context.Context, batch *repo.Batch, r Redo, kept map[SecretRef]content) error {
	if len(r.Restore) == 0 {
		return nil
	}
	d := v.Draft()
	rand.Read(d.op[:])
	for _, s := range r.Restore {
		c, ok := kept[s]
		if !ok {
			return errors.New("a secret to restore was not kept")
		}
		if err := v.put(ctx, d, s.Environment, record.Set, c); err != nil {
			return err
		}
	}
	return v.add(ctx, batch, d, "keep the shared version")
}

func metaOf(l record.Label) Meta {
	return Meta{Kind: &l.Kind, Note: &l.Note, Expires: &l.Expires, RotateDays: &l.RotateDays, Tags: &l.Tags}
}

// objects is where content is read from: the repository, and before it what a rebase
// has not written yet.
func (v *Vault) objects() objects {
	if v.pending != nil {
		return v.pending
	}
	return v.repo
}

// objects reads objects by their hashes.
type objects interface {
	Blob(h repo.Hash) ([]byte, error)
	Tree(h repo.Hash) ([]repo.Entry, error)
	Commit(h repo.Hash) ([]byte, error)
}
