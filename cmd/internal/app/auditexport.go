package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/audit"
	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/vault"
)

func (a *app) auditExportVerb() *cli.Command {
	return verb{
		name: "export", short: "Write a proof of the whole history for a third party",
		long: `One file with everything in the vault that is signed, which secr audit verify FILE
checks without vault, identity or network. Values, names and notes are in it sealed, as
they are in the vault; handles, times and numbers are in clear. With the right to audit
the receipts are in it, opened: who read what, where and why. --without-readings leaves
their content out; their signatures and hashes stay.`,
		example: "secr audit export --proof acme.proof\nsecr audit export --proof acme.proof --without-readings",
		flags: []cli.Flag{
			&cli.StringFlag{Name: "proof", Usage: "the `file` to write; - is standard output"},
			&cli.BoolFlag{Name: "without-readings", Usage: "leave out what the receipts say"},
			&cli.BoolFlag{Name: "force", Usage: "replace the file if it is there"},
			jsonFlag(),
		},
		run: func(c *cli.Context) error {
			return a.auditExport(c.Context, auditExportOptions{file: c.String("proof"), without: c.Bool("without-readings"), force: c.Bool("force"), json: c.Bool("json")})
		},
	}.command()
}

type auditExportOptions struct {
	file                 string
	without, force, json bool
}

type exportedJSON struct {
	Version  int    `json:"version"`
	File     string `json:"file"`
	Vault    string `json:"vault"`
	Floor    string `json:"floor"`
	Changes  int    `json:"changes"`
	Batches  int    `json:"batches"`
	Receipts int    `json:"receipts"`
	Unopened int    `json:"unopened"`
}

func (a *app) auditExport(ctx context.Context, o auditExportOptions) error {
	if o.file == "" {
		return exit.Usagef("secr audit export wants to know where to").WithHint("--proof FILE")
	}
	if o.json && o.file == "-" {
		return exit.Usagef("--json and the proof can't both go to standard output").WithHint("--proof FILE")
	}
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	eo := audit.ExportOptions{Readings: !o.without, Now: a.sys.Now().Unix()}
	if _, err := s.vault.AuditIdentity(ctx, s.vault.Policy().Audit().Epoch); err != nil {
		var denied *vault.DeniedError
		if !errors.As(err, &denied) && !errors.Is(err, vault.ErrNotMember) && !errors.Is(err, vault.ErrNoIdentity) {
			return err
		}
		if eo.Readings {
			a.note("without readings: %s", err)
		}
		eo.Readings = false
	}
	var sum audit.Exported
	err = a.writeOut(o.file, o.force, func(w io.Writer) (err error) {
		sum, err = audit.Export(ctx, s.vault, w, eo)
		return err
	})
	if err != nil {
		return err
	}
	floor := s.vault.Head().Point().String()
	if o.json {
		return writeJSON(a.term.Out, exportedJSON{1, o.file, s.vault.ID(), floor, sum.Changes, sum.Batches, sum.Receipts, sum.Unopened})
	}
	if sum.Unopened > 0 {
		a.warn("%s could not be opened and went without receipts: secr audit verify", count(sum.Unopened, "batch"))
	}
	a.note("wrote a proof of %s and %s to %s", count(sum.Changes, "change"), count(sum.Receipts, "reading"), o.file)
	a.note("tell the receiver, by another way: --vault %s --floor %s", s.vault.ID(), floor)
	return nil
}

// writeOut writes a file whole or not at all, for its owner alone; - is standard
// output.
func (a *app) writeOut(path string, force bool, write func(io.Writer) error) error {
	if path == "-" {
		return write(a.term.Out)
	}
	if _, err := os.Lstat(path); err == nil && !force {
		return exit.New(exit.Failed, "%s is there already", path).WithHint("--force replaces it")
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".secr-*") // 0600
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(f.Name()))
	}
	return nil
}
