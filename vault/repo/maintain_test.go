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
	"time"

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

// Two environments are changed in turn, and merged again and again: each folder's trees
// still lie on each other, in chains that Git would take over.
func TestMergedVersionsLieOnTheOnesBefore(t *testing.T) {
	r := testRepo(t)
	files := map[string]string{}
	for i := range 120 {
		files[fmt.Sprintf("secrets/%d/%02x/s", i%2, i/2)] = fmt.Sprint(i)
	}
	c := commitFiles(t, r, Hash{}, 1, files)
	whole, deepest := 0, 0
	age := agesOf(t, r)
	for round := range 4 {
		for i := range mergePacks + 1 {
			n := round*(mergePacks+1) + i
			age()
			c = commitFiles(t, r, c, n+2, map[string]string{fmt.Sprintf("secrets/%d/%02x/s", n%2, n*7%60): fmt.Sprint("new", n)})
		}
		age()
		if err := r.Maintain(t.Context(), Maintenance{}); err != nil {
			t.Fatal(err)
		}
	}
	packs, err := r.store.relist()
	if err != nil || len(packs) != 1 {
		t.Fatalf("%d packs, %v", len(packs), err)
	}
	for h := range everyObject(t, r) {
		k, data, err := r.read(h, objectLimit)
		if err != nil {
			t.Fatal(err)
		}
		depth := depthOf(t, packs[0], h)
		deepest = max(deepest, depth)
		if depth == 0 && k == kindTree && len(data) > 1000 {
			whole++
		}
	}
	if whole != 2 {
		t.Errorf("%d trees of two environments are stored whole", whole)
	}
	if limit := 2 * 7; deepest > limit {
		t.Errorf("a chain has %d deltas: more than %d for a hundred versions", deepest, limit)
	}
	fsck(t, r)
}

// agesOf returns what makes the packs that are new a second younger than those before: a
// merge goes by age, and a file system's clock may stand still between two changes.
func agesOf(t *testing.T, r *Repo) func() {
	known, now := map[string]bool{}, time.Unix(1_700_000_000, 0)
	return func() {
		names, err := packNames(r.store.packFolder())
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if known[name] {
				continue
			}
			known[name], now = true, now.Add(time.Second)
			if err := os.Chtimes(name, now, now); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// depthOf is how many deltas an object is away from a whole one.
func depthOf(t *testing.T, p *pack, h Hash) int {
	t.Helper()
	off, ok, err := p.find(h)
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	for depth := 0; ; depth++ {
		e, i, err := p.start(off)
		if err != nil {
			t.Fatal(err)
		}
		p.store.inflaters.put(i)
		if e.kind.plain() {
			return depth
		}
		if off, err = p.baseOffset(e, off); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCommitsLieOnTheirAuthorsFirst(t *testing.T) {
	commit := func(author string, n int) []byte {
		return fmt.Appendf(nil, "tree %040x\nauthor %s <%s@vault> %d +0000\n", n, author, author, n)
	}
	var l lineages
	if _, ok := l.base(kindCommit, commit("ana", 1)); ok {
		t.Error("the first has a base")
	}
	l.add(kindCommit, version{placed{offset: 1}, commit("ana", 1)})
	l.add(kindCommit, version{placed{offset: 2}, commit("ben", 2)})
	for n := range 20 {
		for i, author := range []string{"ana", "ben"} {
			base, ok := l.base(kindCommit, commit(author, n))
			if !ok || base.offset != int64(i+1) {
				t.Fatalf("%s's lies on %d, %v", author, base.offset, ok)
			}
			l.add(kindCommit, version{placed{offset: 100, depth: 1}, commit(author, n)})
		}
	}
}

func TestLineagesAreForgottenBeforeTheyFillTheMemory(t *testing.T) {
	var l lineages
	tree := make([]byte, 1<<20)
	for i := range 3 * lineageLimit >> 20 {
		tree = slices.Clone(tree)
		copy(tree, fmt.Sprintf("40000 %d", i))
		l.add(kindTree, version{data: tree})
		if held := len(l.alike) << 20; held > lineageLimit {
			t.Fatalf("%d bytes are held", held)
		}
	}
}

func TestDeltasAreOfWhatChanged(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	a := make([]byte, 7000)
	for i := range a {
		a[i] = byte(random.Uint32())
	}
	b := slices.Clone(a)
	for i := range 8 {
		b[700*i+random.IntN(600)] ^= 1 // inside
	}
	b = slices.Concat(b[:3000], []byte("a longer piece"), b[3000:5000], b[5100:])
	delta := makeDelta(a, b)
	if got, err := applyDelta(a, delta, len(b)); err != nil || !slices.Equal(got, b) {
		t.Fatal(err)
	}
	if len(delta) > 200 {
		t.Errorf("a delta of %d bytes for ten small changes", len(delta))
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
