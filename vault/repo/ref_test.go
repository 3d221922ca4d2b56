package repo

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secr/secr/vault/local"
)

const branch = "refs/heads/secr/vault"

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestARefIsWhatWasSetLast(t *testing.T) {
	r := testRepo(t)
	if _, err := r.Ref(branch); !errors.Is(err, ErrNoRef) {
		t.Fatal(err)
	}
	for _, h := range []Hash{{1}, {2}, {1}} {
		if err := r.SetRef(branch, h); err != nil {
			t.Fatal(err)
		}
		if got, err := r.Ref(branch); err != nil || got != h {
			t.Error(got, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(r.Dir(), "refs/heads/secr/*")); len(left) != 1 {
		t.Errorf("left over: %v", left)
	}
}

func TestAnEmptyRefIsAnErrorAndNotAnOlderValue(t *testing.T) {
	r := testRepo(t)
	c := commitFiles(t, r, Hash{}, 1, map[string]string{"a": "x"})
	git(t, r, "pack-refs", "--all")
	if got, err := r.Ref(branch); err != nil || got != c {
		t.Fatal(got, err)
	}
	for _, content := range []string{"", "\n", c.String()[:39] + "\n", "ref: refs/heads/other\n", strings.ToUpper(c.String()) + "x", c.String() + "\n\n", strings.Repeat("0", 65)} {
		write(t, r.refPath(branch), content)
		if got, err := r.Ref(branch); !errors.Is(err, ErrDamaged) && !errors.Is(err, local.ErrTooLarge) {
			t.Errorf("%q was read as %v, %v", content, got, err)
		}
	}
	if err := r.SetRef(branch, Hash{3}); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Ref(branch); err != nil || got != (Hash{3}) {
		t.Error(got, err)
	}
}

func TestARefIsNoSymbolicLink(t *testing.T) {
	r := testRepo(t)
	victim := filepath.Join(t.TempDir(), "victim")
	write(t, victim, Hash{1}.String()+"\n")
	if err := os.MkdirAll(filepath.Dir(r.refPath(branch)), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, r.refPath(branch)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Ref(branch); !errors.Is(err, local.ErrSymlink) {
		t.Error(err)
	}
	if err := r.SetRef(branch, Hash{2}); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(victim); err != nil || string(data) != (Hash{1}).String()+"\n" {
		t.Errorf("%q %v", data, err)
	}
}

func TestOnlyRefsAreSet(t *testing.T) {
	r := testRepo(t)
	for _, name := range []string{"", "HEAD", "config", "refs", "refs/", "/refs/a", "refs/../config", "refs/heads/..", "refs/heads/a..b", "refs/heads/a.lock",
		"refs/heads/.a", "refs/heads/-a", "refs/heads/a b", "refs/heads/a\nb", "refs/heads/a.", "refs//a", "refs/a/", "refs/" + strings.Repeat("a/", 10) + "a", "refs/heads/.git"} {
		if err := r.SetRef(name, Hash{1}); err == nil {
			t.Errorf("%q was set", name)
		}
		if _, err := r.Ref(name); err == nil || errors.Is(err, ErrNoRef) {
			t.Errorf("%q was looked for", name)
		}
	}
}

func TestAStaleLockOfARefIsTakenOver(t *testing.T) {
	r := testRepo(t)
	r.patience = 3
	if err := r.SetRef(branch, Hash{1}); err != nil {
		t.Fatal(err)
	}
	write(t, r.refPath(branch)+".lock", "")
	if err := r.SetRef(branch, Hash{2}); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Ref(branch); err != nil || got != (Hash{2}) {
		t.Error(got, err)
	}
	git(t, r, "pack-refs")
}

func TestAFileWhereAFolderOfRefsShouldBe(t *testing.T) {
	r := testRepo(t)
	if err := r.SetRef("refs/heads/secr", Hash{1}); err != nil {
		t.Fatal(err)
	}
	if err := r.SetRef(branch, Hash{1}); !errors.Is(err, local.ErrNotFolder) {
		t.Error(err)
	}
	if _, err := r.Ref(branch); !errors.Is(err, ErrNoRef) {
		t.Error(err)
	}
	if _, err := r.Ref("refs/heads"); !errors.Is(err, ErrNoRef) {
		t.Error(err)
	}
}

func TestDeletedRefsAreGone(t *testing.T) {
	r := testRepo(t)
	c := commitFiles(t, r, Hash{}, 1, map[string]string{"a": "x"})
	for _, name := range []string{"refs/secr/aside/1", "refs/secr/aside/2"} {
		if err := r.SetRef(name, c); err != nil {
			t.Fatal(err)
		}
	}
	git(t, r, "pack-refs", "--all")
	if err := r.SetRef("refs/secr/aside/2", c); err != nil {
		t.Fatal(err)
	}
	refs, err := r.Refs("refs/secr/")
	if err != nil || len(refs) != 2 || refs["refs/secr/aside/1"] != c {
		t.Fatal(refs, err)
	}
	for _, name := range []string{"refs/secr/aside/1", "refs/secr/aside/2", "refs/secr/aside/3"} {
		if err := r.DeleteRef(name); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Ref(name); !errors.Is(err, ErrNoRef) {
			t.Error(name, err)
		}
	}
	if got, err := r.Ref(branch); err != nil || got != c {
		t.Error(got, err)
	}
	if out := git(t, r, "for-each-ref", "--format=%(refname)"); out != branch+"\n" {
		t.Errorf("git sees %q", out)
	}
	if refs, err = r.Refs("refs/"); err != nil || len(refs) != 1 {
		t.Error(refs, err)
	}
}

func TestARefIsSetWhereFilesCannotBeLinked(t *testing.T) {
	for _, cause := range []error{errors.ErrUnsupported, os.ErrPermission} {
		r, err := CreateOn(local.Traced(func(op local.Op) error {
			if op.Kind == local.OpLink {
				return cause
			}
			return nil
		}), filepath.Join(t.TempDir(), "repo.git"))
		if err != nil {
			t.Fatal(err)
		}
		r.patience = 2
		for _, h := range []Hash{{1}, {2}} {
			write(t, r.refPath(branch)+".lock", "")
			if err := r.SetRef(branch, h); err != nil {
				t.Fatal(err)
			}
			if got, err := r.Ref(branch); err != nil || got != h {
				t.Error(got, err)
			}
		}
		if left, _ := filepath.Glob(filepath.Join(r.Dir(), "refs/heads/secr/*")); len(left) != 1 {
			t.Errorf("left over: %v", left)
		}
	}
}
