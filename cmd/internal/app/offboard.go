package app

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/cmd/internal/term"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/team"
)

func removalFlags() []cli.Flag {
	return []cli.Flag{dryRunFlag(), yesFlag(), noSyncFlag(), jsonFlag()}
}

func removalOf(c *cli.Context) removal {
	return removal{
		handle: c.Args().First(), dryRun: c.Bool("dry-run"), yes: c.Bool("yes"), noSync: c.Bool("no-sync"), json: c.Bool("json"),
	}
}

func (a *app) offboardVerb() *cli.Command {
	return verb{
		name: "offboard", args: "NAME", short: "Somebody leaves: remove them, and list what they have seen",
		long: `One change: the membership ends, every key that they had turns, everything that they
could open is sealed again. Then it lists every value that their keys could open and
that was not changed since: change each one where it comes from. secr status goes on
about those until none is left. --dry-run shows all of it before.`,
		example: "secr offboard ben --dry-run\nsecr offboard ben", flags: removalFlags(), least: 1, most: 1,
		run: func(c *cli.Context) error { return a.remove(c.Context, removalOf(c)) },
	}.command()
}

func (a *app) memberRemoveVerb() *cli.Command {
	return verb{
		name: "remove", args: "NAME", short: "End a membership",
		long:    "The same as secr offboard: one change in which every key turns that the member had.",
		example: "secr member remove ben", flags: removalFlags(), least: 1, most: 1,
		run: func(c *cli.Context) error { return a.remove(c.Context, removalOf(c)) },
	}.command()
}

// removal takes a member, or one device, out.
type removal struct {
	handle              string // empty is who runs it
	device              string // empty is all of the member
	dryRun, yes, noSync bool
	json                bool
}

type offboardJSON struct {
	Version  int           `json:"version"`
	Handle   string        `json:"handle"`
	Device   string        `json:"device"`
	Removed  bool          `json:"removed"`
	Turned   []string      `json:"turned"`
	Resealed int           `json:"resealed"`
	Due      []string      `json:"due"`
	Exposed  []exposedJSON `json:"exposed"`
}

func (r removal) who() string {
	if r.device == "" {
		return r.handle
	}
	return r.handle + "/" + r.device
}

func (r removal) edit() team.Edit {
	if r.device == "" {
		return team.Remove(r.handle)
	}
	return team.RemoveDevice(r.handle, r.device)
}

func (a *app) remove(ctx context.Context, r removal) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	if r.handle == "" {
		if r.handle, err = ownHandle(ctx, s.vault); err != nil {
			return err
		}
	}
	w, err := a.way(ctx, s, "")
	if err != nil {
		return err
	}
	if err := a.freshen(ctx, s, w, r.noSync || r.dryRun); err != nil {
		return err
	}
	exposed, err := team.Exposed(ctx, s.vault, r.handle, r.device)
	if err != nil {
		return err
	}
	if m, _ := s.vault.Policy().MemberByHandle(r.handle); m.Retired {
		return a.reportRemoval(r, vault.Report{}, exposed) // what is still to be done
	}
	d := s.vault.Draft()
	d.EditPolicy(r.edit())
	if r.dryRun {
		report, err := d.Plan(ctx)
		if err != nil {
			return plainly(err)
		}
		return a.reportRemoval(r, report, exposed)
	}
	if !r.yes { // nobody is asked about what the rules refuse
		if _, err := d.Plan(ctx); err != nil {
			return plainly(err)
		}
	}
	if err := a.confirmRemoval(ctx, r, exposed); err != nil {
		return err
	}
	if _, err := d.Commit(ctx, "remove "+r.who()); err != nil {
		return plainly(err)
	}
	report := d.Report()
	if exposed, err = team.Exposed(ctx, s.vault, r.handle, r.device); err != nil {
		return err
	}
	if err := a.reportRemoval(r, report, exposed); err != nil {
		return err
	}
	return a.tellTeam(ctx, s, w, r)
}

// tellTeam shares a removal. Until others have it their clients go on as before, so
// that one which can't be shared is no success.
func (a *app) tellTeam(ctx context.Context, s *session, w way, r removal) error {
	if r.noSync || w.none() {
		return a.share(ctx, s, w, r.noSync)
	}
	if err := a.shareNow(ctx, s, w); err != nil {
		return &exit.Error{Code: exit.Of(err).Code, Err: err, What: r.who() + " is removed here, and the team does not know it yet", Hint: "secr sync"}
	}
	return nil
}

func (a *app) confirmRemoval(ctx context.Context, r removal, exposed []team.Exposure) error {
	if r.yes {
		return nil
	}
	if a.term.Interactive() && len(exposed) > 0 {
		a.note("%s could open %s that somebody would have to change", r.who(), count(len(exposed), "value"))
		if err := a.printExposed(a.term.Err, exposed); err != nil {
			return err
		}
	}
	yes, err := a.term.Confirm(ctx, term.Question{Text: "Remove " + r.who() + "? This can't be taken back.", What: "a confirmation", Flag: "--yes"})
	if err != nil {
		return err
	}
	if !yes {
		return term.ErrInterrupted
	}
	return nil
}

func (a *app) reportRemoval(r removal, report vault.Report, exposed []team.Exposure) error {
	if r.json {
		return writeJSON(a.term.Out, offboardJSON{
			Version: 1, Handle: r.handle, Device: r.device, Removed: !r.dryRun, Turned: turned(report),
			Resealed: report.Resealed, Due: append([]string{}, report.Due...), Exposed: describeExposed(exposed),
		})
	}
	if report.Changed() {
		a.reportGoverned(report)
	}
	if r.dryRun {
		a.note("nothing was changed")
	} else {
		a.note("%s is removed", r.who())
	}
	if len(exposed) == 0 {
		a.note("no value that is in use was open to %s", r.who())
		return nil
	}
	a.note("%s that %s could open, to be changed where they come from:", count(len(exposed), "value"), r.who())
	return a.printExposed(a.term.Out, exposed)
}

// turned lists the keys that a change turned, in words.
func turned(r vault.Report) []string {
	out := []string{}
	for _, ref := range r.Turned {
		if ref.Kind != policy.NamesKey {
			out = append(out, ref.String())
		}
	}
	return out
}
