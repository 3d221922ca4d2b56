package app

import (
	"context"
	"errors"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/team"
)

func remoteFlag() cli.Flag {
	return &cli.StringFlag{Name: "remote", Usage: "the vault's remote, as a Git `address`"}
}

func noSyncFlag() cli.Flag {
	return &cli.BoolFlag{Name: "no-sync", Usage: "don't share the change now"}
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

// leave puts a request where those who manage find it.
func (a *app) leave(_ context.Context, _ *session, _ way, _ team.Request) (bool, error) {
	return false, nil
}
