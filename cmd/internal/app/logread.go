package app

import (
	"context"
	"encoding/hex"
	"strconv"

	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/change"
	"github.com/secr/secr/vault/repo"
)

// readLog gives the newest changes; limit 0 is all.
func readLog(ctx context.Context, v *vault.Vault, limit int) ([]changeJSON, error) {
	out := []changeJSON{}
	err := v.Changes(ctx, func(c change.Change, id repo.Hash) bool {
		out = append(out, describeChange(c, id))
		return limit == 0 || len(out) < limit
	})
	return out, err
}

func describeChange(c change.Change, id repo.Hash) changeJSON {
	return changeJSON{
		Number: c.Seq, Commit: hex.EncodeToString(id[:]), Time: stamp(c.Time), By: c.Author.Handle,
		Device: c.Author.Device, Subject: c.Subject, unix: c.Time,
	}
}

func changeRow(a *app, c changeJSON) []string {
	return []string{strconv.FormatUint(c.Number, 10), a.ago(c.unix), c.By, c.Subject}
}
