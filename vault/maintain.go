package vault

import (
	"context"
	"errors"

	"github.com/secr/secr/vault/repo"
)

// Maintain packs the vault's repository again if it has become scattered. Every
// change does that by our own means; with the user's git all of it into one pack.
func (v *Vault) Maintain(ctx context.Context, how repo.Maintenance) error {
	lock, err := v.lock(ctx, "maintain")
	if err != nil {
		return err
	}
	return errors.Join(v.repo.Maintain(ctx, how), lock.Unlock())
}
