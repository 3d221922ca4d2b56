package app

import (
	"context"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/keys"
	"github.com/secr/secr/vault"
)

func (a *app) promoteVerb() *cli.Command {
	return verb{
		name: "promote", args: "[KEY...]", short: "Copy secrets from one environment to another",
		long: `Copies values, notes, expiry and tags as one change; without a KEY every secret that
the other environment has not. What it has is replaced only when its KEY is named.`,
		example: "secr promote --from staging --to production FEATURE_FLAGS\nsecr promote --from development --to preview --dry-run",
		flags: []cli.Flag{
			&cli.StringFlag{Name: "from", Usage: "the `environment` to copy from", Required: true},
			&cli.StringFlag{Name: "to", Usage: "the `environment` to copy to", Required: true},
			&cli.BoolFlag{Name: "dry-run", Usage: "show what would change, and change nothing"}, reasonFlag(), jsonFlag(),
		},
		most: -1,
		run: func(c *cli.Context) error {
			return a.promote(c.Context, promoteOptions{
				from: c.String("from"), to: c.String("to"), names: c.Args().Slice(), dryRun: c.Bool("dry-run"), reason: c.String("reason"), json: c.Bool("json"),
			})
		},
	}.command()
}

type promoteOptions struct {
	from, to, reason string
	names            []string
	dryRun, json     bool
}

func (a *app) promote(ctx context.Context, o promoteOptions) error {
	if err := validNames(o.names); err != nil {
		return err
	}
	if o.from == o.to {
		return exit.Usagef("--from and --to are the same environment")
	}
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	names, err := a.promoted(ctx, s, o)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		a.note("%s has everything that %s has", o.to, o.from)
		return nil
	}
	if err := s.checkNames(o.to, names...); err != nil {
		return err
	}
	if o.dryRun {
		for _, name := range names {
			a.note("%s: %s -> %s", name, o.from, o.to)
		}
		a.note("nothing was changed")
		return nil
	}
	values, err := a.reveal(ctx, s, vault.Request{Environment: o.from, Names: names, Action: "promote", Reason: o.reason})
	if err != nil {
		return err
	}
	d := s.vault.Draft()
	for _, v := range values {
		l := v.Label
		d.Set(o.to, l.Name, v.Secret, vault.Meta{Kind: &l.Kind, Note: &l.Note, Expires: &l.Expires, RotateDays: &l.RotateDays, Tags: &l.Tags})
		defer v.Secret.Wipe()
	}
	if _, err := d.Commit(ctx, fmt.Sprintf("copy %s from %s to %s", count(len(values), "secret"), o.from, o.to)); err != nil {
		return err
	}
	a.afterWrite(ctx, s, d.Report())
	return a.reportWritten("set", d.Report(), o.json)
}

// promoted is the names to copy: those that were named, or those that are missing.
func (a *app) promoted(ctx context.Context, s *session, o promoteOptions) ([]string, error) {
	if len(o.names) > 0 {
		return once(o.names), nil
	}
	key := keys.NewKey()
	have, err := s.vault.Marks(ctx, o.to, key)
	if err != nil {
		return nil, err
	}
	entries, err := s.vault.List(ctx, o.from)
	var out []string
	for _, e := range entries {
		if _, there := have[e.Label.Name]; !there {
			out = append(out, e.Label.Name)
		}
	}
	slices.Sort(out)
	return out, err
}
