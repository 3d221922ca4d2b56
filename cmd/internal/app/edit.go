package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/child"
	"github.com/secr/secr/cmd/internal/editor"
	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/cmd/internal/term"
	"github.com/secr/secr/keys"
	"github.com/secr/secr/vault"
)

func (a *app) editVerb() *cli.Command {
	return verb{
		name: "edit", args: "[KEY]", short: "Change values in your editor",
		long: `Opens VISUAL or EDITOR on one value, or without a KEY on the whole environment as a
.env file: a changed line sets a secret, a new one adds it, one that is taken out
deletes it. All of it is one change, shown and asked about first. The text lies in
memory while the editor runs (Linux; elsewhere in the temporary folder, with a
warning) and is gone afterwards. If the editor fails, nothing is changed.`,
		example: "secr edit TLS_KEY\nsecr edit --env staging\nEDITOR='code --wait' secr edit",
		flags:   []cli.Flag{envFlag(), reasonFlag(), yesFlag(), jsonFlag()},
		most:    1,
		run: func(c *cli.Context) error {
			return a.edit(c.Context, editOptions{
				env: c.String("env"), name: c.Args().First(), reason: c.String("reason"), yes: c.Bool("yes"), json: c.Bool("json"),
			})
		},
	}.command()
}

type editOptions struct {
	env, name string // no name is the whole environment
	reason    string
	yes, json bool
}

// edited is what came back of a secret: from is nil for a new one, to for one that was
// taken out.
type edited struct {
	name     string
	from, to *keys.Secret
}

func (a *app) edit(ctx context.Context, o editOptions) error {
	command, err := editor.Choose(a.sys.Getenv, a.term.Interactive())
	if err != nil {
		return err
	}
	if o.name == "" && !o.yes && !a.term.Interactive() {
		return &term.NoTerminalError{What: "a yes to what was edited", Flag: "--yes"}
	}
	if _, err := child.Protect(); err != nil { // the editor leaves no core file either
		return err
	}
	var names []string
	if o.name != "" {
		names = []string{o.name}
	}
	s, env, err := a.openTo(ctx, o.env, names)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	if err := s.vault.CheckWrite(ctx, env); err != nil {
		return err
	}
	s.program = command.Name()
	sheet, err := a.sheet(ctx, s, env, o)
	if err != nil {
		return err
	}
	changes, err := a.editing(ctx, s, command, sheet)
	if err != nil {
		return err
	}
	if len(changes) == 0 {
		if o.json {
			return a.reportWritten("set", vault.Report{}, true)
		}
		a.note("nothing changed")
		return nil
	}
	if o.name == "" && !o.yes {
		if err := a.confirmEdited(ctx, env, changes); err != nil {
			return err
		}
	}
	return a.commitEdited(ctx, s, env, changes, o.json)
}

// editing runs the editor until what comes back can be kept, or somebody gives up.
func (a *app) editing(ctx context.Context, s *session, command editor.Command, sheet sheet) ([]edited, error) {
	job := editor.Job{
		Command: command, System: a.sys, Output: a.sys.Stdout, File: sheet.file(), Text: sheet.text(), Limit: sheetLimit,
		Avoid: s.project.Folder, Warn: a.warn,
	}
	if !a.term.Out.Terminal() {
		job.Output = a.sys.Stderr // a result goes there, and nothing else
	}
	for {
		back, err := job.Edit(ctx)
		if err != nil {
			return nil, err
		}
		changes, bad := sheet.read(back)
		if bad == nil || !a.term.Interactive() {
			return changes, bad
		}
		a.note("%s", exit.Of(bad).What)
		again, err := a.term.Confirm(ctx, term.Question{Text: "Edit again?"})
		if err != nil {
			return nil, err
		}
		if !again {
			return nil, bad
		}
		job.Text = back
	}
}

// confirmEdited shows what would be done and asks.
func (a *app) confirmEdited(ctx context.Context, env string, changes []edited) error {
	key := keys.NewKey()
	mark := func(s *keys.Secret) vault.Mark {
		if s == nil {
			return ""
		}
		return vault.MarkOf(key, *s)
	}
	shown := make([]restored, len(changes))
	for i, e := range changes {
		shown[i] = restored{name: e.name, from: mark(e.from), to: mark(e.to)}
	}
	a.showRestored(shown)
	yes, err := a.term.Confirm(ctx, term.Question{
		Text: fmt.Sprintf("Change %s of %s?", count(len(changes), "secret"), env), What: "a yes to changing " + env, Flag: "--yes",
	})
	if err == nil && !yes {
		err = exit.New(exit.Stopped, "nothing changed")
	}
	return err
}

// commitEdited makes the change. Where somebody else has changed the same secret
// meanwhile, a person may decide for what was edited.
func (a *app) commitEdited(ctx context.Context, s *session, env string, changes []edited, asJSON bool) error {
	decided := map[string]bool{}
	for {
		d := s.vault.Draft()
		for _, e := range changes {
			e.draft(d, env, !decided[e.name])
		}
		_, err := d.Commit(ctx, fmt.Sprintf("edit %s in %s", count(len(changes), "secret"), env))
		moved, ok := errors.AsType[*vault.MovedError](err)
		if ok && a.term.Interactive() {
			err = a.decideMoved(ctx, moved, decided)
			if err == nil {
				continue
			}
		}
		if err != nil {
			return err
		}
		a.warnTwins(ctx, s, env, d.Report().Written)
		a.afterWrite(ctx, s, d.Report())
		return a.reportWritten("set", d.Report(), asJSON)
	}
}

func (e edited) draft(d *vault.Draft, env string, expect bool) {
	if e.to == nil {
		d.Delete(env, e.name)
	} else {
		d.Set(env, e.name, *e.to, vault.Meta{})
	}
	if expect {
		d.Expect(env, e.name, e.from)
	}
}

func (a *app) decideMoved(ctx context.Context, moved *vault.MovedError, decided map[string]bool) error {
	a.note("%s", moved)
	mine, err := a.term.Confirm(ctx, term.Question{Text: "Put yours in its place? History keeps the other"})
	if err == nil && !mine {
		err = moved
	}
	for _, e := range moved.Now {
		decided[e.Label.Name] = true
	}
	return err
}
