package repo

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// line is an entry of a raw tree as bytes.
func line(mode, name string, id byte) string {
	return mode + " " + name + "\x00" + strings.Repeat(string([]byte{id}), 20)
}

func TestATreeHoldsPlainFilesAndFoldersWithDullNames(t *testing.T) {
	const file, dir = "100644", "40000"
	good := []string{
		line(file, "a", 1),
		line(dir, "a", 1) + line(file, "b", 2),
		line(file, "a-b", 1) + line(dir, "a", 2) + line(file, "ab", 3), // a folder sorts as "a/"
		line(file, "@admin.age", 1) + line(file, "A_1.b-c", 2) + line(file, strings.Repeat("x", nameLimit), 3),
		line(file, ".hidden", 1),
	}
	for _, text := range good {
		entries, err := parseTree([]byte(text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		back, err := formatTree(entries)
		if err != nil || string(back) != text {
			t.Errorf("%q became %q: %v", text, back, err)
		}
	}
	for name, text := range map[string]string{
		"empty":            "",
		"executable":       line("100755", "a", 1),
		"symbolic link":    line("120000", "a", 1),
		"submodule":        line("160000", "a", 1),
		"group writable":   line("100664", "a", 1),
		"zero in front":    line("040000", "a", 1),
		"no mode":          line("", "a", 1),
		"dot":              line(dir, ".", 1),
		"dot dot":          line(dir, "..", 1),
		"three dots":       line(dir, "...", 1),
		"no name":          line(file, "", 1),
		"slash":            line(file, "a/b", 1),
		"git":              line(dir, ".git", 1),
		"git in capitals":  line(dir, ".GiT", 1),
		"gitmodules":       line(file, ".gitmodules", 1),
		"gitattributes":    line(file, ".gitattributes", 1),
		"short name":       line(dir, "git~1", 1),
		"space":            line(file, "a b", 1),
		"backslash":        line(file, "a\\b", 1),
		"colon":            line(file, "c:", 1),
		"escape":           line(file, "a\x1b[2J", 1),
		"umlaut":           line(file, "\xc3\xa4", 1),
		"ignorable":        line(file, ".g\xe2\x80\x8cit", 1),
		"bidi":             line(file, "a\xe2\x80\xae", 1),
		"long":             line(file, strings.Repeat("x", nameLimit+1), 1),
		"not in order":     line(file, "b", 1) + line(file, "a", 2),
		"twice":            line(file, "a", 1) + line(file, "a", 2),
		"file and folder":  line(file, "a", 1) + line(dir, "a", 2),
		"far apart":        line(file, "a", 1) + line(file, "a.b", 3) + line(dir, "a", 2),
		"folder as a file": line(dir, "a", 1) + line(file, "a.b", 2),
		"zero hash":        line(file, "a", 0),
		"cut":              line(file, "a", 1)[:20],
		"cut in the name":  file + " a",
		"junk":             line(file, "a", 1) + "x",
	} {
		if _, err := parseTree([]byte(text)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var many bytes.Buffer
	for i := range treeEntries + 1 {
		many.WriteString(line(file, fmt.Sprintf("%06d", i), 1))
	}
	if _, err := parseTree(many.Bytes()); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}

func TestRepoRefusesATreeThatGitWouldTake(t *testing.T) {
	r := testRepo(t)
	b := r.Batch()
	h := b.add(kindTree, []byte(line("120000", "a", 1)))
	blob := b.Blob([]byte("x"))
	if err := b.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Tree(h); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
	// Nor is an object of one kind taken for another.
	for _, err := range []error{second(r.Tree(blob)), second(r.Commit(blob)), second(r.Blob(h))} {
		if !errors.Is(err, ErrMalformed) {
			t.Error(err)
		}
	}
	if _, err := b.Tree([]Entry{{Name: "../x", Hash: blob}}); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
}

func second[T any](_ T, err error) error { return err }

func FuzzTree(f *testing.F) {
	f.Add([]byte(line("100644", "a-b", 1) + line("40000", "a", 2) + line("100644", "ab", 3)))
	f.Add([]byte(line("40000", ".git", 1)))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := parseTree(data)
		if err != nil {
			return
		}
		back, err := formatTree(entries)
		if err != nil || !bytes.Equal(back, data) {
			t.Errorf("%q became %q: %v", data, back, err)
		}
	})
}

func TestEditRefusesWhatIsNotThereOrNotAFile(t *testing.T) {
	r := testRepo(t)
	b := r.Batch()
	x := b.Blob([]byte("x"))
	tree, err := b.Edit(Hash{}, map[string]Hash{"a/b/c": x, "f": x})
	if err != nil {
		t.Fatal(err)
	}
	for name, edits := range map[string]map[string]Hash{
		"remove nothing":       {"a/b/none": {}},
		"remove in nothing":    {"none/b": {}},
		"remove a folder":      {"a/b": {}},
		"file over folder":     {"a/b": x},
		"folder over file":     {"f/x": x},
		"file and folder":      {"n": x, "n/m": x},
		"everything":           {"a/b/c": {}, "f": {}},
		"absolute":             {"/a": x},
		"double slash":         {"a//b": x},
		"trailing slash":       {"a/": x},
		"dot dot":              {"a/../b": x},
		"git":                  {"a/.git/config": x},
		"empty":                {"": x},
		"too deep":             {strings.Repeat("a/", depthLimit) + "a": x},
		"a folder to be empty": {"a/b/c": {}, "a/b/d": {}},
	} {
		if _, err := b.Edit(tree, edits); !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := b.Edit(tree, map[string]Hash{strings.Repeat("a/", depthLimit-1) + "x": x, "a/b/c": {}}); err != nil {
		t.Error(err)
	}
	if same, err := b.Edit(tree, nil); err != nil || same != tree {
		t.Error(same, err)
	}
}

// TestEditAndDiffAgreeWithAMap plays random edits on a tree and on a map.
func TestEditAndDiffAgreeWithAMap(t *testing.T) {
	r := testRepo(t)
	random := rand.New(rand.NewPCG(1, 2))
	model := map[string]Hash{}
	tree := Hash{}
	for round := range 300 {
		b := r.Batch()
		next := maps.Clone(model)
		edits := randomEdits(random, b, next, round)
		newTree, err := b.Edit(tree, edits)
		if len(next) == 0 {
			if !errors.Is(err, ErrMalformed) && len(edits) > 0 {
				t.Fatalf("an empty tree: %v", err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		touched, err := Diff(b.Objects(), tree, newTree, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(modelDiff(model, next), touched); d != "" {
			t.Fatalf("round %d: %s", round, d)
		}
		if err := b.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		model, tree = next, newTree
	}
	whole, err := Diff(r, Hash{}, tree, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(modelDiff(nil, model), whole); d != "" {
		t.Error(d)
	}
	fresh, err := r.Batch().Edit(Hash{}, model)
	if err != nil || fresh != tree {
		t.Error("the same files make another tree: ", err)
	}
}

func randomEdits(random *rand.Rand, b *Batch, model map[string]Hash, round int) map[string]Hash {
	edits := map[string]Hash{}
	for range random.IntN(5) {
		path := fmt.Sprintf("%c/%c", 'a'+random.IntN(4), 'a'+random.IntN(6))
		if random.IntN(2) == 0 {
			path = fmt.Sprintf("%c/x%c/f", 'a'+random.IntN(4), 'a'+random.IntN(4))
		}
		if _, done := edits[path]; done {
			continue
		}
		if _, there := model[path]; there && random.IntN(2) == 0 {
			edits[path] = Hash{}
			delete(model, path)
			continue
		}
		edits[path] = b.Blob(fmt.Appendf(nil, "%d %s", round, path))
		model[path] = edits[path]
	}
	return edits
}

func modelDiff(old, new map[string]Hash) []Touched {
	var list []Touched
	all := maps.Clone(new)
	maps.Copy(all, old)
	for _, path := range slices.Sorted(maps.Keys(all)) {
		if old[path] != new[path] {
			list = append(list, Touched{Path: path, Old: old[path], New: new[path]})
		}
	}
	return list
}

func TestDiffSeesAFileBecomeAFolder(t *testing.T) {
	b := testRepo(t).Batch()
	x, y := b.Blob([]byte("x")), b.Blob([]byte("y"))
	old, err := b.Edit(Hash{}, map[string]Hash{"a": x, "a-b": x, "z": y})
	if err != nil {
		t.Fatal(err)
	}
	now, err := b.Edit(Hash{}, map[string]Hash{"a/b": x, "a-b": y, "z": y})
	if err != nil {
		t.Fatal(err)
	}
	got, err := Diff(b.Objects(), old, now, 10)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]Touched{{"a", x, Hash{}}, {"a-b", x, y}, {"a/b", Hash{}, x}}, got); d != "" {
		t.Error(d)
	}
}

func TestDiffIsBounded(t *testing.T) {
	b := testRepo(t).Batch()
	x := b.Blob([]byte("x"))
	files := map[string]Hash{}
	for i := range 20 {
		files[fmt.Sprintf("d/%d", i)] = x
	}
	tree, err := b.Edit(Hash{}, files)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Diff(b.Objects(), Hash{}, tree, 19); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
	if _, err := Diff(b.Objects(), Hash{}, tree, 20); err != nil {
		t.Error(err)
	}
	// A tree of 30 entries that are all one tree of 30 entries, and so on, has
	// 30^20 files and a few kilobytes.
	bomb := tree
	for range 20 {
		var entries []Entry
		for i := range 30 {
			entries = append(entries, Entry{Name: fmt.Sprintf("%02d", i), Dir: true, Hash: bomb})
		}
		if bomb, err = b.Tree(entries); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Diff(b.Objects(), Hash{}, bomb, 1000); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}
