package app

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/child"
	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/cmd/internal/freshness"
	"github.com/secr/secr/cmd/internal/special"
	"github.com/secr/secr/keys"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/record"
)

func (a *app) runVerb() *cli.Command {
	return verb{
		name: "run", args: "[--] COMMAND...", short: "Run a command with the secrets in its environment",
		long: `The command takes secr's place: signals, terminal and exit code are its own, and
nothing is written to disk. A secret wins over an inherited variable of its name.
Secret files become memory files; their variable holds a path.`,
		example: `secr run -- npm start
secr run --env staging --only DATABASE_URL -- psql
secr run sh -c 'echo "$PORT"'`,
		flags: []cli.Flag{
			envFlag(),
			&cli.StringSliceFlag{Name: "only", Usage: "inject this KEY and no other, again for several"},
			&cli.StringSliceFlag{Name: "except", Usage: "leave this KEY out, again for several"},
			&cli.StringFlag{Name: "prefix", Usage: "put this before every name"},
			&cli.BoolFlag{Name: "clean", Usage: "inherit only what any login has: PATH, HOME, TERM, ..."},
			&cli.BoolFlag{Name: "preserve", Usage: "an inherited variable wins over a secret"},
			&cli.BoolFlag{Name: "file-descriptors", Value: true, Usage: "pass secret files as memory files; =false leaves them out"},
			&cli.BoolFlag{Name: "fresh", Usage: "first get what the remote has; fail if that takes more than 3 seconds"},
			atFlag(), reasonFlag(),
		},
		filled: []string{"at"}, least: 1, most: -1,
		run: func(c *cli.Context) error {
			return a.runProgram(c.Context, runOptions{
				env: c.String("env"), only: c.StringSlice("only"), except: c.StringSlice("except"), prefix: c.String("prefix"),
				clean: c.Bool("clean"), preserve: c.Bool("preserve"), files: c.Bool("file-descriptors"),
				at: c.String("at"), fresh: c.Bool("fresh"), reason: c.String("reason"), command: c.Args().Slice(),
			})
		},
	}.command()
}

type runOptions struct {
	env, prefix, reason    string
	at                     string
	fresh                  bool
	only, except, command  []string
	clean, preserve, files bool
}

func (a *app) runProgram(ctx context.Context, o runOptions) error {
	if o.prefix != "" && !special.Valid(o.prefix) {
		return exit.Usagef("--prefix %q would make no variable", o.prefix)
	}
	if err := validNames(slices.Concat(o.only, o.except)); err != nil {
		return err
	}
	protection, err := child.Protect()
	if err != nil {
		return err
	}
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	s.program = o.command[0]
	if o.fresh {
		if err := a.fetchFirst(ctx, s); err != nil {
			return err
		}
	}
	if err := a.look(ctx, s, o.at); err != nil {
		return err
	}
	env, err := a.environment(s, o.env)
	if err != nil {
		return err
	}
	variables, err := a.injected(ctx, s, env, o)
	if err != nil {
		return err
	}
	a.refreshSnapshot(ctx, s, env)
	s.vault.Close()
	if age := freshness.Age(s.vault.Local(), a.sys.Now()); age != "" {
		a.note("%s", age)
	}
	freshness.Refresh(a.sys, s.vault.Local(), s.settings.Refresh)
	if env != s.project.Default() {
		a.note("secr: environment %s", env)
	}
	return a.start(ctx, variables, o, protection)
}

// start becomes the program.
func (a *app) start(ctx context.Context, variables []child.Variable, o runOptions, protection *child.Protection) error {
	composed, err := child.Compose(child.Sources{
		Inherited: a.sys.Environ(), Secrets: variables, Clean: o.clean, Preserve: o.preserve,
	})
	if err != nil {
		return err
	}
	if len(composed.Overridden) > 0 {
		a.note("secr: instead of the inherited %s", strings.Join(composed.Overridden, ", "))
	}
	if len(composed.Preserved) > 0 {
		a.note("secr: the inherited %s stays", strings.Join(composed.Preserved, ", "))
	}
	code, err := child.Run(ctx, child.Plan{Args: o.command, Environment: composed, Protection: protection})
	if err != nil {
		return err
	}
	return exit.Status(code)
}

// injected reads the values and gives them the names that the program gets.
func (a *app) injected(ctx context.Context, s *session, env string, o runOptions) ([]child.Variable, error) {
	names, err := a.chosen(ctx, s, env, o)
	if err != nil || names != nil && len(names) == 0 {
		return nil, err
	}
	values, err := a.reveal(ctx, s, vault.Request{Environment: env, Names: names, Action: "run", Reason: o.reason})
	if err != nil {
		return nil, err
	}
	var out []child.Variable
	var files []string
	for _, v := range values {
		name := o.prefix + v.Label.Name
		if s.bars(env, name) {
			return nil, exit.New(exit.Denied, "%s is a special name: it would run code or redirect traffic here", name).
				WithHint("secr run --except %s leaves it out; secr env set %s --allow %s lets it in", v.Label.Name, env, name)
		}
		if v.Label.Kind != record.File {
			out = append(out, child.Variable{Name: name, Value: v.Secret})
			continue
		}
		if !o.files {
			files = append(files, v.Label.Name)
			continue
		}
		variable, err := memoryFile(name, v)
		if err != nil {
			return nil, err
		}
		out = append(out, variable)
	}
	if len(files) > 0 {
		a.note("secr: left out the secret files %s", strings.Join(files, ", "))
	}
	return out, nil
}

// chosen is the names to inject, nil for all.
func (a *app) chosen(ctx context.Context, s *session, env string, o runOptions) ([]string, error) {
	if len(o.except) == 0 {
		return once(o.only), nil
	}
	entries, err := s.vault.List(ctx, env)
	if err != nil {
		return nil, err
	}
	names, unknown := []string{}, once(o.except)
	for _, e := range entries {
		name := e.Label.Name
		unknown = slices.DeleteFunc(unknown, func(u string) bool { return u == name })
		if !slices.Contains(o.except, name) && (len(o.only) == 0 || slices.Contains(o.only, name)) {
			names = append(names, name)
		}
	}
	for _, name := range o.only {
		if !slices.Contains(names, name) && !slices.Contains(o.except, name) {
			return nil, exit.New(exit.NotFound, "no secret %s in %s", name, env)
		}
	}
	for _, name := range unknown {
		a.warn("no secret %s in %s, so --except left nothing out for it", name, env)
	}
	return names, nil
}

func memoryFile(name string, v vault.Value) (child.Variable, error) {
	path, err := child.MemoryFile(v.Secret)
	if errors.Is(err, child.ErrNoMemoryFile) {
		return child.Variable{}, exit.New(exit.Failed, "%s is a secret file: %s", name, err).
			WithHint("secr run --file-descriptors=false leaves secret files out")
	}
	if err != nil {
		return child.Variable{}, err
	}
	return pathVariable(name, path), nil
}

func pathVariable(name, path string) child.Variable {
	return child.Variable{Name: name, Value: keys.NewSecret([]byte(path))}
}
