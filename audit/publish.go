package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/secr/secr/audit/batch"
	"github.com/secr/secr/audit/receipt"
	"github.com/secr/secr/keys/sign"
	"github.com/secr/secr/keys/wrap"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/change"
	"github.com/secr/secr/vault/repo"
)

// Draft is receipts made ready to be published: commits that stand on where the
// branch was seen.
type Draft struct {
	Onto, Tip repo.Hash    // where the branch was, and where it goes; equal if there is nothing to publish
	Sent      receipt.Link // the last receipt that is on the branch then
	Batches   int          // made now
	Receipts  int          // in them
	Objects   *repo.Batch  // to be flushed before anything points to Tip
}

// Source is a device's own receipts and the clock of its machine.
type Source struct {
	Log receipt.Log
	Now int64 // Unix seconds
}

// Prepare makes the commits that publish a device's pending receipts on top of
// onto, the branch's tip as it was fetched; zero for a branch that is not there.
// from holds the branch's objects. What is on the branch already, because an earlier
// attempt was cut short after its push, is not made again. It writes nothing: Objects
// of the result is not flushed, and the log is told by [receipt.Log.Drop] after the
// push.
func Prepare(ctx context.Context, v *vault.Vault, s Source, from *repo.Repo, onto repo.Hash) (Draft, error) {
	who, signer, err := v.Signer(ctx)
	if err != nil {
		return Draft{}, err
	}
	pending, err := s.Log.Read(ctx)
	var broken *receipt.ChainError
	if err != nil && !errors.As(err, &broken) {
		return Draft{}, err // a broken chain is published as it is, for others to see
	}
	d := Draft{Onto: onto, Tip: onto, Sent: pending.Sent, Objects: v.Repo().Batch()}
	entries := pending.Entries
	if len(entries) > 0 {
		published, err := own(ctx, v, from, onto, who.Device, pending.Sent)
		if err != nil {
			return Draft{}, err
		}
		entries, d.Sent = unpublished(entries, published, d.Sent)
	}
	to, err := wrap.ParseRecipient(v.Policy().Audit().Recipient)
	if err != nil || len(entries) == 0 {
		return d, err
	}
	w := writer{v: v, who: who, signer: signer, now: s.Now, to: to, from: from, draft: &d}
	for _, part := range parts(entries, d.Sent) {
		if err := w.batch(part); err != nil {
			return Draft{}, err
		}
	}
	return d, nil
}

// own is the batches of a device that came to the branch after what it knows to have
// sent: those of an attempt that was cut short after its push.
func own(ctx context.Context, v *vault.Vault, from *repo.Repo, tip repo.Hash, device policy.Device, sent receipt.Link) ([]batch.Batch, error) {
	var out []batch.Batch
	_, _, _, err := lineage(ctx, from, tip, func(id repo.Hash) bool {
		raw, err := from.Commit(id)
		if err != nil || !bytes.Contains(raw, []byte(device.ID)) {
			return false
		}
		b, err := batch.Parse(raw)
		if err != nil || b.Author.Device != device.ID || b.Author.Vault != v.ID() || b.Signer != device.Sign {
			return false
		}
		if b.Last == sent.Number && b.Sum == sent.Sum {
			return true
		}
		out = append(out, b)
		return false
	})
	return out, err
}

// unpublished leaves out the entries that are on the branch: those up to one that a
// batch there ends with.
func unpublished(entries []receipt.Entry, published []batch.Batch, sent receipt.Link) ([]receipt.Entry, receipt.Link) {
	on := map[receipt.Link]bool{}
	for _, b := range published {
		on[receipt.Link{Number: b.Last, Sum: b.Sum}] = true
	}
	for i := len(entries) - 1; i >= 0; i-- {
		at := receipt.Link{Number: entries[i].Number, Sum: entries[i].Sum()}
		if on[at] {
			return entries[i+1:], at
		}
	}
	return entries, sent
}

// part is receipts that follow each other, and what the first of them follows.
type part struct {
	after   receipt.Link
	entries []receipt.Entry
}

// parts cuts entries into batches: at the limits of one, and where their chain is
// broken, so that the break shows.
func parts(entries []receipt.Entry, sent receipt.Link) []part {
	var out []part
	at := sent
	for len(entries) > 0 {
		n := 0
		p := part{after: at}
		for _, e := range entries[:batch.Fit(entries)] {
			next, err := at.Check(e.Vault, e.Device, []receipt.Entry{e})
			if err != nil {
				break
			}
			at = next
			n++
		}
		if n > 0 {
			p.entries, entries = entries[:n], entries[n:]
			out = append(out, p)
			continue
		}
		at = before(entries[0])
		if _, err := at.Check(entries[0].Vault, entries[0].Device, entries[:1]); err != nil {
			entries = entries[1:] // it follows nothing that can be written
		}
	}
	return out
}

// writer makes the commits of a draft.
type writer struct {
	v      *vault.Vault
	who    vault.Identity
	signer sign.Signer
	now    int64
	to     wrap.Recipient
	from   *repo.Repo
	draft  *Draft
	last   []byte // raw, of the commit made before; nil for none
}

// batch seals and signs one batch on top of what is there.
func (w *writer) batch(p part) error {
	file, err := batch.Seal(w.to, p.entries)
	if err != nil {
		return err
	}
	last := p.entries[len(p.entries)-1]
	b := batch.Draft{
		Parent: w.draft.Tip,
		Author: change.Author{Handle: w.who.Member.Handle, Device: w.who.Device.ID, Vault: w.v.ID()},
		Time:   w.now,
		First:  p.after.Number + 1, Previous: p.after.Sum,
		Last: last.Number, Sum: last.Sum(),
		Head: w.v.Head().Point(), Epoch: w.v.Policy().Audit().Epoch,
		File: sha256.Sum256(file),
	}
	if !b.Root() {
		if w.last == nil {
			if w.last, err = w.from.Commit(w.draft.Tip); err != nil {
				return fmt.Errorf("read the receipts branch: %w", err)
			}
		}
		b.ParentSum = sha256.Sum256(w.last)
	}
	objects := w.draft.Objects
	folder, err := objects.Tree([]repo.Entry{{Name: b.Name(), Hash: objects.Blob(file)}})
	if err != nil {
		return err
	}
	tree, err := objects.Tree([]repo.Entry{{Name: b.Author.Device, Dir: true, Hash: folder}})
	if err != nil {
		return err
	}
	b.Tree = tree
	if w.last, err = b.Encode(w.signer.SignCommit); err != nil {
		return err
	}
	w.draft.Tip = objects.Commit(w.last)
	w.draft.Sent = receipt.Link{Number: b.Last, Sum: b.Sum}
	w.draft.Batches++
	w.draft.Receipts += len(p.entries)
	return nil
}
