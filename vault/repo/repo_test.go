package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// testRepo is a new repository in a temporary folder, on a disk that waits for
// no sync.
func testRepo(t testing.TB) *Repo {
	t.Helper()
	r, err := CreateOn(unsynced(), filepath.Join(t.TempDir(), "repo.git"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// git runs stock git on a repository, away from the user's settings.
func git(t testing.TB, r *Repo, args ...string) string {
	t.Helper()
	path, err := exec.LookPath("git")
	if err != nil {
		if os.Getenv("SECR_TEST_REQUIRE_ALL") == "1" {
			t.Fatal(err)
		}
		t.Skip("git is not installed")
	}
	cmd := exec.Command(path, append([]string{"--git-dir", r.Dir()}, args...)...)
	cmd.Env = gitEnv()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %v: %v\n%s%s", args, err, out, stderr.Bytes())
	}
	return string(out)
}

func gitEnv() []string {
	env := []string{"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C", "HOME=/nonexistent",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b"}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GIT_") && !strings.HasPrefix(v, "HOME=") && !strings.HasPrefix(v, "LC_ALL=") {
			env = append(env, v)
		}
	}
	return env
}

// rawCommit is a commit that Git finds well-formed.
func rawCommit(tree, parent Hash, seq int) []byte {
	p := ""
	if !parent.IsZero() {
		p = "parent " + parent.String() + "\n"
	}
	return []byte(fmt.Sprintf("tree %s\n%sauthor ana <ana@x> %d +0000\ncommitter ana <ana@x> %d +0000\n\nchange %d\n", tree, p, 1700000000+seq, 1700000000+seq, seq))
}

// commitFiles commits files onto the branch and returns the commit.
func commitFiles(t testing.TB, r *Repo, parent Hash, seq int, files map[string]string) Hash {
	t.Helper()
	b := r.Batch()
	edits := map[string]Hash{}
	for path, content := range files {
		if content == "" {
			edits[path] = Hash{}
			continue
		}
		edits[path] = b.Blob([]byte(content))
	}
	tree := Hash{}
	if !parent.IsZero() {
		tree = treeOf(t, r, parent)
	}
	tree, err := b.Edit(tree, edits)
	if err != nil {
		t.Fatal(err)
	}
	c := b.Commit(rawCommit(tree, parent, seq))
	if err := b.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := r.SetRef("refs/heads/secr/vault", c); err != nil {
		t.Fatal(err)
	}
	return c
}

func treeOf(t testing.TB, r *Repo, commit Hash) Hash {
	t.Helper()
	raw, err := r.Commit(commit)
	if err != nil {
		t.Fatal(err)
	}
	h, err := ParseHash(string(raw[5:45]))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// allFiles reads every file below a tree.
func allFiles(t testing.TB, r *Repo, tree Hash) map[string]string {
	t.Helper()
	touched, err := Diff(r, Hash{}, tree, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range touched {
		data, err := r.Blob(f.New)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Path] = string(data)
	}
	return files
}

func fsck(t testing.TB, r *Repo) {
	t.Helper()
	if out := git(t, r, "fsck", "--strict", "--full"); strings.Contains(out, "error") || strings.Contains(out, "warning") {
		t.Errorf("git fsck: %s", out)
	}
}

func TestStockGitReadsWhatWeWrite(t *testing.T) {
	r := testRepo(t)
	want := map[string]string{"vault.json": "{}\n", "policy/roles/admin.json": "{\"name\": \"admin\"}\n"}
	for i := range 300 {
		want[fmt.Sprintf("secrets/production/%02x/%040x", i%256, i)] = fmt.Sprintf("secr/1 secret\n%d\x00\xff", i)
	}
	c := commitFiles(t, r, Hash{}, 1, want)
	c = commitFiles(t, r, c, 2, map[string]string{"vault.json": "{ }\n", "policy/roles/admin.json": ""})
	want["vault.json"] = "{ }\n"
	delete(want, "policy/roles/admin.json")
	fsck(t, r)
	if got := strings.Fields(git(t, r, "log", "--format=%H %s"))[0]; got != c.String() {
		t.Errorf("git log starts with %s, not %s", got, c)
	}
	names := strings.Split(strings.TrimSpace(git(t, r, "ls-tree", "-r", "--name-only", "HEAD")), "\n")
	if d := cmp.Diff(slices.Sorted(maps.Keys(want)), names); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(want, allFiles(t, r, treeOf(t, r, c))); d != "" {
		t.Error(d)
	}
	if got := git(t, r, "cat-file", "blob", "HEAD:secrets/production/07/"+fmt.Sprintf("%040x", 7)); got != want["secrets/production/07/"+fmt.Sprintf("%040x", 7)] {
		t.Errorf("git reads %q", got)
	}
}

func TestWeReadWhatStockGitPacked(t *testing.T) {
	r := testRepo(t)
	c := Hash{}
	files := map[string]string{}
	for i := range 60 {
		files[fmt.Sprintf("secrets/dev/%02x/a%d", i%7, i)] = strings.Repeat(fmt.Sprintf("line %d\n", i), 100)
		files["vault.json"] = strings.Repeat("x", 1000) + fmt.Sprint(i)
		c = commitFiles(t, r, c, i+1, files)
	}
	git(t, r, "repack", "-a", "-d", "-f", "--depth=50", "--window=50")
	git(t, r, "prune-packed")
	git(t, r, "pack-refs", "--all")
	fresh, err := OpenOn(unsynced(), r.Dir())
	if err != nil {
		t.Fatal(err)
	}
	for _, reader := range []*Repo{r, fresh} {
		got, err := reader.Ref("refs/heads/secr/vault")
		if err != nil || got != c {
			t.Fatal(got, err)
		}
		if d := cmp.Diff(files, allFiles(t, reader, treeOf(t, reader, c))); d != "" {
			t.Error(d)
		}
	}
}

func TestCreateNeverReplacesARepository(t *testing.T) {
	r := testRepo(t)
	if _, err := Create(r.Dir()); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
}
