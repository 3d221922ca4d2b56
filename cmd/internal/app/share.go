package app

import (
	"context"
	"errors"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/cmd/internal/project"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/vault/team"
)

func remoteFlag() cli.Flag {
	return &cli.StringFlag{Name: "remote", Usage: "the vault's remote, as a Git `address`"}
}

func noSyncFlag() cli.Flag {
	return &cli.BoolFlag{Name: "no-sync", Usage: "don't share the change now"}
}

// way is where a vault is shared; the zero way is nowhere.
type way struct{ url remote.URL }

// address is the remote as an invite names it.
func (w way) address() string { return w.url.String() }

// way finds out where the vault of a session is shared.
func (a *app) way(_ context.Context, s *session, flag string) (way, error) {
	text := project.Choose(flag, a.sys.Getenv("SECR_REMOTE"), s.settings.RemoteOf(s.project.Vault), "")
	from := remote.FromUser
	if text == "" {
		text, from = s.project.Remote, remote.FromProject
	}
	if text == "" {
		return way{}, nil
	}
	u, err := remote.Parse(text, from, a.sys.Folder)
	return way{u}, err
}

// share brings changes to the team that are worth nothing, or less than that, as
// long as nobody else has them.
func (a *app) share(_ context.Context, _ *session, _ way, _ bool) error {
	a.note("share it: secr sync")
	return nil
}

// governing is one change of policy that is shared at once.
type governing struct {
	subject string // of the change
	done    string // what is said when it is made; empty is nothing
	edit    func(*policy.Policy) error
	dryRun  bool
	noSync  bool
}

// govern makes a change of policy, says what followed, and shares it.
func (a *app) govern(ctx context.Context, g governing) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	return a.governIn(ctx, s, g)
}

// plainly puts into words that a policy can't be, for the person who asked for it.
func plainly(err error) error {
	var refused *policy.Error
	if !errors.As(err, &refused) || !errors.Is(err, policy.ErrIncomplete) {
		return err
	}
	return &exit.Error{
		Code: exit.Denied, What: "a vault can't be so: " + refused.What,
		Hint: "give somebody else such a role first: secr member role NAME --add admin",
	}
}

func (a *app) governIn(ctx context.Context, s *session, g governing) error {
	d := s.vault.Draft()
	d.EditPolicy(g.edit)
	if g.dryRun {
		report, err := d.Plan(ctx)
		if err != nil {
			return plainly(err)
		}
		a.reportGoverned(report)
		a.note("nothing was changed")
		return nil
	}
	if _, err := d.Commit(ctx, g.subject); err != nil {
		return plainly(err)
	}
	report := d.Report()
	a.reportGoverned(report)
	if !report.Changed() {
		return nil
	}
	if g.done != "" {
		a.note("%s", g.done)
	}
	w, err := a.way(ctx, s, "")
	if err != nil {
		return err
	}
	return a.share(ctx, s, w, g.noSync)
}

// strangeWay is a remote that an invite names.
func (a *app) strangeWay(_ context.Context, _ *session, address string) (way, error) {
	u, err := remote.Parse(address, remote.FromProject, "")
	return way{u}, err
}

// fetchVault gets the vault from its remote.
func (a *app) fetchVault(_ context.Context, s *session, _ way) error {
	return exit.New(exit.NotFound, "this machine has no vault %s, which %s names", s.project.Vault, s.project.Path())
}

// leave puts a request where those who manage find it.
func (a *app) leave(_ context.Context, _ *session, _ way, _ team.Request) (bool, error) {
	return false, nil
}
