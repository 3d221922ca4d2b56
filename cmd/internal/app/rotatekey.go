package app

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/policy"
)

func (a *app) rotateKeyVerb() *cli.Command {
	return verb{
		name: "rotate-key", short: "Make new keys and seal everything again",
		long: `Without a flag, every key of the vault turns. This ends nobody's membership, and it
doesn't change a value: whoever knew a value still knows it.`,
		example: "secr rotate-key\nsecr rotate-key --env production\nsecr rotate-key --role developer",
		flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "env", Aliases: []string{"e"}, Usage: "only this environment's key, again for several"},
			&cli.StringSliceFlag{Name: "role", Usage: "only this role's key and what hangs on it, again for several"},
			&cli.BoolFlag{Name: "due", Usage: "only the environments whose key must turn and could not"},
			dryRunFlag(),
		},
		run: func(c *cli.Context) error {
			return a.rotateKey(c.Context, rotateOptions{
				environments: c.StringSlice("env"), roles: c.StringSlice("role"), due: c.Bool("due"), dryRun: c.Bool("dry-run"),
			})
		},
	}.command()
}

type rotateOptions struct {
	environments, roles []string
	due, dryRun         bool
}

func (a *app) rotateKey(ctx context.Context, o rotateOptions) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	refs, err := o.refs(s.vault.Policy())
	if err != nil {
		return err
	}
	if o.due && len(refs) == 0 {
		a.note("no environment is due")
		return nil
	}
	d := s.vault.Draft()
	d.Rotate(refs...)
	subject := "rotate every key"
	if len(refs) > 0 {
		subject = fmt.Sprintf("rotate %s", count(len(refs), "key"))
	}
	if o.dryRun {
		report, err := d.Plan(ctx)
		if err != nil {
			return err
		}
		a.reportTurned(report)
		a.note("nothing was changed")
		return nil
	}
	if _, err := d.Commit(ctx, subject); err != nil {
		return err
	}
	a.reportTurned(d.Report())
	a.afterWrite(ctx, s, d.Report())
	return nil
}

// refs are the keys to turn; none is all.
func (o rotateOptions) refs(p *policy.Policy) ([]policy.KeyRef, error) {
	var refs []policy.KeyRef
	for _, name := range o.environments {
		if e, ok := p.Environment(name); !ok || e.Retired {
			return nil, noEnvironment(name)
		}
		refs = append(refs, policy.KeyRef{Kind: policy.EnvironmentKey, Name: name})
	}
	for _, name := range o.roles {
		if r, ok := p.Role(name); !ok || r.Retired {
			return nil, exit.New(exit.NotFound, "no role %q", name)
		}
		refs = append(refs, policy.KeyRef{Kind: policy.RoleKey, Name: name})
	}
	if o.due {
		for _, e := range p.Environments() {
			if e.Due && !e.Retired {
				refs = append(refs, policy.KeyRef{Kind: policy.EnvironmentKey, Name: e.Name})
			}
		}
	}
	return refs, nil
}
