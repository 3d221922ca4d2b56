package app

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// first are the verbs of the first help screen, in the order of a first day.
func first() []string {
	return []string{"login", "init", "join", "set", "get", "ls", "run", "sync", "status", "history", "rollback", "member"}
}

// overview is what `secr` and `secr --help` print: a dozen verbs with a line
// each, and the names of the rest.
func overview(verbs []*cli.Command) string {
	var b strings.Builder
	b.WriteString("secr keeps a team's secrets, encrypted, in a Git repository nobody has to trust.\n\n")
	b.WriteString("Usage: secr <command> [flags] [arguments]\n\n")
	for _, name := range first() {
		if i := slices.IndexFunc(verbs, func(c *cli.Command) bool { return c.Name == name }); i >= 0 {
			b.WriteString("  " + pad(name, 10) + verbs[i].Usage + "\n")
		}
	}
	b.WriteString("\nmore:" + wrap(others(verbs), 6, 76) + "\n\n")
	b.WriteString("`secr <command> --help` shows a command's flags and an example.")
	return b.String()
}

func others(verbs []*cli.Command) []string {
	var names []string
	for _, c := range verbs {
		if !c.Hidden && !slices.Contains(first(), c.Name) {
			names = append(names, c.Name)
		}
	}
	slices.Sort(names)
	return names
}

// wrap sets words into lines of at most limit columns, the first one beginning
// behind something of indent-1 columns.
func wrap(words []string, indent, limit int) string {
	var b strings.Builder
	column := indent - 1
	for _, w := range words {
		if column+1+len(w) > limit {
			b.WriteString("\n" + strings.Repeat(" ", indent-1))
			column = indent - 1
		}
		b.WriteString(" " + w)
		column += 1 + len(w)
	}
	return b.String()
}

// paragraphs sets a text into lines that fit.
func paragraphs(text string) string {
	parts := strings.Split(strings.TrimSpace(text), "\n\n")
	for i, p := range parts {
		lines := strings.TrimPrefix(wrap(strings.Fields(p), 1, helpWidth+1), " ")
		parts[i] = strings.ReplaceAll(lines, "\n ", "\n")
	}
	return strings.Join(parts, "\n\n")
}

// helpWidth is the columns of a usual terminal.
const helpWidth = 80

func pad(s string, width int) string { return s + strings.Repeat(" ", max(1, width-len(s))) }

func indent(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return "  " + strings.Join(lines, "\n  ")
}

// verbHelp is the template of one verb's help.
const verbHelp = `{{.Usage}}

Usage: {{.HelpName}}{{if .ArgsUsage}}{{if .VisibleFlags}} [flags]{{end}} {{.ArgsUsage}}{{else if .VisibleCommands}} <command>{{else if .VisibleFlags}} [flags]{{end}}

{{.Description}}
{{if .VisibleCommands}}
Commands:
{{range .VisibleCommands}}  {{.Name}}{{"\t"}}{{.Usage}}
{{end}}{{end}}
Flags:
{{.UsageText}}`

// flagLines is a verb's flags as its help shows them. The library's own way tells of each
// switch that it is off.
func flagLines(flags []cli.Flag) string {
	flags = append(slices.Clone(flags), &cli.BoolFlag{Name: "help", Aliases: []string{"h"}, Usage: "show this"})
	var left, right []string
	widest := 0
	for _, f := range flags {
		doc, ok := f.(cli.DocGenerationFlag)
		if !ok {
			continue
		}
		argument, usage := placeholder(doc)
		left = append(left, "  "+spelled(f.Names())+argument)
		right = append(right, usage)
		widest = max(widest, len(left[len(left)-1]))
	}
	var b strings.Builder
	for i := range left {
		b.WriteString(pad(left[i], widest+1) + wrap(strings.Fields(right[i]), widest+2, helpWidth) + "\n")
	}
	return b.String()
}

// spelled is the names of a flag: "--env, -e".
func spelled(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = "--" + n
		if len(n) == 1 {
			out[i] = "-" + n
		}
	}
	return strings.Join(out, ", ")
}

// placeholder is what a flag takes, which its usage has in backquotes, and its usage with
// its default.
func placeholder(f cli.DocGenerationFlag) (argument, usage string) {
	usage = f.GetUsage()
	if f.TakesValue() {
		argument = " value"
		if before, rest, found := strings.Cut(usage, "`"); found {
			name, after, _ := strings.Cut(rest, "`")
			argument, usage = " "+name, before+name+after
		}
	}
	switch f.GetDefaultText() {
	case "", "false", "0", `""`:
		return argument, usage
	}
	return argument, usage + " (default: " + strings.Trim(f.GetDefaultText(), `"`) + ")"
}
