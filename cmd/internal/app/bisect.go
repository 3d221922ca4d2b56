package app

import (
	"context"
	"errors"
	"io/fs"
	"os/exec"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/child"
	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/change"
	"github.com/secr/secr/vault/repo"
)

func (a *app) bisectVerb() *cli.Command {
	return verb{
		name: "bisect", args: "--good A --bad B [--] COMMAND...", short: "Find the change that broke a command",
		long: `Runs the command with the environment as it was at changes between A and B, until one
change is left. Exit code 0 is good, 125 skips a change, anything else is bad. The
vault stays as it is. A and B are changes or times; without --bad it is now.`,
		example: `secr bisect --good yesterday -- ./smoke-test
secr bisect --env production --good 12 --bad 40 -- npm test`,
		flags: []cli.Flag{
			envFlag(), &cli.StringFlag{Name: "good", Usage: "a change or `TIME` at which the command worked"},
			&cli.StringFlag{Name: "bad", Usage: "a change or `TIME` at which it did not", Value: "now"}, reasonFlag(), jsonFlag(),
		},
		filled: []string{"good", "bad"}, least: 1, most: -1,
		run: func(c *cli.Context) error {
			return a.bisect(c.Context, bisectOptions{
				env: c.String("env"), good: c.String("good"), bad: c.String("bad"), reason: c.String("reason"), json: c.Bool("json"), command: c.Args().Slice(),
			})
		},
	}.command()
}

type bisectOptions struct {
	env, good, bad, reason string
	json                   bool
	command                []string
}

type bisectJSON struct {
	Version int        `json:"version"`
	First   changeJSON `json:"first_bad"`
}

func (a *app) bisect(ctx context.Context, o bisectOptions) error {
	if o.good == "" {
		return exit.Usagef("bisect needs a change or a time at which the command worked").WithHint("--good yesterday; secr log shows the changes")
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
	good, err := a.changeAt(ctx, s.vault, o.good)
	if err != nil {
		return err
	}
	bad, err := a.changeAt(ctx, s.vault, o.bad)
	if err != nil {
		return err
	}
	if good >= bad {
		return exit.Usagef("the good change %d is not before the bad one %d", good, bad)
	}
	for seq, want := range map[uint64]verdict{good: works, bad: fails} {
		got, err := a.try(ctx, s, env, seq, o)
		if err != nil {
			return err
		}
		if got != want {
			return exit.New(exit.Failed, "at change %d the command %s, so there is nothing to search", seq, got)
		}
	}
	first, err := a.search(ctx, s, env, good, bad, o)
	if err != nil {
		return err
	}
	return a.showFirstBad(ctx, s.vault, first, o.json)
}

// verdict is what a run of the command says of a change.
type verdict string

const (
	works   verdict = "works"
	fails   verdict = "fails"
	unclear verdict = "can't be judged" // exit code 125
)

// search narrows the changes after good, up to bad, to the first bad one. Changes
// that can't be judged are stepped over, from the middle upwards and then down.
func (a *app) search(ctx context.Context, s *session, env string, good, bad uint64, o bisectOptions) (uint64, error) {
	skipped := map[uint64]bool{}
	for bad-good > 1 {
		at := nextUntried(good, bad, skipped)
		if at == 0 {
			return 0, exit.New(exit.Failed, "the first bad change is one of %d to %d: the others can't be judged", good+1, bad)
		}
		got, err := a.try(ctx, s, env, at, o)
		if err != nil {
			return 0, err
		}
		a.note("change %d: %s", at, got)
		switch got {
		case works:
			good = at
		case fails:
			bad = at
		default:
			skipped[at] = true
		}
	}
	return bad, nil
}

func nextUntried(good, bad uint64, skipped map[uint64]bool) uint64 {
	middle := good + (bad-good)/2
	for at := middle; at < bad; at++ {
		if !skipped[at] {
			return at
		}
	}
	for at := middle; at > good; at-- {
		if !skipped[at] {
			return at
		}
	}
	return 0
}

// try runs the command once, with the environment as a change left it.
func (a *app) try(ctx context.Context, s *session, env string, seq uint64, o bisectOptions) (verdict, error) {
	then := *s
	then.program = o.command[0]
	if seq != s.vault.Head().Seq {
		old, err := s.vault.At(ctx, seq)
		if err != nil {
			return "", err
		}
		then.vault, then.past = old, true
	}
	variables, err := a.injected(ctx, &then, env, runOptions{reason: o.reason})
	if err != nil {
		return "", err
	}
	composed, err := child.Compose(child.Sources{Inherited: a.sys.Environ(), Secrets: variables})
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, o.command[0], o.command[1:]...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = composed.Pairs(), nil, a.sys.Stderr, a.sys.Stderr
	err = cmd.Run()
	var ended *exec.ExitError
	switch {
	case err == nil:
		return works, nil
	case ctx.Err() != nil:
		return "", ctx.Err()
	case !errors.As(err, &ended):
		return "", exit.New(startCode(err), "%s can't be started: %s", o.command[0], err)
	case ended.ExitCode() == skipCode:
		return unclear, nil
	}
	return fails, nil
}

// startCode tells a program that isn't there from one that the system won't start.
func startCode(err error) exit.Code {
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return exit.Missing
	}
	return exit.Cannot
}

// skipCode is what a command ends with to say that a change can't be judged, as
// with git bisect run.
const skipCode = 125

func (a *app) showFirstBad(ctx context.Context, v *vault.Vault, seq uint64, asJSON bool) error {
	var first changeJSON
	err := v.Changes(ctx, func(c change.Change, id repo.Hash) bool {
		if c.Seq == seq {
			first = describeChange(c, id)
		}
		return c.Seq > seq
	})
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(a.term.Out, bisectJSON{Version: 1, First: first})
	}
	return a.term.Out.Table([]string{"FIRST BAD CHANGE", "WHEN", "BY", "WHAT"}, [][]string{changeRow(a, first)})
}
