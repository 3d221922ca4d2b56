package repo

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// history makes commits that each change a few of many files, as sets do,
// and returns the last with all its files.
func history(t testing.TB, r *Repo, from Hash, files map[string]string, first, n int, seed uint64) Hash {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 1))
	for i := range n {
		edits := map[string]string{}
		for range 1 + random.IntN(2) {
			path := fmt.Sprintf("secrets/production/%02x/s%d", random.IntN(30), random.IntN(5))
			edits[path] = fmt.Sprintf("secr/1 secret %d %x", first+i, random.Uint64())
			files[path] = edits[path]
		}
		from = commitFiles(t, r, from, first+i, edits)
	}
	return from
}

func packsOf(t testing.TB, r *Repo) int {
	t.Helper()
	names, err := packNames(r.store.packFolder())
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// everyObject lists all objects with their content, the unreachable ones too.
func everyObject(t testing.TB, r *Repo) map[Hash]string {
	t.Helper()
	all := map[Hash]string{}
	packs, err := r.store.relist()
	if err != nil {
		t.Fatal(err)
	}
	hashes, err := r.store.loose(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packs {
		if err := p.objects(func(h Hash, _ int64) error {
			hashes = append(hashes, h)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	for _, h := range hashes {
		k, data, err := r.read(h, objectLimit)
		if err != nil {
			t.Fatal(err)
		}
		all[h] = k.String() + string(data)
	}
	return all
}

func TestMaintainKeepsEveryObjectAndFewPacks(t *testing.T) {
	r := testRepo(t)
	files := map[string]string{}
	c := Hash{}
	b := r.Batch()
	lost := b.Blob([]byte("nothing points to this"))
	if err := b.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	for round := range 8 {
		c = history(t, r, c, files, round*20, 20, uint64(round))
		before := everyObject(t, r)
		if err := r.Maintain(context.Background(), Maintenance{}); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(before, everyObject(t, r)); d != "" {
			t.Fatal(d)
		}
		if n := packsOf(t, r); n > mergePacks+8 {
			t.Errorf("%d packs after round %d", n, round)
		}
	}
	if d := cmp.Diff(files, allFiles(t, r, treeOf(t, r, c))); d != "" {
		t.Error(d)
	}
	if _, err := r.Blob(lost); err != nil {
		t.Error(err)
	}
	fsck(t, r)
}

func TestMergedTreesAreDeltas(t *testing.T) {
	r := testRepo(t)
	files := map[string]string{}
	for i := range 400 {
		files[fmt.Sprintf("secrets/production/%02x/%040x", i%200, i)] = fmt.Sprint(i)
	}
	c := commitFiles(t, r, Hash{}, 1, files)
	for i := range 60 {
		c = commitFiles(t, r, c, i+2, map[string]string{fmt.Sprintf("secrets/production/%02x/%040x", i, i): fmt.Sprint("new", i)})
	}
	size := func() (sum int64) {
		names, _ := packNames(r.store.packFolder())
		for _, n := range names {
			fi, err := os.Stat(n)
			if err != nil {
				t.Fatal(err)
			}
			sum += fi.Size()
		}
		return sum
	}
	before := size()
	if err := r.Maintain(context.Background(), Maintenance{}); err != nil {
		t.Fatal(err)
	}
	if after := size(); after*4 > before {
		t.Errorf("packs of %d bytes became %d", before, after)
	}
	fsck(t, r)
	if _, err := Diff(r, Hash{}, treeOf(t, r, c), 1000); err != nil {
		t.Error(err)
	}
}

func TestReadersGoOnWhilePacksAreMerged(t *testing.T) {
	r := testRepo(t)
	files := map[string]string{}
	c := history(t, r, Hash{}, files, 1, 40, 7)
	reader, err := Open(r.Dir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reader.Commit(c); err != nil { // it has listed the packs
		t.Fatal(err)
	}
	if err := r.Maintain(context.Background(), Maintenance{}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(files, allFiles(t, reader, treeOf(t, reader, c))); d != "" {
		t.Error(d)
	}
}

func TestReadersInOneProcessGoOnWhilePacksAreMerged(t *testing.T) {
	r := testRepo(t)
	files := map[string]string{}
	c := history(t, r, Hash{}, files, 1, 20, 7)
	var readers sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if got := allFiles(t, r, treeOf(t, r, c)); len(got) != len(files) {
					t.Errorf("%d files, not %d", len(got), len(files))
					return
				}
			}
		})
	}
	more, last := maps.Clone(files), c
	for round := range 2 {
		last = history(t, r, last, more, 100*round, mergePacks+1, uint64(round))
		if err := r.Maintain(t.Context(), Maintenance{}); err != nil {
			t.Error(err)
		}
	}
	close(done)
	readers.Wait()
}

func TestDamageStopsAMergeBeforeAnythingIsRemoved(t *testing.T) {
	r := testRepo(t)
	files := map[string]string{}
	c := history(t, r, Hash{}, files, 1, mergePacks, 7)
	w, err := newPackWriter(r.disk, r.store.packFolder(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.add(Hash{1}, kindBlob, []byte("under another object's name")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.finish(); err != nil {
		t.Fatal(err)
	}
	if err := r.Maintain(t.Context(), Maintenance{}); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
	if n := packsOf(t, r); n != mergePacks+1 {
		t.Errorf("%d packs are left", n)
	}
	if d := cmp.Diff(files, allFiles(t, r, treeOf(t, r, c))); d != "" {
		t.Error(d)
	}
}

func TestALargePackIsLeftAlone(t *testing.T) {
	r := testRepo(t)
	b := r.Batch()
	for range 6 {
		large := make([]byte, 1<<20)
		crand.Read(large)
		b.Blob(large)
	}
	if err := b.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	first, err := packNames(r.store.packFolder())
	if err != nil {
		t.Fatal(err)
	}
	history(t, r, Hash{}, map[string]string{}, 1, mergePacks+1, 7)
	if err := r.Maintain(t.Context(), Maintenance{}); err != nil {
		t.Fatal(err)
	}
	after, err := packNames(r.store.packFolder())
	if err != nil || len(after) != 2 || !slices.Contains(after, first[0]) {
		t.Errorf("%v became %v: %v", first, after, err)
	}
}

func TestNativeGitPacksAgainAndLosesNothing(t *testing.T) {
	path, err := exec.LookPath("git")
	if err != nil {
		t.Skip("git is not installed")
	}
	r := testRepo(t)
	files := map[string]string{}
	c := history(t, r, Hash{}, files, 1, 30, 3)
	b := r.Batch()
	b.Blob([]byte("nothing points to this"))
	b.Blob([]byte("nor to this"))
	if err := b.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	before := everyObject(t, r)
	if err := r.repack(context.Background(), Maintenance{Git: path, Env: gitEnv()}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(before, everyObject(t, r)); d != "" {
		t.Error(d)
	}
	if n := packsOf(t, r); n != 1 {
		t.Errorf("%d packs", n)
	}
	if d := cmp.Diff(files, allFiles(t, r, treeOf(t, r, c))); d != "" {
		t.Error(d)
	}
	fsck(t, r)
}

func TestMaintainMergesLooseObjects(t *testing.T) {
	r := testRepo(t)
	for i := range mergeLoose + 10 {
		b := r.Batch()
		b.Blob(fmt.Appendf(nil, "blob %d", i))
		if err := b.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	// A damaged one is left alone, and stops nothing.
	bad := BlobHash([]byte("blob 3"))
	if err := os.WriteFile(r.store.loosePath(bad), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.Maintain(context.Background(), Maintenance{}); err != nil {
		t.Fatal(err)
	}
	loose, err := r.store.loose(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]Hash{bad}, loose); d != "" {
		t.Error(d)
	}
	if _, err := r.Blob(BlobHash([]byte("blob 4"))); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(r.store.folder, "??")); len(left) != 1 {
		t.Errorf("%d folders of loose objects are left", len(left))
	}
}
