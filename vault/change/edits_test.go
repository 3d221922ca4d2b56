package change

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestActionsIsEveryAction reads the constants from the source.
func TestActionsIsEveryAction(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "edits.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var want []Action
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); ok && name.Name == "Action" {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, Action(text))
		}
		return true
	})
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Sorted(slices.Values(Actions()))); diff != "" || len(want) < 20 {
		t.Errorf("%d constants: %s", len(want), diff)
	}
}
