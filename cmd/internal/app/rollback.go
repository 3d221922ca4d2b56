package app

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/cmd/internal/term"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/record"
	"github.com/secr/secr/vault/team"
)

func (a *app) rollbackVerb() *cli.Command {
	return verb{
		name: "rollback", args: "[KEY]", short: "Put an earlier value back, as a new change",
		long: `With a KEY: the value before the current one, or the version that --to names; a
secret that was deleted comes back. Without: the whole environment as it was at the
change or time that --to names. History keeps everything.`,
		example: `secr rollback STRIPE_KEY
secr rollback STRIPE_KEY --to 3 --dry-run
secr rollback --env production --to "2 hours ago" --yes`,
		flags: []cli.Flag{
			envFlag(), &cli.StringFlag{Name: "to", Usage: "a `VERSION` of the KEY; without a KEY a change or time"},
			&cli.BoolFlag{Name: "dry-run", Usage: "show what would change, and change nothing"}, yesFlag(), reasonFlag(),
		},
		filled: []string{"to"}, most: 1,
		run: func(c *cli.Context) error {
			o := rollbackOptions{env: c.String("env"), name: c.Args().First(), to: c.String("to"), dryRun: c.Bool("dry-run"), sure: c.Bool("yes"), reason: c.String("reason")}
			if o.name == "" {
				return a.rollbackAll(c.Context, o)
			}
			return a.rollback(c.Context, o)
		},
	}.command()
}

type rollbackOptions struct {
	env, name, to, reason string
	dryRun, sure          bool
}

// restored is one secret on its way back.
type restored struct {
	name     string
	from, to vault.Mark // from is empty for a secret that isn't there now, to for one that wasn't
	value    vault.Value
}

func (a *app) rollback(ctx context.Context, o rollbackOptions) error {
	if err := validNames([]string{o.name}); err != nil {
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
	if err := s.checkNames(env, o.name); err != nil {
		return err
	}
	versions, err := s.vault.History(ctx, env, o.name)
	if err != nil {
		return err
	}
	marks, err := s.vault.VersionMarks(ctx, env, o.name)
	if err != nil {
		return err
	}
	target, err := earlier(versions, marks, env, o)
	if err != nil {
		return err
	}
	values, err := a.reveal(ctx, s, vault.Request{Environment: env, Names: []string{o.name}, Version: target, Action: "rollback", Reason: o.reason})
	if err != nil {
		return err
	}
	now := vault.Mark("")
	if !versions[0].Deleted {
		now = marks[versions[0].Version]
	}
	all := []restored{{o.name, now, marks[target], values[0]}}
	if err := a.warnRestored(ctx, s, env, all); err != nil {
		return err
	}
	return a.restore(ctx, s, env, all, o)
}

// earlier chooses the version to put back: the one named, or the newest with
// another value than the current one. The newest of that value has its last label.
func earlier(versions []vault.Version, marks map[uint64]vault.Mark, env string, o rollbackOptions) (uint64, error) {
	if o.to != "" {
		n, err := strconv.ParseUint(o.to, 10, 64)
		if err != nil {
			return 0, exit.Usagef("--to %s is no version of a secret", o.to).WithHint("secr history %s", o.name)
		}
		if n == 0 {
			return 0, noVersionZero(env, o.name)
		}
		return n, nil
	}
	current := versions[0]
	for _, v := range versions {
		if v.Kind != record.Delete && (current.Deleted || marks[v.Version] != marks[current.Version]) {
			return v.Version, nil
		}
	}
	return 0, exit.New(exit.NotFound, "%s has no earlier value", o.name).WithHint("secr history %s", o.name)
}

// noVersionZero says of a version that was asked for what is said of others that are
// not there. Versions count from 1, and a request without one means the current.
func noVersionZero(env, name string) error {
	return exit.New(exit.NotFound, "%s/%s has no value in version 0", env, name).WithHint("secr history %s --env %s", name, env)
}

func (a *app) rollbackAll(ctx context.Context, o rollbackOptions) error {
	if o.to == "" {
		return exit.Usagef("rollback without a KEY needs --to").WithHint(`secr rollback --env production --to "2 hours ago"`)
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
	all, barred, err := a.difference(ctx, s, env, o)
	if err != nil {
		return err
	}
	for _, name := range barred {
		a.warn("%s is a special name and was left out; secr env set %s --allow %s lets it in", name, env, name)
	}
	switch {
	case len(all) == 0 && len(barred) > 0:
		a.note("nothing else in %s differs from then", env)
		return nil
	case len(all) == 0:
		a.note("%s has the same values as then", env)
		return nil
	}
	if err := a.warnRestored(ctx, s, env, all); err != nil {
		return err
	}
	if !o.dryRun && !o.sure {
		a.showRestored(all)
		yes, err := a.term.Confirm(ctx, term.Question{
			Text: fmt.Sprintf("Change %s of %s?", count(len(all), "secret"), env), What: "a yes to rolling back " + env, Flag: "--yes",
		})
		if err != nil {
			return err
		}
		if !yes {
			return exit.New(exit.Stopped, "nothing changed")
		}
	}
	return a.restore(ctx, s, env, all, o)
}

// difference is what an environment has to become to be as it was. barred are special
// names that may not come back.
func (a *app) difference(ctx context.Context, s *session, env string, o rollbackOptions) (out []restored, barred []string, err error) {
	now, err := s.vault.SharedMarks(ctx, env)
	if err != nil {
		return nil, nil, err
	}
	past := *s
	if err := a.look(ctx, &past, o.to); err != nil {
		return nil, nil, err
	}
	then, err := past.vault.SharedMarks(ctx, env)
	if err != nil {
		return nil, nil, err
	}
	var wanted []string
	for _, name := range slices.Sorted(maps.Keys(then)) {
		switch {
		case then[name] == now[name]:
		case s.bars(env, name):
			barred = append(barred, name)
		default:
			wanted = append(wanted, name)
		}
	}
	if len(wanted) > 0 {
		values, err := a.reveal(ctx, &past, vault.Request{Environment: env, Names: wanted, Action: "rollback", Reason: o.reason})
		if err != nil {
			return nil, nil, err
		}
		for _, v := range values {
			out = append(out, restored{v.Label.Name, now[v.Label.Name], then[v.Label.Name], v})
		}
	}
	for name := range now {
		if _, was := then[name]; !was {
			out = append(out, restored{name: name, from: now[name]})
		}
	}
	slices.SortFunc(out, func(x, y restored) int { return cmp.Compare(x.name, y.name) })
	return out, barred, nil
}

// restore makes the change, or shows it.
func (a *app) restore(ctx context.Context, s *session, env string, all []restored, o rollbackOptions) error {
	if o.dryRun {
		a.showRestored(all)
		a.note("nothing was changed")
		return nil
	}
	d := s.vault.Draft()
	for _, r := range all {
		if r.to == "" {
			d.Delete(env, r.name)
			continue
		}
		l := r.value.Label
		d.Set(env, r.name, r.value.Secret, vault.Meta{Kind: &l.Kind, Note: &l.Note, Expires: &l.Expires, RotateDays: &l.RotateDays, Tags: &l.Tags})
	}
	if _, err := d.Commit(ctx, fmt.Sprintf("roll back %s in %s", count(len(all), "secret"), env)); err != nil {
		return err
	}
	for _, e := range d.Report().Written {
		if e.Deleted {
			a.note("deleted %s in %s", e.Label.Name, env)
			continue
		}
		a.note("rolled %s back in %s, version %d", e.Label.Name, env, e.Version)
	}
	if !d.Report().Changed() {
		a.note("that is the current value")
	}
	a.refreshSnapshot(ctx, s, env)
	return nil
}

func (a *app) showRestored(all []restored) {
	for _, r := range all {
		switch {
		case r.to == "":
			a.note("%s: %s -> deleted", r.name, masked(r.from))
		case r.from == "":
			a.note("%s: none -> %s", r.name, masked(r.to))
		default:
			a.note("%s: %s -> %s", r.name, masked(r.from), masked(r.to))
		}
	}
}

// warnRestored tells what may be wrong with values that are put back. It comes before
// any question about them.
func (a *app) warnRestored(ctx context.Context, s *session, env string, all []restored) error {
	lost, err := team.LostUntil(ctx, s.vault)
	if err != nil {
		return err
	}
	for _, r := range all {
		if r.to == "" {
			continue
		}
		if r.value.Since <= lost[env] {
			a.warn(knownWords, r.name)
		}
		if at := r.value.Label.Expires; at != 0 && at < a.sys.Now().Unix() {
			a.warn("that value of %s expired on %s", r.name, time.Unix(at, 0).UTC().Format(time.DateOnly))
		}
		replaced, err := rotated(ctx, s, env, r)
		if err != nil {
			return err
		}
		if replaced {
			a.warn("that value of %s is tagged %q: it was replaced where it is used", r.name, vault.RotatedTag)
		}
	}
	return nil
}

// rotated says whether any version with the value that is put back has the tag: a value
// that is tagged later has one more version.
func rotated(ctx context.Context, s *session, env string, r restored) (bool, error) {
	versions, err := s.vault.History(ctx, env, r.name)
	versions = slices.DeleteFunc(versions, func(v vault.Version) bool { return v.Deleted || !hasTag(v.Entry, vault.RotatedTag) })
	if err != nil || len(versions) == 0 {
		return false, err
	}
	marks, err := s.vault.VersionMarks(ctx, env, r.name)
	return slices.ContainsFunc(versions, func(v vault.Version) bool { return marks[v.Version] == r.to }), err
}
