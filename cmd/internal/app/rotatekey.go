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
		},
		run: func(c *cli.Context) error {
			return a.rotateKey(c.Context, rotateOptions{environments: c.StringSlice("env"), roles: c.StringSlice("role")})
		},
	}.command()
}

type rotateOptions struct{ environments, roles []string }

func (a *app) rotateKey(ctx context.Context, o rotateOptions) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	var refs []policy.KeyRef
	for _, name := range o.environments {
		if e, ok := s.vault.Policy().Environment(name); !ok || e.Retired {
			return noEnvironment(name)
		}
		refs = append(refs, policy.KeyRef{Kind: policy.EnvironmentKey, Name: name})
	}
	for _, name := range o.roles {
		if r, ok := s.vault.Policy().Role(name); !ok || r.Retired {
			return exit.New(exit.NotFound, "no role %q", name)
		}
		refs = append(refs, policy.KeyRef{Kind: policy.RoleKey, Name: name})
	}
	d := s.vault.Draft()
	d.Rotate(refs...)
	subject := "rotate every key"
	if len(refs) > 0 {
		subject = fmt.Sprintf("rotate %s", count(len(refs), "key"))
	}
	if _, err := d.Commit(ctx, subject); err != nil {
		return err
	}
	a.reportTurned(d.Report())
	return nil
}
