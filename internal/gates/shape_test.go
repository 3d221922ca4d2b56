package gates

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"
	"testing"
)

const (
	maxFile      = 400
	maxFunction  = 60
	maxInterface = 3
	maxMain      = 25
)

// lengthComplaints guards the maximum: lines of a file and of a function, methods of
// an interface. Tests and generated files are free.
func lengthComplaints(s source) []string {
	if s.test || s.generated() {
		return nil
	}
	var out []string
	limit := maxFile
	if strings.HasPrefix(s.pkg, "cmd/secr") {
		limit = maxMain
	}
	if s.lines > limit {
		out = append(out, fmt.Sprintf("%s: %d lines, the limit is %d", s.path, s.lines, limit))
	}
	ast.Inspect(s.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			lines := s.fset.Position(n.End()).Line - s.fset.Position(n.Pos()).Line + 1
			if lines > maxFunction {
				out = append(out, fmt.Sprintf("%s: %s has %d lines, the limit is %d", s.at(n), n.Name.Name, lines, maxFunction))
			}
		case *ast.InterfaceType:
			methods := 0
			for _, m := range n.Methods.List {
				methods += len(m.Names)
			}
			if methods > maxInterface {
				out = append(out, fmt.Sprintf("%s: an interface of %d methods, the limit is %d", s.at(n), methods, maxInterface))
			}
		}
		return true
	})
	return out
}

// cmdOnly are the calls that reach the process or its clock. Everything below cmd gets
// them as arguments.
func cmdOnly() []string {
	return []string{
		"os.Getenv", "os.LookupEnv", "os.Environ", "os.ExpandEnv", "os.Setenv", "os.Unsetenv", "os.Exit",
		"time.Now", "time.Since", "time.Until", "log.Fatal", "log.Fatalf", "log.Fatalln",
	}
}

// processComplaints finds uses of the process's environment, exit and clock below cmd.
// Uses count, not only calls: a function value would carry the same power.
func processComplaints(s source) []string {
	if s.test || isTestSupport(s.pkg) || strings.HasPrefix(s.pkg, "cmd/") || strings.HasPrefix(s.pkg, "bench/") {
		return nil
	}
	var out []string
	ast.Inspect(s.ast, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if name := qualified(s, sel); slices.Contains(cmdOnly(), name) {
			out = append(out, fmt.Sprintf("%s: %s only under cmd", s.at(n), name))
		}
		return true
	})
	return out
}

// qualified writes pkg.Name for a selector on an imported package, by the import's
// path, so that a renamed import doesn't hide it.
func qualified(s source, sel *ast.SelectorExpr) string {
	id, ok := sel.X.(*ast.Ident)
	if !ok {
		return ""
	}
	for i, spec := range s.ast.Imports {
		name := path.Base(s.imports[i])
		if spec.Name != nil {
			name = spec.Name.Name
		}
		if name == id.Name {
			return path.Base(s.imports[i]) + "." + sel.Sel.Name
		}
	}
	return ""
}

// stateComplaints finds init functions and package variables that could change:
// allowed are errors, compiled expressions and encodings, embedded files, handles of
// system libraries, and blank assertions.
func stateComplaints(s source) []string {
	if s.test || s.generated() {
		return nil
	}
	var out []string
	for _, d := range s.ast.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil && d.Name.Name == "init" {
				out = append(out, fmt.Sprintf("%s: no init functions", s.at(d)))
			}
		case *ast.GenDecl:
			if d.Tok == token.VAR {
				out = append(out, variableComplaints(s, d)...)
			}
		}
	}
	return out
}

func variableComplaints(s source, d *ast.GenDecl) []string {
	var out []string
	for _, spec := range d.Specs {
		v := spec.(*ast.ValueSpec)
		if embedded(d.Doc) || embedded(v.Doc) {
			continue
		}
		for i, name := range v.Names {
			if name.Name == "_" || strings.HasPrefix(name.Name, "Err") || strings.HasPrefix(name.Name, "err") {
				continue
			}
			if len(v.Values) == len(v.Names) && constant(s, v.Values[i]) {
				continue
			}
			out = append(out, fmt.Sprintf("%s: package variable %s could change: make it a constant, a function or an argument", s.at(v), name.Name))
		}
	}
	return out
}

func embedded(doc *ast.CommentGroup) bool {
	if doc == nil {
		return false
	}
	return slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") })
}

// constant tells initial values that nothing can alter afterwards.
func constant(s source, e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	switch qualified(s, sel) {
	case "errors.New", "fmt.Errorf", "regexp.MustCompile", "base32.NewEncoding", "base64.NewEncoding", "windows.NewLazySystemDLL":
		return true
	}
	// Methods that refine such a value: base32.NewEncoding(...).WithPadding(...).
	switch sel.Sel.Name {
	case "WithPadding", "Strict":
		if inner, ok := sel.X.(*ast.SelectorExpr); ok {
			return strings.HasSuffix(qualified(s, inner), "Encoding")
		}
		return constant(s, sel.X)
	case "NewProc":
		return true
	}
	return false
}

// docComplaints wants a comment at every exported name, and no name that says nothing.
func docComplaints(s source) []string {
	if s.test || s.generated() {
		return nil
	}
	var out []string
	for _, empty := range []string{"util", "utils", "common", "helper", "helpers", "misc"} {
		if s.ast.Name.Name == empty {
			out = append(out, fmt.Sprintf("%s: package name %s says nothing", s.path, empty))
		}
	}
	for _, d := range s.ast.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && exportedReceiver(d) && d.Doc.Text() == "" && !wellKnown(d) {
				out = append(out, fmt.Sprintf("%s: %s has no doc comment", s.at(d), d.Name.Name))
			}
		case *ast.GenDecl:
			out = append(out, undocumented(s, d)...)
		}
	}
	return out
}

// wellKnown tells methods whose meaning an interface of the standard library fixes.
func wellKnown(d *ast.FuncDecl) bool {
	return d.Recv != nil && slices.Contains([]string{"Error", "Unwrap", "Is", "As", "String", "GoString", "Len", "Less", "Swap"}, d.Name.Name)
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	t := d.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if generic, ok := t.(*ast.IndexExpr); ok {
		t = generic.X
	}
	id, ok := t.(*ast.Ident)
	return ok && id.IsExported()
}

// undocumented accepts a comment over the group, over the line or behind it.
func undocumented(s source, d *ast.GenDecl) []string {
	if d.Doc.Text() != "" || d.Tok == token.IMPORT {
		return nil
	}
	var out []string
	for _, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			if spec.Name.IsExported() && spec.Doc.Text() == "" {
				out = append(out, fmt.Sprintf("%s: %s has no doc comment", s.at(spec), spec.Name.Name))
			}
		case *ast.ValueSpec:
			for _, name := range spec.Names {
				if name.IsExported() && spec.Doc.Text() == "" && spec.Comment.Text() == "" {
					out = append(out, fmt.Sprintf("%s: %s has no doc comment", s.at(spec), name.Name))
				}
			}
		}
	}
	return out
}

func TestNothingIsTooLong(t *testing.T) {
	for _, s := range tree(t) {
		report(t, lengthComplaints(s))
	}
}

func TestOnlyCmdTouchesTheProcessAndItsClock(t *testing.T) {
	for _, s := range tree(t) {
		report(t, processComplaints(s))
	}
}

func TestNoPackageKeepsState(t *testing.T) {
	for _, s := range tree(t) {
		report(t, stateComplaints(s))
	}
}

func TestExportedNamesAreDocumented(t *testing.T) {
	for _, s := range tree(t) {
		report(t, docComplaints(s))
	}
}

func TestEveryPackageHasAHeadComment(t *testing.T) {
	has := map[string]bool{}
	for _, s := range tree(t) {
		if strings.HasSuffix(s.path, "_test.go") {
			continue
		}
		has[s.pkg] = has[s.pkg] || s.ast.Doc.Text() != ""
	}
	for pkg, ok := range has {
		if !ok {
			t.Errorf("package %s has no head comment", pkg)
		}
	}
}
