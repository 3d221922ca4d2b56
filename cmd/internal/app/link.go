package app

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/exit"
)

func (a *app) linkVerb() *cli.Command {
	return verb{
		name: "link", short: "Let this folder use the vault that its secr.toml names",
		long: `A secr.toml that somebody else wrote gets nothing until you link its folder, once.
A second checkout of a project needs a link of its own.`,
		example: "secr link\nsecr link --profile work\nsecr link --remove",
		flags: []cli.Flag{
			&cli.StringFlag{Name: "profile", Usage: "which identity opens the vault here"},
			&cli.BoolFlag{Name: "remove", Usage: "untie the folder"},
		},
		run: func(c *cli.Context) error {
			return a.linkFolder(c.Context, linkOptions{profile: c.String("profile"), remove: c.Bool("remove")})
		},
	}.command()
}

type linkOptions struct {
	profile string
	remove  bool
}

func (a *app) linkFolder(ctx context.Context, o linkOptions) error {
	if o.remove {
		home, err := a.home()
		if err != nil {
			return err
		}
		return home.RemoveLink(ctx, a.sys.Folder)
	}
	s, err := a.locate()
	if err != nil {
		return err
	}
	place, err := s.home.Vault(s.project.Vault)
	if err != nil {
		return err
	}
	if _, err := place.ReadHead(); err != nil {
		return exit.New(exit.NotFound, "this machine has no vault %s", s.project.Vault).
			WithHint("secr clone gets a colleague's; secr init makes one")
	}
	w, err := a.link(ctx, s, o.profile)
	if err != nil {
		return err
	}
	a.note("%s uses vault %s as %s", s.project.Folder, s.project.Vault, describePerson(w.profile))
	return nil
}
