package gates

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestIndexesListEveryPage holds the pages that are tables of contents.
func TestIndexesListEveryPage(t *testing.T) {
	for _, dir := range []string{"docs/spec", "docs/adr"} {
		index, ok := read(t, dir+"/README.md")
		if !ok {
			t.Errorf("%s has no README.md", dir)
			continue
		}
		pages, err := filepath.Glob(filepath.Join(root, dir, "*.md"))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range pages {
			if name := filepath.Base(p); name != "README.md" && !strings.Contains(index, "]("+name+")") {
				t.Errorf("%s/README.md doesn't link to %s", dir, name)
			}
		}
	}
}

var (
	floorRow    = regexp.MustCompile(`(?m)^\| (-?\d) \| ([^|]+) \|`)
	packageName = regexp.MustCompile("`([^`]+)`")
)

// written reads the floors from the table in ARCHITECTURE.md.
func written(page string) map[string]int {
	out := map[string]int{}
	for _, m := range floorRow.FindAllStringSubmatch(page, -1) {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			continue
		}
		for _, p := range packageName.FindAllStringSubmatch(m[2], -1) {
			out[p[1]] = n
		}
	}
	return out
}

// TestArchitectureTellsTheFloors compares the page with the data, for what exists.
func TestArchitectureTellsTheFloors(t *testing.T) {
	page, ok := read(t, "ARCHITECTURE.md")
	if !ok {
		t.Skip("there is no ARCHITECTURE.md yet")
	}
	told := written(page)
	for _, f := range floors() {
		if strings.HasPrefix(f.pkg, "bench/") || f.pkg == "internal/gates" {
			continue
		}
		dir := strings.TrimSuffix(f.pkg, "/...")
		if _, err := os.Stat(filepath.Join(root, dir)); err != nil {
			continue
		}
		if n, ok := told[f.pkg]; !ok || n != f.number {
			t.Errorf("ARCHITECTURE.md doesn't say that %s stands on floor %d", f.pkg, f.number)
		}
	}
}
