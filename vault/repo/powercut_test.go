package repo

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/vault/local"
)

// long reports whether tests should take their time.
func long() bool { return os.Getenv("SECR_TEST_LONG") == "1" }

// inode is a file's content, and how much of it is surely on the disk.
type inode struct{ data, synced []byte }

// memory is a disk as it is while the power is on, and what of it would be
// left after a cut. It is built from the steps that a traced disk reports.
type memory struct {
	now     map[string]*inode // names as programs see them; nil is a folder
	durable map[string]*inode // names that are on the disk
	pending []nameChange      // changes of names that are not
}

// nameChange is what happens to the names of a folder in one step. Each is
// done whole or not at all.
type nameChange struct {
	folder  string
	gone    string
	name    string
	content *inode
	tree    bool // gone is a folder, and what is in it goes along
}

func (c nameChange) apply(names map[string]*inode) {
	if c.tree {
		for _, path := range slices.Collect(maps.Keys(names)) {
			if rest, ok := strings.CutPrefix(path, c.gone); ok && (rest == "" || rest[0] == '/') {
				names[c.name+rest] = names[path]
				delete(names, path)
			}
		}
		return
	}
	if c.gone != "" {
		delete(names, c.gone)
	}
	if c.name != "" {
		names[c.name] = c.content
	}
}

func newMemory() *memory {
	return &memory{now: map[string]*inode{}, durable: map[string]*inode{}}
}

func (m *memory) change(c nameChange) {
	c.apply(m.now)
	m.pending = append(m.pending, c)
}

func (m *memory) step(op local.Op) {
	folder := filepath.Dir(op.Path)
	switch op.Kind {
	case local.OpCreate:
		m.change(nameChange{folder: folder, name: op.Path, content: &inode{}})
	case local.OpWrite:
		m.now[op.Path].data = append(m.now[op.Path].data, op.Data...)
	case local.OpSync:
		m.now[op.Path].synced = bytes.Clone(m.now[op.Path].data)
	case local.OpRename:
		content := m.now[op.Path]
		m.change(nameChange{folder: filepath.Dir(op.To), gone: op.Path, name: op.To, content: content, tree: content == nil})
	case local.OpLink:
		m.change(nameChange{folder: filepath.Dir(op.To), name: op.To, content: m.now[op.Path]})
	case local.OpRemove:
		m.change(nameChange{folder: folder, gone: op.Path})
	case local.OpMakeFolder:
		if _, there := m.now[op.Path]; !there {
			m.change(nameChange{folder: folder, name: op.Path})
		}
	case local.OpSyncFolder:
		m.pending = slices.DeleteFunc(m.pending, func(c nameChange) bool {
			if c.folder == op.Path {
				c.apply(m.durable)
			}
			return c.folder == op.Path
		})
	}
}

// cut is how a power cut treats what was not synced.
type cut func(*rand.Rand) (name bool, content func(*inode) []byte)

func cuts() map[string]cut {
	synced := func(i *inode) []byte { return i.synced }
	return map[string]cut{
		"nothing unsynced is left":   func(*rand.Rand) (bool, func(*inode) []byte) { return false, synced },
		"names are left, no content": func(*rand.Rand) (bool, func(*inode) []byte) { return true, synced },
		"anything may be left": func(r *rand.Rand) (bool, func(*inode) []byte) {
			return r.IntN(2) == 0, func(i *inode) []byte {
				if len(i.synced) == len(i.data) {
					return i.synced
				}
				left := bytes.Clone(i.data[:r.IntN(len(i.data)+1)])
				clear(left[r.IntN(len(left)+1):])
				return left
			}
		},
	}
}

// restore writes what is left after a cut to a folder.
func (m *memory) restore(t *testing.T, c cut, random *rand.Rand, root string) {
	t.Helper()
	names := maps.Clone(m.durable)
	_, content := c(random)
	for _, p := range m.pending {
		if name, _ := c(random); name {
			p.apply(names)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(names)) {
		if !m.reached(names, path) {
			continue
		}
		to := filepath.Join(root, path)
		if i := names[path]; i != nil {
			write(t, to, string(content(i)))
		} else if err := os.MkdirAll(to, 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

// reached reports whether all folders above a path are left. Folders that
// were there before the first step always are.
func (m *memory) reached(names map[string]*inode, path string) bool {
	for up := filepath.Dir(path); up != "/"; up = filepath.Dir(up) {
		_, made := m.now[up]
		if _, left := names[up]; made && !left {
			return false
		}
	}
	return true
}

// recording is a run whose every step was written down.
type recording struct {
	steps []local.Op
	acked []int // steps done when change i+1 was acknowledged
}

// within is a step with paths that start at root.
func within(root string, op local.Op) local.Op {
	op.Data = bytes.Clone(op.Data)
	for _, p := range []*string{&op.Path, &op.To} {
		if *p != "" {
			*p = "/" + strings.TrimPrefix(strings.TrimPrefix(*p, root), "/")
		}
	}
	return op
}

// record plays sets on a real disk. The paths in the recording are relative.
func record(t *testing.T, changes int) (recording, []map[string]string) {
	t.Helper()
	var rec recording
	root := t.TempDir()
	v := &vaultlet{home: filepath.Join(root, "home"), disk: local.Traced(func(op local.Op) error {
		rec.steps = append(rec.steps, within(root, op))
		if op.Kind == local.OpSync || op.Kind == local.OpSyncFolder {
			return local.ErrSkip
		}
		return nil
	})}
	states := []map[string]string{{}}
	for i := range changes {
		next := maps.Clone(states[i])
		edits := map[string]string{}
		for j := range 1 + i%3 {
			name := fmt.Sprintf("%02d%d", (i*7+j)%20, j)
			edits[name] = fmt.Sprintf("value %d %d", i, j)
		}
		maps.Copy(next, edits)
		if _, err := v.set(t.Context(), edits); err != nil {
			t.Fatal(err)
		}
		states = append(states, next)
		rec.acked = append(rec.acked, len(rec.steps))
	}
	return rec, states
}

// TestAPowerCutAtAnyStepLosesNothingAcknowledged plays 30 sets, with a merge
// of packs among them, and cuts the power before every step.
func TestAPowerCutAtAnyStepLosesNothingAcknowledged(t *testing.T) {
	const changes = 30
	rec, states := record(t, changes)
	stride := 43
	if long() {
		stride = 1
	}
	for name, c := range cuts() {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			for k := range len(rec.steps) + 1 {
				if k%stride == 0 || k == len(rec.steps) {
					acked, _ := slices.BinarySearch(rec.acked, k+1)
					checkAfterCut(t, m, c, k, acked, states)
				}
				if k < len(rec.steps) {
					m.step(rec.steps[k])
				}
			}
		})
	}
}

func checkAfterCut(t *testing.T, m *memory, c cut, step, acked int, states []map[string]string) {
	t.Helper()
	root, err := os.MkdirTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(root)
	m.restore(t, c, rand.New(rand.NewPCG(uint64(step), 9)), root)
	v := &vaultlet{home: filepath.Join(root, "home"), disk: unsynced()}
	seq, secrets, err := v.check()
	if err != nil {
		t.Fatalf("cut at step %d, change %d acknowledged: %v", step, acked, err)
	}
	if seq != acked && seq != acked+1 {
		t.Fatalf("cut at step %d: change %d was acknowledged, the head is %d", step, acked, seq)
	}
	if d := cmp.Diff(states[seq], secrets); d != "" && seq > 0 {
		t.Fatalf("cut at step %d: %s", step, d)
	}
	goOn(t, v, root, step, seq)
}

// goOn checks that work continues after a crash: mend, set, and all is there.
func goOn(t *testing.T, v *vaultlet, root string, step, seq int) {
	t.Helper()
	if _, err := v.open(); err != nil {
		t.Fatalf("cut at step %d: %v", step, err)
	}
	v.repo.patience = 1
	if _, err := v.repo.Mend(t.Context()); err != nil {
		t.Fatalf("cut at step %d: mend: %v", step, err)
	}
	if _, err := v.repo.Ref(branch); err != nil && !errors.Is(err, ErrNoRef) {
		t.Fatalf("cut at step %d: %v", step, err)
	}
	got, err := v.set(t.Context(), map[string]string{"zz": "after"})
	if err != nil || got != seq+1 {
		t.Fatalf("cut at step %d: change %d after %d: %v", step, got, seq, err)
	}
	fresh := &vaultlet{home: v.home}
	if _, secrets, err := fresh.check(); err != nil || secrets["zz"] != "after" {
		t.Fatalf("cut at step %d: %v", step, err)
	}
	if step%97 == 0 {
		fsck(t, fresh.repo)
	}
	fresh.repo.Close()
	v.repo.Close()
}

// TestAFullDiskAtAnyStepChangesNothing lets the disk be full from each step
// of a set on, and then free again.
func TestAFullDiskAtAnyStepChangesNothing(t *testing.T) {
	root := t.TempDir()
	step, from := 0, -1
	disk := local.Traced(func(op local.Op) error {
		step++
		switch {
		case from >= 0 && step >= from && (op.Kind == local.OpCreate || op.Kind == local.OpWrite || op.Kind == local.OpMakeFolder || op.Kind == local.OpLink):
			return syscall.ENOSPC
		case op.Kind == local.OpSync, op.Kind == local.OpSyncFolder:
			return local.ErrSkip
		}
		return nil
	})
	v := &vaultlet{home: root, disk: disk}
	want := 0
	for from = 1; from < 400; from++ {
		step = 0
		value := fmt.Sprint("value ", from)
		before, _, err := (&vaultlet{home: root}).check()
		if err != nil {
			t.Fatal(err)
		}
		_, err = v.set(t.Context(), map[string]string{"aa": value})
		seq, secrets, cerr := (&vaultlet{home: root}).check()
		switch {
		case cerr != nil:
			t.Fatalf("full at step %d: %v", from, cerr)
		case err == nil:
			want = seq
		case !errors.Is(err, syscall.ENOSPC):
			t.Fatalf("full at step %d: %v", from, err)
		case seq != before && secrets["aa"] != value:
			t.Fatalf("full at step %d: the head is %d with %q", from, seq, secrets["aa"])
		}
		if err == nil && step < from {
			break // the set was done before the disk was full
		}
	}
	if want == 0 {
		t.Error("no set ever got through")
	}
	from = -1
	for i := range mergePacks + 5 {
		if _, err := v.set(t.Context(), map[string]string{"bb": fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	fresh := &vaultlet{home: root}
	if _, _, err := fresh.check(); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(root, "*/*/repo.git/objects/pack/.secr-tmp-*")); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
	fsck(t, fresh.repo)
}

// TestAPowerCutLosesNoLooseObject is the same for objects in files of their
// own, whose folders are made on the way.
func TestAPowerCutLosesNoLooseObject(t *testing.T) {
	root := t.TempDir()
	m, steps := newMemory(), 0
	var flushed []Hash
	random := rand.New(rand.NewPCG(4, 4))
	check := func() {
		for name, c := range cuts() {
			folder, err := os.MkdirTemp(t.TempDir(), "")
			if err != nil {
				t.Fatal(err)
			}
			m.restore(t, c, random, folder)
			for _, h := range flushed {
				r, err := Open(filepath.Join(folder, "home/repo.git"))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := r.Blob(h); err != nil {
					t.Errorf("%s at step %d: %v", name, steps, err)
				}
			}
		}
	}
	disk := local.Traced(func(op local.Op) error {
		if len(flushed) > 0 {
			check()
		}
		steps++
		m.step(within(root, op))
		return nil
	})
	r, err := CreateOn(disk, filepath.Join(root, "home/repo.git"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		b := r.Batch()
		h := b.Blob(fmt.Appendf(nil, "blob %d", i))
		if err := b.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		flushed = append(flushed, h)
		check()
	}
}
