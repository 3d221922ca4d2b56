// Package token opens a vault for benchmarks, as the token in SECR_TOKEN.
package token

import (
	"context"
	"os"
	"time"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/local"
)

// Open opens the vault with this id in the folders that the environment names. The zero
// Disk is the machine's.
func Open(ctx context.Context, id string, disk local.Disk) (*vault.Vault, error) {
	home, err := local.NewHome(os.Getenv, os.Getenv("HOME"))
	if err != nil {
		return nil, err
	}
	seed, err := keys.ParseToken(os.Getenv("SECR_TOKEN"))
	if err != nil {
		return nil, err
	}
	return vault.Open(ctx, vault.Options{
		Home: home, ID: id, Clock: time.Now, Seed: func(context.Context) (keys.Seed, error) { return seed, nil }, Disk: disk,
	})
}
