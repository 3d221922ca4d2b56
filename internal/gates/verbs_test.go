package gates

import (
	"fmt"
	"go/ast"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// soon are verbs that the documentation may name before they are there. It gets shorter
// and then goes away.
func soon() []string {
	return strings.Fields(`template check stale why scan lock`)
}

// commands collects the names of all commands of a file: values of cli.Command, and of
// the app's own type verb.
func commands(s source) []string {
	var out []string
	ast.Inspect(s.ast, func(n ast.Node) bool {
		lit, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		for _, e := range lit.Elts {
			kv, ok := e.(*ast.KeyValueExpr)
			if !ok {
				continue
			}
			key, isName := kv.Key.(*ast.Ident)
			value, isText := kv.Value.(*ast.BasicLit)
			if isName && isText && key.Name == nameField(lit) {
				if name, err := strconv.Unquote(value.Value); err == nil {
					out = append(out, name)
				}
			}
		}
		return true
	})
	return out
}

// nameField is the field that holds a command's name, or "" for other literals.
func nameField(lit *ast.CompositeLit) string {
	switch t := lit.Type.(type) {
	case nil: // an element of a list of commands
		return "Name"
	case *ast.SelectorExpr:
		if t.Sel.Name == "Command" {
			return "Name"
		}
	case *ast.Ident:
		if t.Name == "verb" {
			return "name"
		}
	}
	return ""
}

// A verb in the documentation stands behind "secr " in a code span, or on a line of a
// console block.
var verbPattern = regexp.MustCompile("(?m)(?:`|^\\$ |\\| )secr ([a-z][a-z-]+)")

func verbComplaints(name, page string, known []string) []string {
	var out []string
	for _, m := range verbPattern.FindAllStringSubmatch(page, -1) {
		if !slices.Contains(known, m[1]) {
			out = append(out, fmt.Sprintf("%s: there is no verb `secr %s`", name, m[1]))
		}
	}
	return out
}

func TestVerbsInTheDocumentationExist(t *testing.T) {
	var known []string
	for _, s := range tree(t) {
		if s.pkg == "cmd/internal/app" && !s.test {
			known = append(known, commands(s)...)
		}
	}
	if len(known) < 10 {
		t.Fatalf("only %q found as verbs: the search is broken", known)
	}
	known = append(known, soon()...)
	err := walk(func(name string) error {
		if strings.HasSuffix(name, ".md") {
			page, _ := read(t, name)
			report(t, verbComplaints(name, page, known))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestVerbGateCatches(t *testing.T) {
	known := commands(snippet(t, "cmd/internal/app/a.go", `package app
		var x = &cli.Command{Name: "env", Subcommands: []*cli.Command{{Name: "ls"}}, Flags: []cli.Flag{&cli.BoolFlag{Name: "json"}}}
		var y = verb{name: "set", short: "x"}`))
	if !slices.Equal(known, []string{"env", "ls", "set"}) {
		t.Errorf("verbs %q, want env, ls and set", known)
	}
	for text, bad := range map[string]bool{
		"`secr env ls`": false, "$ secr env": false, "$ x | secr env": false, "secr is a word": false,
		"`secr nothing`": true, "$ secr nothing": true, "$ x | secr nothing": true,
	} {
		if got := verbComplaints("x.md", text, known); (len(got) > 0) != bad {
			t.Errorf("%q: complaints %q, want some: %v", text, got, bad)
		}
	}
}
