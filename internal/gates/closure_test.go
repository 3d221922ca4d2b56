package gates

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// listed is what `go list` says of one package.
type listed struct {
	ImportPath string
	Imports    []string
	Module     *struct{ Path string }
}

// list runs the one `go list` of this package: everything that the project builds from.
func list(t *testing.T) map[string]listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Imports,Module", "./...")
	cmd.Dir = root
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]listed{}
	dec := json.NewDecoder(bytes.NewReader(out))
	for {
		var l listed
		if err := dec.Decode(&l); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all[l.ImportPath] = l
	}
}

// closure returns all that a package is linked with, itself included.
func closure(all map[string]listed, start string) []string {
	var seen []string
	var visit func(string)
	visit = func(p string) {
		if slices.Contains(seen, p) {
			return
		}
		seen = append(seen, p)
		for _, i := range all[p].Imports {
			visit(i)
		}
	}
	visit(start)
	return seen
}

// TestFastPathLinksNothingHeavy holds the closed set that `run` and `get` need on a
// fresh snapshot: each of these would cost a user milliseconds at every start.
func TestFastPathLinksNothingHeavy(t *testing.T) {
	if _, err := os.Stat(filepath.Join(root, "cmd/internal/fast")); err != nil {
		t.Skip("there is no fast path yet")
	}
	heavy := []string{
		"github.com/go-git/", "filippo.io/age", "github.com/urfave/cli/", "net/http", "github.com/godbus/dbus/",
		"github.com/zalando/go-keyring", "github.com/pelletier/go-toml/v2", "encoding/gob", "encoding/json", "net/netip", "log/slog", "unique", "github.com/aws/", "cloud.google.com/", "google.golang.org/",
		module + "/vault/repo", module + "/vault/chain", module + "/keys/wrap",
	}
	for _, p := range closure(list(t), module+"/cmd/internal/fast") {
		for _, h := range heavy {
			if strings.HasPrefix(p+"/", strings.TrimSuffix(h, "/")+"/") {
				t.Errorf("cmd/internal/fast is linked with %s", p)
			}
		}
	}
}
