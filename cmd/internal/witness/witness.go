// Package witness writes the receipt of a reading: who read which secrets of
// which state, where, for what. Both ways to a value use it, the fast one and
// the one through the vault, before they yield anything.
package witness

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"github.com/secr/secr/audit/receipt"
	"github.com/secr/secr/cmd/internal/system"
	"github.com/secr/secr/keys"
	"github.com/secr/secr/vault/local"
)

// Witness writes the receipts of one device.
type Witness struct {
	System system.System
	Vault  local.Vault
	// Root is the key that the seed's receipts are sealed under.
	Root keys.Key
	// Device is the reader's; empty for one that holds none, whose readings
	// only a cloud's log tells.
	Device string
}

// Reading is what is about to be read.
type Reading struct {
	Environment, Action, Reason string
	Program                     string // that gets the values
	Seq                         uint64 // of the state that is read
	Sum                         [32]byte
	All                         bool // all secrets of the environment; Secrets is empty then
	Secrets                     []receipt.Secret
}

// Append writes the receipt of a reading. When it returns nil the receipt is in
// the file.
func (w Witness) Append(ctx context.Context, r Reading) error {
	if w.Device == "" {
		return nil
	}
	log, err := receipt.NewLog(w.Vault, w.Device, w.Root)
	if err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	note := receipt.NewOrigin(w.System.Getenv, host).Of(receipt.Receipt{
		Time: w.System.Now().Unix(), Action: r.Action, Environment: r.Environment, Seq: r.Seq, Sum: hex.EncodeToString(r.Sum[:]),
		All: r.All, Secrets: r.Secrets, Reason: r.Reason, Program: filepath.Base(r.Program),
	})
	if r.Program == "" {
		note.Program = ""
	}
	if _, err := log.Append(ctx, note); err != nil {
		return fmt.Errorf("write the receipt: %w", err)
	}
	return nil
}
