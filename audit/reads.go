package audit

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/secr/secr/audit/receipt"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/repo"
)

// Read is one reading, as its device noted it. Everything in it but who signed is
// what that machine said.
type Read struct {
	receipt.Receipt
	// Batch is the commit on the receipts branch; zero for one that this machine has
	// not published yet.
	Batch repo.Hash
}

// OpenBatch opens the receipts of a batch. It needs audit or manage. What is wrong
// with the batch is a *Finding; other errors are of this machine or identity.
func OpenBatch(ctx context.Context, v *vault.Vault, from *repo.Repo, p Posted) (entries []receipt.Entry, err error) {
	defer chain.Caught(&err) // it may run on its own
	identity, err := v.AuditIdentity(ctx, p.Epoch)
	if err != nil {
		return nil, err
	}
	file, err := batchFile(from, p)
	if err != nil {
		return nil, err
	}
	entries, err = p.Open(identity, file)
	if err != nil {
		f := p.finding(Tampered, "a batch's content is not what its commit says: %v", err)
		var broken *receipt.ChainError
		if errors.As(err, &broken) {
			f.Class = Gap
		}
		return nil, &f
	}
	return entries, nil
}

// batchFile reads the file of a batch and checks that it is the one.
func batchFile(from *repo.Repo, p Posted) ([]byte, error) {
	if p.File.IsZero() {
		f := p.finding(Tampered, "a batch's commit does not have its file")
		return nil, &f
	}
	file, err := from.Blob(p.File)
	if err != nil {
		f := p.finding(Unreadable, "a batch's file can't be read: %v", err)
		return nil, &f
	}
	if err := p.CheckFile(file); err != nil {
		f := p.finding(Tampered, "%v", err)
		return nil, &f
	}
	return file, nil
}

// readsOf is one device's published readings that pass, in the order in which they
// were published. The next batch is opened while one is gone through, so that two
// are in memory. A batch that can't be opened is told to skip, and left out.
func readsOf(ctx context.Context, v *vault.Vault, posted []Posted, f reading, skip func(*Finding) error) iter.Seq2[Event, error] {
	type opened struct {
		entries []receipt.Entry
		err     error
	}
	return func(yield func(Event, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		open := func(p Posted) chan opened {
			out := make(chan opened, 1)
			go func() {
				entries, err := OpenBatch(ctx, v, v.Repo(), p)
				out <- opened{entries, err}
			}()
			return out
		}
		seen := map[[2]receipt.Link]bool{}
		next := open(posted[0])
		for i, p := range posted {
			now := <-next
			if i+1 < len(posted) {
				next = open(posted[i+1])
			}
			again := seen[[2]receipt.Link{p.start(), p.end()}]
			seen[[2]receipt.Link{p.start(), p.end()}] = true
			if bad := (*Finding)(nil); errors.As(now.err, &bad) {
				if err := skip(bad); err != nil {
					yield(Event{}, err)
					return
				}
				continue
			}
			if now.err != nil {
				yield(Event{}, now.err)
				return
			}
			for _, e := range now.entries {
				x := Event{Time: e.Time, Handle: p.Handle, Device: p.Author.Device, Read: &Read{e.Receipt, p.ID}}
				if !again && f.passes(*x.Read) && !yield(x, nil) {
					return
				}
			}
		}
	}
}

// pendingReads is the readings that this machine has not published yet.
func pendingReads(v *vault.Vault, entries []receipt.Entry, f reading) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for _, e := range entries {
			m, _, ok := v.Policy().Device(e.Device)
			if !ok {
				yield(Event{}, fmt.Errorf("receipt %d is of a device that is no member's", e.Number))
				return
			}
			x := Event{Time: e.Time, Handle: m.Handle, Device: e.Device, Read: &Read{Receipt: e.Receipt}}
			if f.who(m.Handle) && f.passes(*x.Read) && !yield(x, nil) {
				return
			}
		}
	}
}
