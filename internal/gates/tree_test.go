package gates

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const (
	module = "github.com/secr/secr"
	root   = "../.."
)

// source is one Go file of the project, whatever platform it is for.
type source struct {
	path    string // from the root, with slashes
	pkg     string // folder from the root: "keys/wrap"
	test    bool   // _test.go, or test support
	ast     *ast.File
	fset    *token.FileSet
	lines   int
	imports []string
}

// parse reads one file. name is its path from the root.
func parse(name string, data []byte) (source, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, data, parser.ParseComments)
	if err != nil {
		return source{}, err
	}
	s := source{path: name, pkg: path.Dir(name), ast: file, fset: fset, lines: strings.Count(string(data), "\n")}
	s.test = strings.HasSuffix(name, "_test.go") || isTestSupport(s.pkg)
	for _, i := range file.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			return source{}, err
		}
		s.imports = append(s.imports, p)
	}
	return s, nil
}

// isTestSupport tells packages that only tests may import: their last element ends in
// "test", like net/http/httptest.
func isTestSupport(pkg string) bool {
	return strings.HasSuffix(path.Base(pkg), "test")
}

// at names the place of a node for a complaint.
func (s source) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", s.path, s.fset.Position(n.Pos()).Line)
}

// generated tells files written by a program, which no length rule binds.
func (s source) generated() bool { return ast.IsGenerated(s.ast) }

// walk calls f with every file of the project that is not Git's, a build's or hidden.
func walk(f func(name string) error) error {
	return filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == ".git" || d.Name() == "node_modules" || rel == "bin" {
				return filepath.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() {
			return nil
		}
		return f(filepath.ToSlash(rel))
	})
}

var loadOnce = sync.OnceValues(func() ([]source, error) {
	var all []source
	err := walk(func(name string) error {
		if !strings.HasSuffix(name, ".go") || strings.Contains("/"+name, "/testdata/") {
			return nil
		}
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return err
		}
		s, err := parse(name, data)
		if err != nil {
			return err
		}
		all = append(all, s)
		return nil
	})
	return all, err
})

// tree returns every Go file of the project.
func tree(t *testing.T) []source {
	t.Helper()
	all, err := loadOnce()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 5 {
		t.Fatalf("only %d Go files found: the walk is broken", len(all))
	}
	return all
}

// snippet parses a made-up file, for tests of the gates themselves.
func snippet(t *testing.T, name, text string) source {
	t.Helper()
	s, err := parse(name, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// report fails the test with one line a complaint.
func report(t *testing.T, complaints []string) {
	t.Helper()
	for _, c := range complaints {
		t.Error(c)
	}
}
