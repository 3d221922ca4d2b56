package app

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/exit"
)

func (a *app) completionVerb() *cli.Command {
	return verb{
		name: "completion", args: "bash|zsh|fish", short: "Print a shell's completion script",
		long: `The script asks secr itself, so it knows the names of secrets and environments
when this machine can read them without asking anything. It keeps none of them.`,
		example: `echo 'eval "$(secr completion bash)"' >> ~/.bashrc
echo 'eval "$(secr completion zsh)"' >> ~/.zshrc
echo 'secr completion fish | source' >> ~/.config/fish/config.fish`,
		least: 1, most: 1,
		run: func(c *cli.Context) error { return a.completion(completionOptions{shell: c.Args().First()}) },
	}.command()
}

type completionOptions struct{ shell string }

func (a *app) completion(o completionOptions) error {
	script := completionScript(o.shell)
	if script == "" {
		return exit.Usagef("no completion for %q", o.shell).WithHint("secr completion bash, zsh or fish")
	}
	_, err := fmt.Fprint(a.term.Out, script)
	return err
}

func completionScript(shell string) string {
	switch shell {
	case "bash":
		return `_secr() {
  local word="${COMP_WORDS[COMP_CWORD]}" line
  COMPREPLY=()
  while IFS= read -r line; do
    [[ $line == "$word"* ]] && COMPREPLY+=("$line")
  done < <(secr __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _secr secr
`
	case "zsh":
		return `#compdef secr
_secr() {
  local -a found
  found=("${(@f)$(secr __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  [[ -n $found[1] ]] && compadd -a found || _files
}
if (( ! $+functions[compdef] )); then autoload -Uz compinit && compinit; fi
compdef _secr secr
`
	case "fish":
		return `function __secr_complete
  set -l words (commandline -opc) (commandline -ct)
  secr __complete -- $words[2..-1] 2>/dev/null
end
complete -c secr -a '(__secr_complete)'
`
	}
	return ""
}

// completeVerb answers the scripts: the words typed so far, the last one being
// the one to complete.
func (a *app) completeVerb() *cli.Command {
	return verb{
		name: "__complete", hidden: true, short: "Answer a completion script", example: "secr __complete -- get DATA", most: -1,
		run: func(c *cli.Context) error { return a.complete(c.Context, c.Args().Slice()) },
	}.command()
}

func (a *app) complete(ctx context.Context, words []string) error {
	for _, candidate := range a.candidates(ctx, words) {
		if _, err := fmt.Fprintln(a.term.Out, candidate); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) candidates(ctx context.Context, words []string) []string {
	if len(words) == 0 {
		words = []string{""}
	}
	typed, word := words[:len(words)-1], words[len(words)-1]
	at := &cli.Command{Subcommands: a.verbs()}
	for i, w := range typed {
		next := at.Command(w)
		if next == nil {
			return a.arguments(ctx, at, typed[i:], word)
		}
		at = next
	}
	return a.arguments(ctx, at, nil, word)
}

// arguments lists what may follow in a verb: its commands, flags, the names
// that it takes. typed is what stands before the word, behind the verb.
func (a *app) arguments(ctx context.Context, at *cli.Command, typed []string, word string) []string {
	switch {
	case slices.Contains(typed, "--") && startsProgram(at):
		return nil
	case len(typed) > 0 && (typed[len(typed)-1] == "--env" || typed[len(typed)-1] == "-e"):
		return keep(a.environmentNames(ctx), word)
	case strings.HasPrefix(word, "-"):
		return keep(flagNames(at), word)
	case len(at.Subcommands) > 0:
		return keep(commandNames(at.Subcommands), word)
	}
	switch at.Name {
	case "get", "set", "rm", "edit", "history", "generate":
		return keep(a.secretNames(ctx, typed), word)
	case "who":
		return keep(a.environmentNames(ctx), word)
	case "can", "offboard", "remove":
		if len(typed) > 0 {
			return keep(a.environmentNames(ctx), word)
		}
		return keep(a.handles(ctx), word)
	}
	return nil
}

func keep(all []string, prefix string) []string {
	var out []string
	for _, s := range all {
		if strings.HasPrefix(s, prefix) {
			out = append(out, s)
		}
	}
	return out
}

func commandNames(commands []*cli.Command) []string {
	var out []string
	for _, c := range commands {
		if !c.Hidden {
			out = append(out, c.Name)
		}
	}
	return out
}

func flagNames(c *cli.Command) []string {
	out := []string{"--help"}
	for _, f := range c.Flags {
		out = append(out, "--"+f.Names()[0])
	}
	return out
}
