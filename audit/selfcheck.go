package audit

import (
	"context"
	"io"

	"github.com/secr/secr/vault"
)

// Export writes a proof of the vault's whole history: one file that [CheckProof]
// checks without the vault and without any key. It holds everything that is signed,
// with all values sealed as they are in the vault, and opens none. The proof is checked
// while it is written; Broken of the result says what a receiver would find.
func Export(ctx context.Context, v *vault.Vault, to io.Writer, o ExportOptions) (Exported, error) {
	type checked struct {
		proven Proven
		err    error
	}
	from, also := io.Pipe()
	done := make(chan checked, 1)
	go func() {
		p, err := CheckProof(ctx, from, ProofOptions{Vault: v.ID(), Floor: v.Head().Point()})
		io.Copy(io.Discard, from) // it may have seen enough
		done <- checked{p, err}
	}()
	sum, err := export(ctx, v, io.MultiWriter(to, also), o)
	also.CloseWithError(err) // nil is the end
	c := <-done
	if err == nil {
		err = c.err
	}
	sum.Broken = c.proven.Broken()
	return sum, err
}
