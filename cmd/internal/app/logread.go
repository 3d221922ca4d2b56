package app

import (
	"context"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/secr/secr/audit"
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

// readLogOf is readLog of the changes that touched an environment.
func readLogOf(ctx context.Context, v *vault.Vault, env string, limit int) ([]changeJSON, error) {
	out := []changeJSON{}
	for e, err := range audit.Touching(ctx, v, env) {
		if err != nil {
			return nil, err
		}
		c := e.Change
		out = append(out, changeJSON{
			Number: c.Seq, Commit: c.ID.String(), Time: stamp(e.Time), By: e.Handle, Device: e.Device, Subject: c.Subject, unix: e.Time,
		})
		if len(out) == limit {
			break
		}
	}
	if _, there := v.Policy().Environment(env); !there && len(out) == 0 { // one that was retired has its changes
		return nil, fmt.Errorf("%w: %s", vault.ErrNoEnvironment, env)
	}
	return out, nil
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
