package app

import (
	"context"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/dotenv"
	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/cmd/internal/special"
	"github.com/secr/secr/cmd/internal/term"
	"github.com/secr/secr/keys"
	"github.com/secr/secr/vault"
)

func (a *app) importVerb() *cli.Command {
	return verb{
		name: "import", args: "FILE", short: "Keep a .env file's values, in one change",
		long: `FILE is a .env file, or - for standard input. Values are kept exactly: nothing is
interpolated. Names that can't be secrets, and special ones that would run code on
a colleague's machine, are skipped and listed.`,
		example: "secr import .env\nsecr import .env.production --env production",
		flags:   []cli.Flag{envFlag(), &cli.BoolFlag{Name: "dry-run", Usage: "say what would be done, and do nothing"}, jsonFlag()},
		least:   1, most: 1,
		run: func(c *cli.Context) error {
			return a.importFile(c.Context, importOptions{
				env: c.String("env"), file: c.Args().First(), dryRun: c.Bool("dry-run"), json: c.Bool("json"),
			})
		},
	}.command()
}

type importOptions struct {
	env, file    string
	dryRun, json bool
}

type importJSON struct {
	writtenJSON
	Environment string        `json:"environment"`
	Skipped     []skippedJSON `json:"skipped"`
}

type skippedJSON struct {
	Name string `json:"name"`
	Line int    `json:"line"`
	Why  string `json:"why"`
}

func (a *app) importFile(ctx context.Context, o importOptions) error {
	entries, err := a.readEntries(o.file)
	if err != nil {
		return err
	}
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	env, err := a.environment(s, o.env)
	if err != nil {
		return err
	}
	kept, skipped := s.sortEntries(env, entries)
	d := s.vault.Draft()
	for _, e := range kept {
		d.Set(env, e.Name, keys.NewSecret([]byte(e.Value)), vault.Meta{})
	}
	report, err := a.commitImport(ctx, d, env, o.dryRun)
	if err != nil {
		return err
	}
	if o.json {
		w := writtenJSON{Version: 1, Changed: report.Changed() && !o.dryRun, Written: items(report.Written), Unchanged: items(report.Unchanged)}
		return writeJSON(a.term.Out, importJSON{writtenJSON: w, Environment: env, Skipped: skipped})
	}
	a.reportImport(env, report, skipped, o)
	return nil
}

func (a *app) commitImport(ctx context.Context, d *vault.Draft, env string, dryRun bool) (vault.Report, error) {
	if d.Len() == 0 {
		return vault.Report{}, nil
	}
	if dryRun {
		return d.Plan(ctx)
	}
	_, err := d.Commit(ctx, fmt.Sprintf("import %s into %s", count(d.Len(), "secret"), env))
	return d.Report(), err
}

// readEntries reads a .env file, or standard input for "-".
func (a *app) readEntries(file string) ([]dotenv.Entry, error) {
	in := io.Reader(a.sys.Stdin)
	if file != "-" {
		f, err := openInput(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	return parseEntries(in, file)
}

// parseEntries reads a .env file that is open. name is for errors.
func parseEntries(in io.Reader, name string) ([]dotenv.Entry, error) {
	data, err := io.ReadAll(io.LimitReader(in, 32<<20))
	if err != nil {
		return nil, err
	}
	entries, err := dotenv.Parse(data)
	return entries, exit.Wrap(err, "%s", name)
}

// sortEntries parts what can be kept from what is skipped.
func (s *session) sortEntries(env string, entries []dotenv.Entry) (kept []dotenv.Entry, skipped []skippedJSON) {
	skipped = []skippedJSON{}
	for _, e := range entries {
		switch {
		case !special.Valid(e.Name):
			skipped = append(skipped, skippedJSON{e.Name, e.Line, "name"})
		case s.bars(env, e.Name):
			skipped = append(skipped, skippedJSON{e.Name, e.Line, "special"})
		default:
			kept = append(kept, e)
		}
	}
	return kept, skipped
}

func (a *app) reportImport(env string, r vault.Report, skipped []skippedJSON, o importOptions) {
	done := "imported"
	if o.dryRun {
		done = "would import"
	}
	fmt.Fprintf(a.term.Err, "%s %s into %s", done, count(len(r.Written), "secret"), env)
	if n := len(r.Unchanged); n > 0 {
		fmt.Fprintf(a.term.Err, ", %d unchanged", n)
	}
	fmt.Fprintln(a.term.Err)
	for _, x := range skipped {
		if x.Why == "special" {
			a.warn("line %d: %s is a special name and was skipped; secr env set %s --allow %s lets it in", x.Line, x.Name, env, x.Name)
		} else {
			a.warn("line %d: %s can't be a secret's name and was skipped", x.Line, x.Name)
		}
	}
	a.noteDropped(r)
	if o.file != "-" && !o.dryRun && len(r.Written) > 0 {
		a.note("%s still holds the values in plain text: delete it once `secr run` does without", term.Clean(o.file))
	}
}
