package vault

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/change"
	"github.com/secr/secr/vault/local"
	"github.com/secr/secr/vault/repo"
)

// writer makes changes on top of a state, into a batch that nobody sees before it
// is flushed.
type writer struct {
	v     *Vault
	base  *chain.State // nil for the founding change
	batch *repo.Batch
	files map[string][]byte // of the change being made; nil deletes
}

func (v *Vault) writer(base *chain.State) *writer {
	return &writer{v: v, base: base, batch: v.repo.Batch()}
}

// commit makes the change of a draft and returns the state that it leaves, or the
// base when there is nothing to do. The new state was judged by the same rules
// that every other client has.
func (w *writer) commit(ctx context.Context, d *Draft, subject string) (*chain.State, error) {
	if err := change.CheckSubject(subject); err != nil {
		return nil, err
	}
	who, err := w.plan(ctx, d)
	if err != nil {
		return nil, err
	}
	if !d.report.Changed() {
		return w.base, nil
	}
	return w.sign(who, subject, d.op)
}

// plan works out the files of a draft's change, and says who makes it.
func (w *writer) plan(ctx context.Context, d *Draft) (me, error) {
	who, err := w.author(ctx)
	if err != nil {
		return me{}, err
	}
	w.files = map[string][]byte{}
	p := w.base.Policy()
	d.report = Report{Before: p, After: p}
	policies := len(d.edits) > 0 || d.rotate
	switch {
	case policies && len(d.targets) > 0:
		return me{}, ErrMixed
	case policies:
		if !p.Manages(who.Member.ID) {
			return me{}, &DeniedError{Handle: who.Member.Handle, Manage: true}
		}
		return who, w.govern(ctx, d)
	}
	return who, w.secrets(ctx, d)
}

// author is who would sign a change made now.
func (w *writer) author(ctx context.Context) (me, error) {
	who, err := w.v.holder(ctx)
	if err != nil {
		return me{}, err
	}
	now, err := w.v.now()
	if err != nil {
		return me{}, err
	}
	if who.Member.Expired(now) || who.Device.Expired(now) {
		return me{}, named(ErrExpired, who.Member.Handle)
	}
	return who, nil
}

// CheckWrite fails as [Draft.Commit] would if this identity may not change secrets of
// an environment now.
func (v *Vault) CheckWrite(ctx context.Context, environment string) error {
	if v.head != nil {
		return ErrReadOnly
	}
	w := v.writer(v.state)
	if _, err := w.author(ctx); err != nil {
		return err
	}
	_, err := w.sealing(ctx, environment)
	return err
}

// sign writes the files as a signed change on the base, and judges it.
func (w *writer) sign(who me, subject string, op change.Op) (*chain.State, error) {
	now, err := w.v.now()
	if err != nil {
		return nil, err
	}
	touched, edits, sums := w.touched()
	c := change.Draft{
		Author:     change.Author{Handle: who.Member.Handle, Device: who.device.id, Vault: w.v.ID()},
		Time:       now,
		Subject:    subject,
		Seq:        1,
		Op:         op,
		ChangesSum: change.ChangesSum(sums),
	}
	tree := repo.Hash{}
	if w.base != nil {
		h := w.base.Head()
		c.Parent, c.ParentSum, c.Seq = h.ID, h.Sum, h.Seq+1
		tree = w.base.Tree()
	}
	if tree, err = w.batch.EditOf(knownTrees(w.base), tree, edits); err != nil {
		return nil, err
	}
	c.Tree = tree
	raw, err := c.Encode(who.signer.SignCommit)
	if err != nil {
		return nil, err
	}
	id := w.batch.Commit(raw)
	if w.base == nil {
		return chain.Found(raw, touched)
	}
	return w.base.Apply(id, raw, touched)
}

// trees are the git trees of a verified state. They are known from it, so that no
// change has to read the large ones.
type trees struct {
	state *chain.State
	at    map[repo.Hash]string // where a tree is, of those met so far
}

// knownTrees are the trees of a state; nil has none.
func knownTrees(s *chain.State) trees {
	t := trees{state: s, at: map[repo.Hash]string{}}
	if s != nil {
		t.at[s.Tree()] = ""
	}
	return t
}

// Tree is one tree: the root, or one in a tree that was asked for before.
func (t trees) Tree(h repo.Hash) ([]repo.Entry, error) {
	folder, ok := t.at[h]
	if !ok {
		return nil, fmt.Errorf("tree %v is not of the verified state", h)
	}
	children := t.state.Children(folder)
	out := make([]repo.Entry, len(children))
	for i, c := range children {
		out[i] = repo.Entry{Name: c.Name, Dir: c.Dir, Hash: c.Hash}
		if c.Dir {
			t.at[c.Hash] = path.Join(folder, c.Name)
		}
	}
	return out, nil
}

// touched lists the files as the chain, the tree and the sum of changes want them.
func (w *writer) touched() ([]chain.Touched, map[string]repo.Hash, []change.Sum) {
	paths := slices.Sorted(maps.Keys(w.files))
	touched := make([]chain.Touched, len(paths))
	edits := make(map[string]repo.Hash, len(paths))
	sums := make([]change.Sum, len(paths))
	for i, name := range paths {
		touched[i].Path = name
		edits[name] = repo.Hash{}
		if data := w.files[name]; data != nil {
			h := w.batch.Blob(data)
			touched[i].New = &chain.Blob{Hash: h, Data: data}
			edits[name] = h
		}
		sums[i] = touched[i].SumOf()
	}
	return touched, edits, sums
}

// moveHead makes a state the head whose objects are durable. The caller holds the
// lock. The head file is the change; nothing after it can undo or fail it. paths are
// the files that changed, or nil if that is not known.
func (v *Vault) moveHead(ctx context.Context, next *chain.State, paths map[string][]byte) error {
	h := next.Head()
	if err := v.local.WriteHeadOn(v.disk, local.Head{Seq: h.Seq, ID: h.ID, Sum: h.Sum}); err != nil {
		return err
	}
	old := v.state
	v.state = next
	// None of these needs another, and one waits for the disk while the others count.
	var rest sync.WaitGroup
	rest.Go(func() { _ = v.repo.SetRef(branch, h.ID) }) // healed by the next Open
	rest.Go(func() { v.writeCache(next) })
	_ = v.tryMoveSnapshots(ctx, old, paths)
	rest.Wait()
	_ = v.repo.Maintain(ctx, repo.Maintenance{}) // tried again after the next change
	return nil
}

// tryMoveSnapshots is moveSnapshots after which the change stands, whatever is lost.
func (v *Vault) tryMoveSnapshots(ctx context.Context, old *chain.State, paths map[string][]byte) (err error) {
	defer chain.Caught(&err)
	v.moveSnapshots(ctx, old, paths)
	return nil
}

// patience is how long a writer waits for the others: a queue of them moves in
// milliseconds, so that only a stuck one takes that long, and is then named.
const patience = time.Minute

// lock takes the vault's lock, puts right what its last holder left if he died,
// and reads the head again.
func (v *Vault) lock(ctx context.Context, purpose string) (*local.Lock, error) {
	if v.head != nil {
		return nil, ErrReadOnly
	}
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	lock, err := v.local.Lock(waiting, purpose)
	if err != nil {
		return nil, err
	}
	if _, died := lock.Abandoned(); died {
		if _, err = v.repo.Mend(ctx); err == nil {
			lock.Mended()
		}
	}
	if err == nil {
		err = v.Refresh(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	return lock, nil
}

// Adopt makes a verified state the head: one that [Vault.Verify] returned and that
// descends from the head. With another one it fails with [ErrNotDescendant], and
// nothing changes.
func (v *Vault) Adopt(ctx context.Context, s *chain.State) error {
	lock, err := v.lock(ctx, "adopt")
	if err != nil {
		return err
	}
	defer lock.Unlock()
	head := v.Head()
	link, ok := s.Link(head.Seq)
	if !ok || link.Sum != head.Sum || s.VaultID() != v.ID() {
		return ErrNotDescendant
	}
	if s.Head().Sum == head.Sum {
		return nil
	}
	return v.moveHead(ctx, s, nil)
}

// everyKey lists every key in use.
func everyKey(p *policy.Policy) []policy.KeyRef {
	refs := []policy.KeyRef{{Kind: policy.AuditKey}}
	for _, r := range p.Roles() {
		if r.Active() {
			refs = append(refs, policy.KeyRef{Kind: policy.RoleKey, Name: r.Name})
		}
	}
	for _, e := range p.Environments() {
		if e.Active() {
			refs = append(refs, policy.KeyRef{Kind: policy.EnvironmentKey, Name: e.Name})
		}
	}
	return refs
}
