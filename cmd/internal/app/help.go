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
	b.WriteString("secr keeps a team's secrets, encrypted, in a Git repository that nobody has to trust.\n\n")
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
{{end}}{{end}}{{if .VisibleFlags}}
Flags:
{{range .VisibleFlags}}  {{.}}
{{end}}{{end}}`
