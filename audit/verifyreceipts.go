package audit

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/secr/secr/audit/receipt"
	"github.com/secr/secr/vault/chain"
)

// branch judges the receipts branch, opens what is on it as far as this identity may,
// and holds each receipt to the chain.
func (x *verifier) branch(ctx context.Context) error {
	known, err := ReadKnown(x.v)
	if err != nil {
		return err
	}
	if len(known.Tips()) == 0 {
		x.checked(Check{Name: "receipts", What: "batches of receipts", Skipped: "this machine has not seen a receipts branch"})
		return nil
	}
	b, err := known.Read(ctx, x.v)
	if err != nil {
		return err
	}
	for _, h := range known.Lost {
		b.Findings = append(b.Findings, Finding{Class: Rewind, Commit: h, What: "a remote replaced its receipts branch since this machine first saw it; what was there is still here", Proof: []string{"secr git log " + h.String()}})
	}
	for _, f := range b.Findings {
		if !x.find(f) {
			return nil
		}
	}
	for _, p := range b.Posted {
		if p.File.IsZero() {
			continue // told above
		}
		var bad *Finding
		if _, err := batchFile(x.v.Repo(), p); errors.As(err, &bad) && !x.find(*bad) {
			return nil
		}
	}
	x.checked(Check{Name: "receipts", Count: len(b.Posted), What: "signed batches of receipts, in unbroken chains; the end of a chain may be withheld"})
	return x.readings(ctx, b)
}

// readings opens batches.
func (x *verifier) readings(ctx context.Context, b *Branch) error {
	c := Check{Name: "readings", What: "receipts, opened: each follows the one before, and read a state of this chain"}
	if _, err := x.v.AuditIdentity(ctx, x.v.Policy().Audit().Epoch); stranger(err) {
		c.Skipped = err.Error()
		x.checked(c)
		return nil
	}
	firsts := map[string]Posted{} // batches that start a chain, by device and first receipt
	for _, p := range b.Posted {
		entries, err := OpenBatch(ctx, x.v, x.v.Repo(), p)
		var bad *Finding
		switch {
		case errors.As(err, &bad):
			if told := bad.Class == Unreadable || p.File.IsZero(); !told && !x.find(*bad) {
				return nil
			}
			continue
		case err != nil:
			return err
		}
		c.Count += len(entries)
		if p.First == 1 && !x.begins(p, entries[0], firsts) {
			return nil
		}
		for _, e := range entries {
			if f := p.receipt(x.v.State(), e); f != nil && !x.find(*f) {
				return nil
			}
		}
	}
	x.checked(c)
	return nil
}

// begins tells a log that was put back to its beginning, or copied, from one that
// began again: the first receipt is the same, and what follows is not.
func (x *verifier) begins(p Posted, first receipt.Entry, seen map[string]Posted) bool {
	sum := first.Sum()
	key := p.Author.Device + hex.EncodeToString(sum[:])
	other, ok := seen[key]
	if !ok {
		seen[key] = p
		return true
	}
	return other.end() == p.end() || x.find(p.fork(other))
}

// receipt holds one receipt to the chain.
func (p Posted) receipt(s *chain.State, e receipt.Entry) *Finding {
	link, ok := s.Link(e.Seq)
	switch {
	case !ok:
		f := p.finding(Unreadable, "receipt %d reads change %d, and this machine has %d changes", e.Number, e.Seq, s.Head().Seq)
		f.Note = true
		return &f
	case hex.EncodeToString(link.Sum[:]) != e.Receipt.Sum:
		f := p.finding(Fork, "receipt %d reads another change %d than the one here: there are two lines of this vault", e.Number, e.Seq)
		f.Seq = e.Seq
		f.Proof = append(f.Proof, "there "+e.Receipt.Sum, "here "+hex.EncodeToString(link.Sum[:]))
		return &f
	case e.Lost > 0:
		f := p.finding(Gap, "%s", fmt.Sprintf("before receipt %d, %d bytes of receipts were unreadable on the device", e.Number, e.Lost))
		f.Note = true
		return &f
	}
	return nil
}
