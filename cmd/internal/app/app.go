// Package app is secr's command line: one file per verb, each with its flags,
// an options struct and a run function that knows no flag library. It asks the
// packages below for everything that concerns a vault.
package app

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/child"
	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/cmd/internal/fast"
	"github.com/secr/secr/cmd/internal/system"
	"github.com/secr/secr/cmd/internal/term"
	"github.com/secr/secr/keys"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/local"
)

// app is one invocation of secr.
type app struct {
	sys  system.System
	term *term.Terminal
	// identityKey is the cloud key that login was told to seal the identity with.
	identityKey policy.CloudKey
	// typed are the passphrases that were asked for, by profile: once is enough.
	typed map[string]keys.Secret
}

// Run is secr: it does what args say and returns the exit code. Nothing else
// in the process uses the flag library, which is not safe for two at once.
func Run(ctx context.Context, args []string, sys system.System) int {
	code, done, err := fast.Run(ctx, args, sys)
	if done && err == nil {
		return code
	}
	child.OnMainThread()
	generous()
	a := &app{sys: sys, term: term.New(term.Options{
		In: sys.Stdin, Out: sys.Stdout, Err: sys.Stderr, Getenv: sys.Getenv, Now: sys.Now,
	})}
	if !done {
		err = a.run(ctx, args)
	}
	if err != nil {
		return a.fail(err, wantsJSON(args))
	}
	return code
}

// generous trades memory for time: a command lives for milliseconds, of which the usual
// collections, the first at 4 MB, would take a tenth and more. Above the limit they come
// as often as ever.
func generous() {
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(1 << 30)
}

func (a *app) run(ctx context.Context, args []string) (err error) {
	defer chain.Caught(&err)
	top := a.build()
	top.Setup()
	root := &cli.Command{Subcommands: top.Commands, Flags: top.Flags}
	return top.RunContext(ctx, permute(root, args))
}

// build makes the flag library behave: no commands and flags of its own that
// would shadow a secret called "help", no splitting at commas, no output and
// no exit but ours.
func (a *app) build() *cli.App {
	top := &cli.App{
		Name: "secr", Usage: "a team's secrets, encrypted, in Git", Version: version(),
		HideHelpCommand: true, DisableSliceFlagSeparator: true,
		Reader: a.sys.Stdin, Writer: a.sys.Stdout, ErrWriter: a.sys.Stderr,
		CustomAppHelpTemplate: "{{.Description}}\n",
		ExitErrHandler:        func(*cli.Context, error) {},
		OnUsageError:          usageError,
	}
	top.Commands = a.verbs()
	top.Description = overview(top.Commands)
	top.Action = func(c *cli.Context) error {
		if !c.Args().Present() {
			return cli.ShowAppHelp(c)
		}
		return unknown(c, top.Commands)
	}
	return top
}

// verb describes one command. Every one shows an example in its help.
type verb struct {
	name, args string
	short      string
	long       string
	example    string
	flags      []cli.Flag
	// filled are flags that are never empty: a script's variable that isn't set must
	// not mean now, or the version before.
	filled []string
	// least and most bound the positional arguments; most < 0 is no bound.
	least, most int
	run         func(*cli.Context) error
	sub         []*cli.Command
	hidden      bool
}

func (v verb) command() *cli.Command {
	needed := needed(v.flags)
	c := &cli.Command{
		Name: v.name, Usage: v.short, ArgsUsage: v.args, Flags: v.flags, Subcommands: v.sub, Hidden: v.hidden,
		Description:     paragraphs(v.long) + "\n\nExample:\n" + indent(v.example),
		UsageText:       flagLines(v.flags),
		HideHelpCommand: true, OnUsageError: usageError, CustomHelpTemplate: verbHelp,
	}
	c.Action = func(ctx *cli.Context) error {
		n := ctx.NArg()
		switch {
		case v.run == nil && n == 0:
			return cli.ShowSubcommandHelp(ctx)
		case v.run == nil:
			return unknown(ctx, v.sub)
		case n < v.least:
			return exit.Usagef("%s: too few arguments", ctx.Command.HelpName).
				WithHint("usage: %s", usage(ctx.Command))
		case v.most >= 0 && n > v.most:
			return exit.Usagef("%s: unexpected argument %q", ctx.Command.HelpName, ctx.Args().Get(v.most)).
				WithHint("usage: %s", usage(ctx.Command))
		}
		for _, name := range needed {
			if !ctx.IsSet(name) {
				return exit.Usagef("%s needs --%s", ctx.Command.HelpName, name).WithHint("%s --help", ctx.Command.HelpName)
			}
		}
		for _, name := range v.filled {
			if ctx.IsSet(name) && ctx.String(name) == "" {
				return exit.Usagef("%s: --%s is empty", ctx.Command.HelpName, name).WithHint("is a variable of a script not set?")
			}
		}
		return v.run(ctx)
	}
	return c
}

// needed lists the flags that must be given, and takes the check from the library,
// which would print the help to standard output and end with 1.
func needed(flags []cli.Flag) []string {
	var out []string
	for _, f := range flags {
		switch f := f.(type) {
		case *cli.StringFlag:
			if f.Required {
				f.Required = false
				out = append(out, f.Name)
			}
		case *cli.StringSliceFlag:
			if f.Required {
				f.Required = false
				out = append(out, f.Name)
			}
		}
	}
	return out
}

func usage(c *cli.Command) string {
	return strings.TrimSpace(c.HelpName + " " + c.ArgsUsage)
}

// usageError replaces the library's, which prints to standard output.
func usageError(c *cli.Context, err error, _ bool) error {
	name := "secr"
	if c.Command != nil && c.Command.HelpName != "" {
		name = c.Command.HelpName
	}
	return exit.Usagef("%s: %s", name, err).WithHint("%s --help", name)
}

// unknown says that there is no such verb, and which one may have been meant.
func unknown(c *cli.Context, known []*cli.Command) error {
	name, parent := c.Args().First(), c.Command.HelpName
	err := exit.Usagef("%s has no command %q", parent, name).WithHint("%s --help", parent)
	if near := nearest(name, known); near != "" {
		err = err.WithHint("did you mean %s %s?", parent, near)
	}
	return err
}

// meant are the verbs of other tools, and what they are called here.
func meant() map[string]string {
	return map[string]string{"list": "ls", "show": "get", "add": "set", "put": "set", "delete": "rm", "remove": "rm", "unset": "rm", "exec": "run"}
}

// nearest is the verb that name is another word for or a misspelling of, if it is one.
func nearest(name string, known []*cli.Command) string {
	if verb, ok := meant()[name]; ok && slices.ContainsFunc(known, func(c *cli.Command) bool { return c.Name == verb }) {
		return verb
	}
	best, distance := "", 3
	for _, c := range known {
		if d := edits(name, c.Name); d < distance && !c.Hidden {
			best, distance = c.Name, d
		}
	}
	return best
}

// edits is the number of single-letter edits between two words.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := corner
			if a[i] != b[j] {
				cost++
			}
			corner = row[j+1]
			row[j+1] = min(cost, row[j]+1, corner+1)
		}
	}
	return row[len(b)]
}

// wantsJSON says whether an error is for a program to read: --json stands
// among the arguments that are secr's own.
func wantsJSON(args []string) bool {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	return slices.Contains(args, "--json")
}

// fail shows an error and gives its exit code.
func (a *app) fail(err error, asJSON bool) int {
	r := exit.Of(err)
	if r.Silent {
		return int(r.Code)
	}
	if asJSON {
		writeJSON(a.sys.Stderr, errorJSON{Version: 1, Error: errorBody{
			Kind: r.Kind, Code: int(r.Code), Message: r.What, Hint: r.Hint,
		}})
		return int(r.Code)
	}
	if len(r.Lines) == 0 {
		r.Head = r.What
	}
	fmt.Fprintf(a.term.Err, "secr: %s\n", term.Message(r.Head))
	for _, line := range r.Lines {
		fmt.Fprintf(a.term.Err, "  %s\n", term.Clean(line))
	}
	if r.Hint != "" {
		fmt.Fprintf(a.term.Err, "hint: %s\n", term.Clean(r.Hint))
	}
	return int(r.Code)
}

type errorJSON struct {
	Version int       `json:"version"`
	Error   errorBody `json:"error"`
}

type errorBody struct {
	Kind    string `json:"kind"`
	Code    int    `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
}

// home is where secr keeps things on this machine.
func (a *app) home() (local.Home, error) { return local.NewHome(a.sys.Getenv, a.sys.Home) }

// note tells a person something that is neither result nor error.
func (a *app) note(format string, args ...any) {
	fmt.Fprintf(a.term.Err, "%s\n", term.Clean(fmt.Sprintf(format, args...)))
}

// warn is note for what a person should act on.
func (a *app) warn(format string, args ...any) {
	fmt.Fprintf(a.term.Err, "%s %s\n", a.term.Err.Paint(term.Yellow, "warning:"), term.Message(fmt.Sprintf(format, args...)))
}
