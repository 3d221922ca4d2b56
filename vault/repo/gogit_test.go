package repo

import (
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	gitobject "github.com/go-git/go-git/v5/plumbing/object"
)

// TestGoGitReadsWhatWeWrite has another implementation read our packs: as
// written one by one, and merged with deltas.
func TestGoGitReadsWhatWeWrite(t *testing.T) {
	r := testRepo(t)
	files := map[string]string{}
	c := Hash{}
	for round := range 3 {
		c = history(t, r, c, files, round*20+1, 20, uint64(round))
		if d := cmp.Diff(files, goGitFiles(t, r, c)); d != "" {
			t.Errorf("round %d: %s", round, d)
		}
		if err := r.Maintain(t.Context(), Maintenance{}); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(files, goGitFiles(t, r, c)); d != "" {
			t.Errorf("round %d, merged: %s", round, d)
		}
	}
}

func goGitFiles(t *testing.T, r *Repo, want Hash) map[string]string {
	t.Helper()
	theirs, err := gogit.PlainOpen(r.Dir())
	if err != nil {
		t.Fatal(err)
	}
	head, err := theirs.Head()
	if err != nil || head.Hash() != plumbing.Hash(want) {
		t.Fatal(head, err)
	}
	commit, err := theirs.CommitObject(head.Hash())
	if err != nil {
		t.Fatal(err)
	}
	all, err := commit.Files()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	if err := all.ForEach(func(f *gitobject.File) error {
		content, err := f.Contents()
		files[f.Name] = content
		return err
	}); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return files
}
