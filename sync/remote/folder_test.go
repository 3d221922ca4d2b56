package remote_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/sync/remote/remotetest"
)

// inFolder runs a claim with both transports against a folder.
func inFolder(t *testing.T, claim func(t *testing.T, l *locked)) {
	for name := range transports() {
		t.Run(name, func(t *testing.T) { claim(t, newLocked(t, name)) })
	}
}

// TestAWorkTreeIsAHost: its clone of another one has a ref that stands for another.
func TestAWorkTreeIsAHost(t *testing.T) {
	inFolder(t, func(t *testing.T, l *locked) {
		remotetest.Run(t, l.there, "update-ref", "refs/remotes/origin/main", l.one.String())
		remotetest.Run(t, l.there, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
		tree := filepath.Join(t.TempDir(), "tree")
		if err := os.Mkdir(tree, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(l.there, filepath.Join(tree, ".git")); err != nil {
			t.Fatal(err)
		}
		l.url, l.there = parse(t, tree), filepath.Join(tree, ".git")
		remotetest.Run(t, l.there, "config", "core.bare", "false")
		other := "refs/heads/secr/receipts"
		p := remote.Push{URL: l.url, Ref: other, New: l.two, From: l.local}
		if err := l.transport.Push(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		refs, err := l.transport.List(t.Context(), remote.List{URL: l.url, Refs: []string{"refs/heads/secr/"}})
		if err != nil || len(refs) != 2 || refs[branch] != l.one || refs[other] != l.two {
			t.Errorf("%v %v", refs, err)
		}
		remotetest.Run(t, l.there, "fsck", "--strict")
	})
}

// TestPackedRefsAreRefs: git packs them, and a loose one of the same name counts more.
func TestPackedRefsAreRefs(t *testing.T) {
	inFolder(t, func(t *testing.T, l *locked) {
		remotetest.Run(t, l.there, "pack-refs", "--all")
		if err := l.push(l.one, l.two, 0); err != nil {
			t.Fatal(err)
		}
		for _, refs := range [][]string{{branch}, {"refs/heads/"}} {
			got, err := l.transport.List(t.Context(), remote.List{URL: l.url, Refs: refs})
			if err != nil || got[branch] != l.two || len(got) != 1 {
				t.Errorf("%v %v", got, err)
			}
		}
		wantKind(t, l.push(l.one, l.two, 0), remote.Moved)
	})
}

// TestWhatIsNoFileIsNoRef: a pipe would keep a reader for ever.
func TestWhatIsNoFileIsNoRef(t *testing.T) {
	l := newLocked(t, "builtin")
	ref := filepath.Join(l.there, branch)
	if err := os.Remove(ref); err != nil {
		t.Fatal(err)
	}
	makePipe(t, ref)
	_, err := l.transport.List(t.Context(), remote.List{URL: l.url, Refs: []string{branch}})
	wantKind(t, err, remote.Broken)
	wantKind(t, l.push(l.one, l.two, 0), remote.Broken)
}

func TestManyObjectsComeAsOnePack(t *testing.T) {
	l := newLocked(t, "native")
	tip := l.two.String()
	for i := range 60 {
		tip = remotetest.Commit(t, l.local, tip, fmt.Sprintf("f%02d", i), fmt.Sprint(i))
	}
	before := loose(t, l.there)
	if err := l.push(l.one, hash(t, tip), 0); err != nil {
		t.Fatal(err)
	}
	if got := remotetest.Run(t, l.there, "rev-list", "--count", branch); got != "62" {
		t.Errorf("%s commits", got)
	}
	packs, err := filepath.Glob(filepath.Join(l.there, "objects", "pack", "*.pack"))
	if err != nil || len(packs) != 1 || loose(t, l.there) != before {
		t.Errorf("%d packs, %d loose objects more, %v", len(packs), loose(t, l.there)-before, err)
	}
	remotetest.Run(t, l.there, "fsck", "--strict", "--full")
}

func loose(t *testing.T, dir string) int {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "objects", "??", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return len(found)
}

// TestAFolderOfAGroupIsLeftToGit, which knows whom its files are for.
func TestAFolderOfAGroupIsLeftToGit(t *testing.T) {
	l := newLocked(t, "native")
	remotetest.Run(t, l.there, "config", "core.sharedRepository", "0660")
	if err := l.push(l.one, l.two, 0); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(l.there, branch))
	if err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("the branch's file is %v, %v", info.Mode(), err)
	}
	builtin, _ := transports()["builtin"](t, remotetest.Folder(t))
	err = builtin.Push(t.Context(), remote.Push{URL: l.url, Ref: branch, Old: l.two, New: l.one, From: l.local})
	wantKind(t, err, remote.Unsupported)
	if err == nil || !strings.Contains(err.Error(), "only git") {
		t.Error(err)
	}
}

// TestABranchThatIsCheckedOutIsLeftToGit, which doesn't move it under somebody's feet.
func TestABranchThatIsCheckedOutIsLeftToGit(t *testing.T) {
	inFolder(t, func(t *testing.T, l *locked) {
		remotetest.Run(t, l.there, "symbolic-ref", "HEAD", branch)
		if err := l.push(l.one, l.two, 0); err != nil {
			t.Errorf("a bare repository's HEAD is nobody's work: %v", err)
		}
		remotetest.Run(t, l.there, "config", "core.bare", "false")
		err := l.push(l.two, l.one, 0)
		if want := map[bool]remote.Kind{true: remote.Rejected, false: remote.Unsupported}; remote.KindOf(err) != want[strings.HasSuffix(t.Name(), "native")] {
			t.Errorf("the push gave %v", err)
		}
	})
}
