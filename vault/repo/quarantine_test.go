package repo

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func quarantine(t *testing.T, r *Repo, have ...Hash) *Quarantine {
	t.Helper()
	q, err := r.Quarantine(context.Background(), have...)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// packFrom makes a pack of everything in a repository with stock git.
func packFrom(t *testing.T, r *Repo, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("git", append([]string{"--git-dir", r.Dir(), "pack-objects", "--all", "--stdout", "-q"}, args...)...)
	cmd.Env = gitEnv()
	cmd.Stdin = bytes.NewReader(nil)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAPackIsVisibleOnlyAfterCommit(t *testing.T) {
	git(t, testRepo(t), "version")
	for name, args := range map[string][]string{"offset deltas": {"--delta-base-offset"}, "deltas by name": {}, "whole": {"--depth=0"}} {
		t.Run(name, func(t *testing.T) {
			theirs, ours := testRepo(t), testRepo(t)
			files := map[string]string{}
			c := history(t, theirs, Hash{}, files, 1, 50, 5)
			git(t, theirs, "repack", "-adfq")
			pack := packFrom(t, theirs, args...)
			q := quarantine(t, ours)
			n, err := q.ImportPack(context.Background(), bytes.NewReader(pack), DefaultLimits())
			if err != nil {
				t.Fatal(err)
			}
			if want := len(everyObject(t, theirs)); n != want {
				t.Errorf("%d objects, not %d", n, want)
			}
			if d := cmp.Diff(files, allFiles(t, q.Repo(), treeOf(t, q.Repo(), c))); d != "" {
				t.Error(d)
			}
			if _, err := ours.Commit(c); !errors.Is(err, ErrNotFound) {
				t.Errorf("the repository sees into the quarantine: %v", err)
			}
			if err := q.Commit(context.Background()); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(files, allFiles(t, ours, treeOf(t, ours, c))); d != "" {
				t.Error(d)
			}
			if _, err := os.Stat(q.Dir()); !os.IsNotExist(err) {
				t.Error("the quarantine is still there")
			}
			if err := ours.SetRef("refs/heads/secr/vault", c); err != nil {
				t.Fatal(err)
			}
			fsck(t, ours)
		})
	}
}

func TestNativeGitFetchesIntoAQuarantine(t *testing.T) {
	theirs, ours := testRepo(t), testRepo(t)
	files := map[string]string{}
	base := history(t, theirs, Hash{}, files, 1, 10, 5)
	for _, unpack := range []string{"1", "1000"} {
		first := quarantine(t, ours)
		gitIn(t, first.Dir(), "-c", "fetch.unpackLimit="+unpack, "fetch", "-q", theirs.Dir(), "+refs/heads/secr/vault:refs/seen")
		if h, err := first.Repo().Ref("refs/seen"); err != nil || h != base {
			t.Fatal(h, err)
		}
		if err := first.Commit(context.Background()); err != nil {
			t.Fatal(err)
		}
		c := history(t, theirs, base, files, 11, 5, 9)
		second := quarantine(t, ours, base)
		gitIn(t, second.Dir(), "-c", "fetch.unpackLimit="+unpack, "fetch", "-q", theirs.Dir(), "+refs/heads/secr/vault:refs/seen")
		loose, err := second.repo.store.loose(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if unpack == "1000" && (len(loose) == 0 || len(loose) > 60) {
			t.Errorf("git fetched %d objects for 5 changes", len(loose))
		}
		if d := cmp.Diff(files, allFiles(t, second.Repo(), treeOf(t, second.Repo(), c))); d != "" {
			t.Error(d)
		}
		if err := second.Commit(context.Background()); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(files, allFiles(t, ours, treeOf(t, ours, c))); d != "" {
			t.Error(d)
		}
		base = c
	}
}

func gitIn(t *testing.T, folder string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", append([]string{"--git-dir", folder}, args...)...)
	cmd.Env = gitEnv()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func TestADiscardedQuarantineLeavesNothing(t *testing.T) {
	r := testRepo(t)
	before, err := filepath.Glob(filepath.Join(r.Dir(), "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	q := quarantine(t, r)
	if err := q.Discard(); err != nil {
		t.Fatal(err)
	}
	after, err := filepath.Glob(filepath.Join(r.Dir(), "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(before, after); d != "" {
		t.Error(d)
	}
}
