package app

import (
	"context"
	"fmt"

	"github.com/secr/secr/audit/receipt"
	"github.com/secr/secr/cmd/internal/term"
	"github.com/secr/secr/cmd/internal/witness"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
)

// witness writes a receipt before a value is yielded. Where policy says
// "best", a machine that can't write one gets a warning and the value; where
// it says "required", no value.
func (a *app) witness(s *session, program string) vault.Witness {
	return vault.WitnessFunc(func(ctx context.Context, r vault.Reading) error {
		if r.Receipts == policy.ReceiptsOff {
			return nil
		}
		note := witness.Reading{
			Environment: r.Environment, Action: r.Action, Reason: r.Reason, Program: program,
			Seq: r.Head.Seq, Sum: r.Head.Sum, All: r.All,
		}
		if !r.All {
			for _, e := range r.Secrets {
				note.Secrets = append(note.Secrets, receipt.Secret{ID: e.ID, Version: e.Version})
			}
		}
		w := witness.Witness{System: a.sys, Vault: s.vault.Local(), Root: s.who.kept.Receipts, Device: r.Device}
		err := w.Append(ctx, note)
		if err != nil && r.Receipts != policy.ReceiptsRequired {
			fmt.Fprintf(a.term.Err, "%s %s\n", a.term.Err.Paint(term.Yellow, "warning:"), term.Clean(err.Error()))
			return nil
		}
		return err
	})
}

// refreshSnapshot makes the next run or get quick. It is a courtesy: what
// stands in its way will be an error elsewhere or never.
func (a *app) refreshSnapshot(ctx context.Context, s *session, env string) {
	if s.past {
		return
	}
	_ = s.vault.EnsureSnapshot(ctx, env)
}
