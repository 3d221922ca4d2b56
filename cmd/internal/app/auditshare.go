package app

import (
	"context"
	"errors"

	"github.com/secr/secr/audit"
	"github.com/secr/secr/audit/receipt"
)

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
	a.warnFindings(done.Findings)
}
