package fast

import (
	"context"
	"encoding/hex"
	"runtime"
	"slices"
	"strings"

	"github.com/secr/secr/audit/receipt"
	"github.com/secr/secr/cmd/internal/child"
	"github.com/secr/secr/cmd/internal/freshness"
	"github.com/secr/secr/cmd/internal/witness"
	"github.com/secr/secr/vault/snapshot"
)

const foldsCase = runtime.GOOS == "windows"

// run becomes the program. Before the receipt, doubts are the long way's;
// after it, errors are told.
func (p place) run(ctx context.Context, o options) (code int, done bool, err error) {
	for _, name := range slices.Concat(o.only, o.except) {
		if _, ok := p.snapshot.Find(name); !ok {
			return 0, false, nil // the long way says so
		}
	}
	protection, err := child.Protect()
	if err != nil {
		return 0, false, nil
	}
	var keep func(snapshot.Entry) bool
	if len(o.only)+len(o.except) > 0 {
		keep = func(e snapshot.Entry) bool { return o.wants(e.Name) }
	}
	values, err := p.snapshot.Reveal(p.witness(ctx, o), keep)
	if err != nil {
		return 0, false, nil
	}
	composed, err := child.Compose(child.Sources{
		Inherited: p.sys.Environ(), Pairs: values.Environ, Clean: o.clean, Preserve: o.preserve,
	})
	if err != nil {
		return 0, true, err
	}
	p.note(p.environment, composed)
	freshness.Refresh(p.sys, p.vault, p.refresh)
	code, err = child.Run(ctx, child.Plan{Args: o.names, Environment: composed, Protection: protection})
	return code, true, err
}

// note says what a person would not expect.
func (p place) note(environment string, e child.Environment) {
	if !p.ordinary {
		p.sys.Stderr.WriteString("secr: environment " + environment + "\n")
	}
	if age := freshness.Age(p.vault, p.sys.Now()); age != "" {
		p.sys.Stderr.WriteString(age + "\n")
	}
	if len(e.Overridden) > 0 {
		p.sys.Stderr.WriteString("secr: instead of the inherited " + strings.Join(e.Overridden, ", ") + "\n")
	}
	if len(e.Preserved) > 0 {
		p.sys.Stderr.WriteString("secr: the inherited " + strings.Join(e.Preserved, ", ") + " stays\n")
	}
}

// witness writes the receipt of a reading. Where that fails, the long way
// knows whether it must not.
func (p place) witness(ctx context.Context, o options) snapshot.Witness {
	return func(r snapshot.Reading) error {
		if r.Settings.Receipts == snapshot.ReceiptsOff {
			return nil
		}
		w := witness.Witness{System: p.sys, Vault: p.vault, Root: p.keys.Receipts, Device: r.Settings.Device}
		note := witness.Reading{
			Environment: r.Place.Environment, Action: o.verb, Seq: r.Place.Seq, Sum: r.Place.Sum, All: r.All,
		}
		if o.verb == "run" {
			note.Program = o.names[0]
		}
		for _, e := range r.Entries {
			note.Secrets = append(note.Secrets, receipt.Secret{ID: hex.EncodeToString(e.ID[:]), Version: e.Version})
		}
		return w.Append(ctx, note)
	}
}
