package app

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReadingActionsAreTheVerbsThatShowValues reads the verbs' sources: an action that
// --action didn't know could not be looked for.
func TestReadingActionsAreTheVerbsThatShowValues(t *testing.T) {
	want := []string{"run", "get"} // the fast path has the verb itself
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 50 {
		t.Fatal(files, err)
	}
	request := regexp.MustCompile(`\bAction: +"([a-z-]+)"`)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range request.FindAllSubmatch(text, -1) {
			want = append(want, string(m[1]))
		}
	}
	slices.Sort(want)
	if diff := cmp.Diff(slices.Compact(want), slices.Sorted(slices.Values(readingActions()))); diff != "" {
		t.Error(diff)
	}
}
