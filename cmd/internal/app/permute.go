package app

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// permute moves flags before positional arguments, once, for all verbs: the
// flag library stops at the first argument that is none, and people write
// `secr set KEY --env staging`. It puts a "--" between the two, so that what
// was positional stays it. What follows a "--" of the user's is never a flag.
//
// Help is asked for as `secr help VERB` or with --help anywhere among a verb's
// flags, and then nothing else counts.
func permute(root *cli.Command, args []string) []string {
	if len(args) > 1 && args[1] == "help" {
		args = append(append(args[:1:1], args[2:]...), "--help")
	}
	out := []string{args[0]}
	at, i := root, 1
	for len(at.Subcommands) > 0 {
		start := i
		for i < len(args) && isFlag(args[i]) {
			i += width(at, args[i])
		}
		i = min(i, len(args))
		out = append(out, args[start:i]...)
		if i == len(args) {
			return out
		}
		next := at.Command(args[i])
		if next == nil && at != root && at.ArgsUsage != "" {
			break // the verb itself is meant, and not one of its commands
		}
		if next == nil {
			return append(out, args[i:]...)
		}
		out, at = append(out, args[i]), next
		i++
	}
	flags, positional := partition(at, args[i:])
	if slices.Contains(flags, "--help") || slices.Contains(flags, "-h") {
		return append(out, "--help")
	}
	out = append(out, flags...)
	if len(positional) > 0 {
		out = append(append(out, "--"), positional...)
	}
	return out
}

// partition sorts a verb's arguments. Of a verb that starts a program,
// everything from the first positional argument on is the program's.
func partition(verb *cli.Command, args []string) (flags, positional []string) {
	for i := 0; i < len(args); {
		switch {
		case args[i] == "--":
			return flags, append(positional, args[i+1:]...)
		case isFlag(args[i]):
			end := min(i+width(verb, args[i]), len(args))
			flags = append(flags, args[i:end]...)
			i = end
		case startsProgram(verb):
			return flags, append(positional, args[i:]...)
		default:
			positional = append(positional, args[i])
			i++
		}
	}
	return flags, positional
}

// startsProgram says whether a verb's arguments are a command line.
func startsProgram(verb *cli.Command) bool { return verb.Name == "run" || verb.Name == "git" }

func isFlag(arg string) bool { return len(arg) > 1 && arg[0] == '-' && arg != "--" }

// width is how many arguments a flag takes, itself included. An unknown flag
// takes one: the library is about to refuse it.
func width(verb *cli.Command, arg string) int {
	name, _, inline := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	if inline {
		return 1
	}
	for _, flag := range verb.Flags {
		for _, n := range flag.Names() {
			if n != name {
				continue
			}
			if described, ok := flag.(cli.DocGenerationFlag); ok && described.TakesValue() {
				return 2
			}
			return 1
		}
	}
	return 1
}
