package app

import (
	"context"
	"errors"

	"github.com/secr/secr/audit"
	"github.com/secr/secr/audit/receipt"
	"github.com/secr/secr/vault"
)

// shareReceipts exchanges receipts with a remote, and says what there is to look at.
func (a *app) shareReceipts(ctx context.Context, s *session, w way, pull bool) {
	a.exchangeReceipts(ctx, s, w, pull)
	standing, err := receiptWarnings(s.vault)
	if err != nil {
		a.warn("receipts: %s", err)
	}
	for _, text := range standing {
		a.warn("%s", text)
	}
}

// receiptWarnings are what this machine says of the receipts branch until a person
// has looked at it.
func receiptWarnings(v *vault.Vault) ([]string, error) {
	known, err := audit.ReadKnown(v)
	if err != nil {
		return nil, err
	}
	out := known.Warnings()
	for i := range out {
		out[i] += " (secr audit verify shows the proof; --accept-replaced, when you know why)"
	}
	return out, nil
}

// exchangeReceipts publishes this device's receipts and, for who audits, brings those
// of others. It is no reason to fail a sync: what could not be published stays
// pending. Who neither has something to publish nor audits asks the remote nothing.
func (a *app) exchangeReceipts(ctx context.Context, s *session, w way, pull bool) {
	who, err := s.vault.Identity(ctx)
	if err != nil || !who.Active {
		return
	}
	log, err := a.ownLog(ctx, s)
	if err != nil {
		a.warn("receipts were not published: %s", err)
		return
	}
	source := &audit.Source{Log: log, Now: a.sys.Now().Unix()}
	pending, err := log.Read(ctx)
	var broken *receipt.ChainError
	if err != nil && !errors.As(err, &broken) {
		a.warn("receipts were not published: %s", err)
		return
	}
	if pull {
		source = nil
	}
	if (pull || len(pending.Entries) == 0) && !s.vault.Policy().Audits(who.Member.ID) {
		return
	}
	r := audit.Remote{Transport: a.transport(w), URL: w.url, Branch: audit.BranchBeside(s.branch())}
	done, err := audit.Exchange(ctx, s.vault, r, source)
	if err != nil {
		a.warn("receipts were not exchanged: %s", err)
	}
	for _, f := range done.Findings {
		if !f.Note {
			continue // told with what else stands there
		}
		a.note("note: %s", f.Error())
		for _, p := range f.Proof {
			a.note("      %s", p)
		}
	}
}
