package app

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/cmd/internal/term"
)

func (a *app) rmVerb() *cli.Command {
	return verb{
		name: "rm", args: "KEY...", short: "Delete secrets",
		long: `Leaves a tombstone: earlier versions stay in the history and can be brought back.
In an environment that isn't the project's default, rm asks first.`,
		example: "secr rm OLD_KEY\nsecr rm OLD_KEY --env production --yes",
		flags:   []cli.Flag{envFlag(), yesFlag(), jsonFlag()},
		least:   1, most: -1,
		run: func(c *cli.Context) error {
			return a.rm(c.Context, rmOptions{env: c.String("env"), names: c.Args().Slice(), yes: c.Bool("yes"), json: c.Bool("json")})
		},
	}.command()
}

type rmOptions struct {
	env       string
	names     []string
	yes, json bool
}

func (a *app) rm(ctx context.Context, o rmOptions) error {
	if err := validNames(o.names); err != nil {
		return err
	}
	o.names = once(o.names)
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	env, err := a.environment(s, o.env)
	if err != nil {
		return err
	}
	if env != s.project.Default() && !o.yes {
		yes, err := a.term.Confirm(ctx, term.Question{
			Text: fmt.Sprintf("Delete %s in %s?", count(len(o.names), "secret"), env), What: "a yes to deleting in " + env, Flag: "--yes",
		})
		if err != nil {
			return err
		}
		if !yes {
			return exit.New(exit.Stopped, "nothing deleted")
		}
	}
	d := s.vault.Draft()
	for _, name := range o.names {
		d.Delete(env, name)
	}
	if _, err := d.Commit(ctx, fmt.Sprintf("delete %s in %s", count(len(o.names), "secret"), env)); err != nil {
		return err
	}
	a.afterWrite(ctx, s, d.Report())
	return a.reportWritten("deleted", d.Report(), o.json)
}
