package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func folder(t *testing.T, parts ...string) string {
	t.Helper()
	path := filepath.Join(parts...)
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatal(err)
	}
	return real
}

func TestTheNearestLinkUpwardsCounts(t *testing.T) {
	h, root, ctx := testHome(t), t.TempDir(), context.Background()
	project := folder(t, root, "project")
	inner := folder(t, root, "project", "app")
	deep := folder(t, root, "project", "app", "src", "deep")
	other := "zyxwvutsrqponmlkjihgfedcba"
	if _, err := h.FindLink(deep); !errors.Is(err, ErrNoLink) {
		t.Fatal(err)
	}
	for _, l := range []Link{{project, testID, ""}, {inner, testID, "wrong"}, {inner, other, "work"}} {
		if err := h.SetLink(ctx, l); err != nil {
			t.Fatal(err)
		}
	}
	for from, want := range map[string]Link{
		project:                           {project, testID, ""},
		folder(t, root, "project", "lib"): {project, testID, ""},
		deep:                              {inner, other, "work"},
	} {
		got, err := h.FindLink(from)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	}
	// Another name of the folder is the folder.
	alias := filepath.Join(root, "alias")
	if err := os.Symlink(deep, alias); err != nil {
		t.Fatal(err)
	}
	if got, err := h.FindLink(alias); err != nil || got.Folder != inner {
		t.Error(got, err)
	}
	if _, err := h.FindLink(root); !errors.Is(err, ErrNoLink) {
		t.Error(err)
	}
	if err := h.RemoveLink(ctx, inner); err != nil {
		t.Fatal(err)
	}
	if got, err := h.FindLink(deep); err != nil || got.Folder != project {
		t.Error(got, err)
	}
	if err := os.RemoveAll(project); err != nil {
		t.Fatal(err)
	}
	if err := h.RemoveLink(ctx, project); err != nil {
		t.Fatal(err)
	}
	if links, err := h.Links(); err != nil || len(links) != 0 {
		t.Error(links, err)
	}
}

func TestAFolderOfAnotherUserIsNotLinked(t *testing.T) {
	h, ctx := testHome(t), context.Background()
	project := folder(t, t.TempDir(), "project")
	if err := h.SetLink(ctx, Link{project, testID, ""}); err != nil {
		t.Fatal(err)
	}
	giveAway(t, project)
	if _, err := h.FindLink(project); !errors.Is(err, ErrForeign) {
		t.Error(err)
	}
	if err := h.SetLink(ctx, Link{project, testID, ""}); !errors.Is(err, ErrForeign) {
		t.Error(err)
	}
}

func TestOnlyWellFormedLinksAreSet(t *testing.T) {
	h, project := testHome(t), folder(t, t.TempDir(), "p")
	for _, l := range []Link{{project, "x", ""}, {project, testID, "No"}, {project, testID, "-a"}, {project, testID, strings.Repeat("a", 33)}, {filepath.Join(project, "none"), testID, ""}} {
		if err := h.SetLink(context.Background(), l); err == nil {
			t.Errorf("%v was linked", l)
		}
	}
}

func TestALinkFileThatIsNotOneIsRefused(t *testing.T) {
	h := testHome(t)
	if err := MakeFolder(h.Config); err != nil {
		t.Fatal(err)
	}
	one := `{"folder":"/a","vault":"` + testID + `","profile":""}`
	for name, text := range map[string]string{
		"empty": "", "null links": `{"links":`, "array": "[]", "unknown field": `{"links":[],"more":1}`,
		"relative": `{"links":[{"folder":"a","vault":"` + testID + `","profile":""}]}`,
		"dots":     `{"links":[{"folder":"/a/../b","vault":"` + testID + `","profile":""}]}`,
		"vault":    `{"links":[{"folder":"/a","vault":"../../x","profile":""}]}`,
		"profile":  `{"links":[{"folder":"/a","vault":"` + testID + `","profile":"../x"}]}`,
		"twice":    `{"links":[` + one + `,` + one + `]}`,
		"behind":   `{"links":[]} {}`, "junk": `{"links":[]}x`, "unclosed": `{"links":[` + one,
	} {
		t.Run(name, func(t *testing.T) {
			put(t, h.linkPath(), text, 0o600)
			if _, err := h.Links(); !errors.Is(err, ErrDamaged) {
				t.Error(err)
			}
			if err := h.SetLink(context.Background(), Link{t.TempDir(), testID, ""}); !errors.Is(err, ErrDamaged) {
				t.Error("a damaged file was written over: ", err)
			}
		})
	}
}

func TestNoLinkIsLostWhenManyAreSetAtOnce(t *testing.T) {
	h, root := testHome(t), t.TempDir()
	var all sync.WaitGroup
	for i := range 20 {
		path := folder(t, root, fmt.Sprint(i))
		all.Go(func() {
			if err := h.SetLink(context.Background(), Link{path, testID, ""}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if links, err := h.Links(); err != nil || len(links) != 20 {
		t.Error(len(links), err)
	}
}

func TestJournalGrowsWholeEntriesOnly(t *testing.T) {
	path, ctx := filepath.Join(t.TempDir(), "receipts"), context.Background()
	j, err := OpenJournal(ctx, path, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenJournal(gone(), path, time.Minute); !errors.Is(err, context.Canceled) {
		t.Error("two at once: ", err)
	}
	for _, e := range []string{"one\n", "two\n"} {
		if err := j.Append([]byte(e)); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if j, err = OpenJournal(ctx, path, time.Minute); err != nil {
		t.Fatal(err)
	}
	tail, err := j.Tail(5)
	if err != nil || string(tail) != "\ntwo\n" || j.Size() != 8 {
		t.Errorf("%q %d %v", tail, j.Size(), err)
	}
	if all, err := j.Tail(100); err != nil || string(all) != "one\ntwo\n" {
		t.Errorf("%q %v", all, err)
	}
	if err := j.Truncate(4); err != nil {
		t.Fatal(err)
	}
	if err := j.Append([]byte("new\n")); err != nil {
		t.Fatal(err)
	}
	if j.Truncate(9) == nil || j.Truncate(-1) == nil {
		t.Error("a journal was cut longer")
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, path); got != "one\nnew\n" {
		t.Errorf("%q", got)
	}
}
