package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
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
their content out; their signatures and hashes stay.

What was written is checked as its receiver would. A proof that does not hold is not
kept, and ends with exit code 6; --evidence keeps it, to show what is wrong.`,
		example: "secr audit export --proof acme.proof\nsecr audit export --proof acme.proof --without-readings",
		flags: []cli.Flag{
			&cli.StringFlag{Name: "proof", Usage: "the `file` to write; - is standard output"},
			&cli.BoolFlag{Name: "without-readings", Usage: "leave out what the receipts say"},
			&cli.BoolFlag{Name: "evidence", Usage: "keep it also if it does not verify"},
			&cli.BoolFlag{Name: "force", Usage: "replace the file if it is there"},
			jsonFlag(),
		},
		run: func(c *cli.Context) error {
			return a.auditExport(c.Context, auditExportOptions{file: c.String("proof"), without: c.Bool("without-readings"), evidence: c.Bool("evidence"), force: c.Bool("force"), json: c.Bool("json")})
		},
	}.command()
}

type auditExportOptions struct {
	file              string
	without, evidence bool
	force, json       bool
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
		if err == nil && sum.Broken != nil && !o.evidence {
			return exit.New(exit.Integrity, "it would not verify: %s", sum.Broken.Error()).
				WithHint("secr audit verify --all shows every finding; --evidence writes the proof as it is")
		}
		return err
	})
	if err != nil {
		return err
	}
	if sum.Broken != nil {
		a.warn("the proof does not verify, and shows why: %s", sum.Broken.Error())
	}
	floor := s.vault.Head().Point().String()
	if o.json {
		return writeJSON(a.term.Out, exportedJSON{1, o.file, s.vault.ID(), floor, sum.Changes, sum.Batches, sum.Receipts, sum.Unopened})
	}
	if sum.Unopened > 0 && eo.Readings {
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
	if err := checkOut(path, force); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".secr-*") // 0600
	if err != nil {
		var at *fs.PathError
		if errors.As(err, &at) { // not the name that nobody typed
			err = at.Err
		}
		return fmt.Errorf("write %s: %w", path, err)
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

// checkOut says whether a file may be written at a path. What is there is replaced by
// a new file, so it must be one: a device or a pipe would be gone, and nobody who
// listens on it would hear anything.
func checkOut(path string, force bool) error {
	folder := filepath.Dir(path)
	if info, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		return exit.New(exit.NotFound, "write %s: there is no folder %s", path, folder)
	} else if err == nil && !info.IsDir() {
		return exit.Usagef("write %s: %s is no folder", path, folder)
	}
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return nil // the attempt tells more
	case info.IsDir():
		return exit.Usagef("%s is a folder", path)
	case !info.Mode().IsRegular():
		return exit.Usagef("%s is no regular file, and would be replaced by one", path).WithHint("- writes to standard output, which goes anywhere")
	case !force:
		return exit.New(exit.Failed, "%s is there already", path).WithHint("--force replaces it")
	}
	return nil
}
