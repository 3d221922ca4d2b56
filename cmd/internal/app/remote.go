package app

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/sync/remote"
)

func (a *app) remoteVerb() *cli.Command {
	return verb{
		name: "remote", short: "The vault's remote: show, move", long: "The vault is shared on a branch of the project's origin, if nothing else is said.",
		example: "secr remote show\nsecr remote move git@other.example:team/vault.git",
		sub:     []*cli.Command{a.remoteShowVerb(), a.remoteMoveVerb()},
	}.command()
}

func (a *app) remoteShowVerb() *cli.Command {
	return verb{
		name: "show", short: "Show where the vault is shared", long: "The first of: --remote, SECR_REMOTE, the user's settings, secr.toml, the project's origin.",
		example: "secr remote show",
		run: func(c *cli.Context) error {
			s, err := a.open(c.Context)
			if err != nil {
				return err
			}
			defer s.vault.Close()
			w, err := a.reachable(c.Context, s, "")
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.term.Out, "%s %s\n", w.address(), s.branch())
			return err
		},
	}.command()
}

func (a *app) remoteMoveVerb() *cli.Command {
	return verb{
		name: "move", args: "ADDRESS", short: "Share the vault somewhere else",
		long: `Publishes the vault there and names the address in secr.toml, which the team gets with
the code. For a host that spoils the branch and forbids its repair, or one that is left.`,
		example: "secr remote move git@other.example:team/vault.git", least: 1, most: 1,
		run: func(c *cli.Context) error { return a.remoteMove(c.Context, c.Args().First()) },
	}.command()
}

func (a *app) remoteMove(ctx context.Context, address string) error {
	if _, err := remote.Parse(address, remote.FromProject, ""); err != nil {
		return exit.Usagef("%s", err).WithHint("an https or ssh address without a password")
	}
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	w, err := a.reachable(ctx, s, address)
	if err != nil {
		return err
	}
	if err := a.syncWith(ctx, s, w, syncOptions{}); err != nil {
		return err
	}
	s.project.Remote = address
	if err := replaceProject(s.project); err != nil {
		return err
	}
	a.note("secr.toml names %s now: commit it", address)
	return nil
}
