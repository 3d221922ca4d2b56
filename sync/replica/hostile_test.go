package replica_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/sync/replica"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/chain/chaintest"
	"github.com/secr/secr/vault/change"
	"github.com/secr/secr/vault/record"
	"github.com/secr/secr/vault/repo"
)

// before is what a client had before the host lied.
type before struct {
	head   chain.Head
	pin    any
	values map[string]string
}

func (c *client) now() before {
	c.l.t.Helper()
	pins, err := c.v.Local().Pins()
	if err != nil {
		c.l.t.Fatal(err)
	}
	return before{c.v.Head(), pins, c.values()}
}

// untouched holds that a refusal changed nothing.
func (c *client) untouched(was before) {
	c.l.t.Helper()
	now := c.now()
	if diff := cmp.Diff(fmt.Sprintf("%+v", was), fmt.Sprintf("%+v", now)); diff != "" {
		c.l.t.Errorf("the client changed (-was +is):\n%s", diff)
	}
}

// refused holds that a sync fails with this kind of bad head, in clean words.
func (c *client) refused(want replica.BadKind) error {
	c.l.t.Helper()
	was := c.now()
	_, err := c.r.Sync(c.l.t.Context())
	if badKind(err) != want {
		c.l.t.Errorf("the sync gave %v, want: %s", err, want)
	}
	if err != nil {
		text := strings.ReplaceAll(err.Error(), c.l.url.String(), "REMOTE") // a test's folder has a long name
		if text != strings.ReplaceAll(remote.CleanLines(text), "\n", " ") || len(text) > 600 {
			c.l.t.Errorf("the message is not fit for a terminal: %q", text)
		}
	}
	c.untouched(was)
	return err
}

// lie is what a host can do after everybody has synced once.
type lie struct {
	do   func(h *world)
	want replica.BadKind
}

// extra puts one entry into the root of a tree.
func extra(mode, name string) func(h *world) {
	return func(h *world) {
		spoil := func(lines []line) []line {
			blob := h.object("blob", "x")
			at := line{mode, name, blob}
			switch mode {
			case "160000":
				at.id = h.w.State.Head().ID
			case "40000":
				at.id = h.tree([]line{{"100644", "x", blob}})
			}
			return sorted(append(lines, at))
		}
		h.serve(h.w.Set(h.w.Ana, policy.Development, "A", "a3"), spoil)
	}
}

// replaceIn changes the entry of a path by what f makes of its folder's lines.
func (h *world) replaceIn(tree repo.Hash, folder string, f func([]line) []line) repo.Hash {
	name, rest, deeper := strings.Cut(folder, "/")
	lines := h.lines(tree)
	for i := range lines {
		if lines[i].name != name {
			continue
		}
		if deeper {
			lines[i].id = h.replaceIn(lines[i].id, rest, f)
		} else {
			lines[i].id = h.tree(f(h.lines(lines[i].id)))
		}
	}
	return h.tree(lines)
}

// over signs an honest set by ana over another tree than it makes.
func over(spoil func(h *world, tree repo.Hash) repo.Hash) func(*world) {
	return func(h *world) {
		d := h.w.Set(h.w.Ana, policy.Development, "A", "a3")
		tree := spoil(h, h.files(h.treeOf(d.Parent.Head().ID), h.w.Seal(d).Touched, nil))
		d.Change = func(c *change.Draft) { c.Tree = tree }
		s := h.w.Seal(d)
		h.point(h.object("commit", string(s.Raw)))
	}
}

func (h *world) path(environment, name string) string {
	return chain.SecretPath(environment, h.w.SecretID(environment, name))
}

func (h *world) fileOf(path string) []byte {
	return []byte(h.kept[h.blobAt(path)])
}

// blobAt is the blob at a path of the honest head.
func (h *world) blobAt(path string) repo.Hash {
	hash, _, _ := h.w.State.File(path)
	return hash
}

// lies are what the host tries, by name.
func lies() map[string]lie {
	set := func(h *world, by *chaintest.Actor) *chaintest.Draft {
		return h.w.Set(by, policy.Development, "A", "a3")
	}
	return map[string]lie{
		"older head":       {func(h *world) { h.point(h.w.States[3].Head().ID) }, replica.Rewound},
		"founding head":    {func(h *world) { h.point(h.w.States[0].Head().ID) }, replica.Rewound},
		"deleted branch":   {func(h *world) { h.git("update-ref", "-d", replica.Branch) }, replica.Gone},
		"another vault":    {otherVault, replica.OtherVault},
		"fork":             {func(h *world) { h.forkAt(3, "forked") }, replica.Forked},
		"longer fork":      {func(h *world) { h.forkAt(3, "x", "y", "z", "w", "v", "u") }, replica.Forked},
		"not signed":       {func(h *world) { h.servedRaw(set(h, h.ben), unsigned) }, replica.Invalid},
		"signed by nobody": {func(h *world) { h.serve(set(h, h.w.NewActor("mallory")), nil) }, replica.Invalid},
		"signed by another key": {func(h *world) {
			d := set(h, h.w.Ana)
			d.Sign = h.ben.Signer.SignCommit
			h.serve(d, nil)
		}, replica.Invalid},
		"by who may only read": {func(h *world) { h.serve(set(h, h.cleo), nil) }, replica.Invalid},
		"escalation in the same change": {func(h *world) {
			d := h.w.Edit(h.cleo, func(p *policy.Policy) {
				m, _ := p.MemberByHandle("cleo")
				m.Roles = []string{policy.Admin}
				p.PutMember(m)
			})
			h.w.Write(d, policy.Development, chaintest.Plain{Name: "A", Value: []byte("a3")}, nil)
			h.serve(d, nil)
		}, replica.Invalid},
		"merge":              {func(h *world) { h.servedRaw(set(h, h.ben), merge(h)) }, replica.Invalid},
		"an extra header":    {func(h *world) { h.servedRaw(set(h, h.ben), insert("author ", "encoding latin1\n")) }, replica.Invalid},
		"escape in the text": {func(h *world) { h.servedRaw(set(h, h.ben), swap("a change for a test", "\x1b[2J\x1b]0;owned\x07 ok")) }, replica.Invalid},
		"a number too high":  {func(h *world) { d := set(h, h.ben); d.Change = func(c *change.Draft) { c.Seq += 5 }; h.serve(d, nil) }, replica.Invalid},
		"a number again":     {func(h *world) { d := set(h, h.ben); d.Change = func(c *change.Draft) { c.Seq-- }; h.serve(d, nil) }, replica.Invalid},
		"another parent's sum": {func(h *world) {
			d := set(h, h.ben)
			d.Change = func(c *change.Draft) { c.ParentSum[0] ^= 1 }
			h.serve(d, nil)
		}, replica.Invalid},
		"one path too many": {extra("100644", "README"), replica.Invalid},
		"symlink":           {extra("120000", "link"), replica.Invalid},
		"submodule":         {extra("160000", "module"), replica.Invalid},
		"executable":        {extra("100755", "run.sh"), replica.Invalid},
		"folder":            {extra("40000", "hooks"), replica.Invalid},
		".git":              {extra("40000", ".git"), replica.Invalid},
		".GIT":              {extra("40000", ".GIT"), replica.Invalid},
		"git~1":             {extra("40000", "git~1"), replica.Invalid},
		".gitmodules":       {extra("100644", ".gitmodules"), replica.Invalid},
		".gitattributes":    {extra("100644", ".gitattributes"), replica.Invalid},
		"case collision":    {extra("100644", "VAULT.json"), replica.Invalid},
		"escape in a name":  {extra("100644", "\x1b[31mx"), replica.Invalid},
		"dot dot":           {extra("40000", ".."), replica.Invalid},
		"an entry twice": {over(func(h *world, tree repo.Hash) repo.Hash {
			lines := h.lines(tree)
			return h.tree(append(lines, lines[len(lines)-1]))
		}), replica.Invalid},
		"entries out of order": {over(func(h *world, tree repo.Hash) repo.Hash {
			lines := h.lines(tree)
			lines[0], lines[1] = lines[1], lines[0]
			return h.tree(lines)
		}), replica.Invalid},
		"a deep tree": {over(func(h *world, tree repo.Hash) repo.Hash {
			deep := h.tree([]line{{"100644", "x", h.object("blob", "x")}})
			for range 300 {
				deep = h.tree([]line{{"40000", "d", deep}})
			}
			return h.tree(sorted(append(h.lines(tree), line{"40000", "deep", deep})))
		}), replica.Invalid},
		"an executable record": {over(func(h *world, tree repo.Hash) repo.Hash {
			path := h.path(policy.Development, "B")
			return h.replaceIn(tree, path[:strings.LastIndexByte(path, '/')], func(l []line) []line { l[0].mode = "100755"; return l })
		}), replica.Invalid},
		"vault.json changed": {touch(func(h *world) (string, []byte) {
			return policy.FoundingPath, bytes.Replace(h.fileOf(policy.FoundingPath), []byte("1"), []byte("2"), 1)
		}), replica.Invalid},
		"vault.json gone": {touch(func(*world) (string, []byte) { return policy.FoundingPath, nil }), replica.Invalid},
		"a wrap replaced": {touch(func(h *world) (string, []byte) { p := h.aWrap(); return p, append(h.fileOf(p), 0) }), replica.Invalid},
		"a wrap added": {touch(func(h *world) (string, []byte) {
			p := h.aWrap()
			return strings.TrimSuffix(p, ".age") + "x.age", h.fileOf(p)
		}), replica.Invalid},
		"a wrap taken out": {touch(func(h *world) (string, []byte) { return h.aWrap(), nil }), replica.Invalid},
		"record under another name": {touch(func(h *world) (string, []byte) {
			return h.path(policy.Development, "NEW"), h.fileOf(h.path(policy.Development, "A"))
		}), replica.Invalid},
		"record in another environment": {touch(func(h *world) (string, []byte) {
			return h.path(policy.Production, "A"), h.fileOf(h.path(policy.Development, "A"))
		}), replica.Invalid},
		"record over another": {touch(func(h *world) (string, []byte) {
			return h.path(policy.Development, "B"), h.fileOf(h.path(policy.Development, "A"))
		}), replica.Invalid},
		"an older record again": {touch(func(h *world) (string, []byte) {
			e, _ := h.w.States[3].Secret(policy.Development, h.w.SecretID(policy.Development, "A"))
			return e.Path, []byte(h.kept[e.Hash])
		}), replica.Invalid},
		"a record taken out": {touch(func(h *world) (string, []byte) { return h.path(policy.Development, "B"), nil }), replica.Invalid},
		"a version too high": {func(h *world) {
			d := h.w.Draft(h.ben)
			h.w.Write(d, policy.Development, chaintest.Plain{Name: "A", Value: []byte("x")}, func(in *record.SealInput) { in.Header.Version += 3 })
			h.serve(d, nil)
		}, replica.Invalid},
	}
}

// TestEveryLieIsRefusedByWhoHasSeenMore tells one client all lies, one after the other. It
// stays as it was, so the next lie meets the same client.
func TestEveryLieIsRefusedByWhoHasSeenMore(t *testing.T) {
	h := newWorld(t)
	ben := h.machineOf(h.ben).clone()
	honest := h.w.State.Head()
	for name, c := range lies() {
		t.Run(name, func(t *testing.T) {
			h.t, ben.l.t = t, t
			defer h.point(honest.ID)
			c.do(h)
			ben.refused(c.want)
		})
	}
}

// TestALieIsRefusedByAFreshCloneAndRepairedByAnyMember is the same from the other side:
// who has seen nothing, and who puts the branch right.
func TestALieIsRefusedByAFreshCloneAndRepairedByAnyMember(t *testing.T) {
	all := lies()
	names := []string{"older head", "deleted branch", "not signed", "by who may only read", "merge", "symlink", "a deep tree", "a wrap added", "fork", "another vault"}
	if os.Getenv("SECR_TEST_LONG") == "1" {
		names = slices.Sorted(maps.Keys(all))
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			c := all[name]
			h := newWorld(t)
			ben := h.machineOf(h.ben).clone()
			c.do(h)
			v, err := h.machineOf(h.cleo).tryClone(replica.CloneOptions{})
			if c.want == replica.Invalid && badKind(err) != replica.Invalid {
				t.Errorf("a fresh clone gave %v", err)
			}
			if err == nil {
				v.Close()
			}
			h.repair(t, ben, ben.refused(c.want))
		})
	}
}

// repair lets any member put the branch right, after which everybody goes on.
func (h *world) repair(t *testing.T, ben *client, err error) {
	t.Helper()
	var bad *replica.BadHeadError
	if !errors.As(err, &bad) {
		return
	}
	keep := replica.KeepNothing
	mender := ben
	if bad.Kind == replica.Forked || bad.Kind == replica.OtherVault {
		if _, err := ben.r.Repair(t.Context(), replica.KeepOurs); !errors.Is(err, replica.ErrChoose) {
			t.Errorf("who doesn't manage chose between histories: %v", err)
		}
		return
	}
	if bad.Kind != replica.Gone && bad.Evidence == "" {
		t.Error("no evidence was kept")
	}
	got, err := mender.r.Repair(t.Context(), keep)
	if err != nil {
		t.Fatalf("repair: %v", err)
	}
	if h.tip() != hexID(h.w.State.Head().ID) || got.Now.Seq != h.w.State.Head().Seq {
		t.Errorf("the branch stands at %s, want %s", h.tip(), hexID(h.w.State.Head().ID))
	}
	if bad.Evidence != "" {
		if kept, err := ben.v.Repo().Ref(bad.Evidence); err != nil || kept != bad.Tip {
			t.Errorf("the evidence is %v, %v", kept, err)
		}
	}
	ben.set("AFTER", "repair")
	ben.sync()
	if _, err := ben.r.Repair(t.Context(), keep); !errors.Is(err, replica.ErrNothingToRepair) {
		t.Errorf("a good head was repaired: %v", err)
	}
}

// touch signs, by ana, a change that puts one file where it doesn't belong.
func touch(f func(h *world) (string, []byte)) func(*world) {
	return func(h *world) {
		d := h.w.Draft(h.w.Ana)
		path, data := f(h)
		d.Files[path] = data
		h.serve(d, nil)
	}
}

// aWrap is the path of a role's key, wrapped to somebody.
func (h *world) aWrap() string {
	for f := range h.w.State.Files("keys/roles/" + policy.Developer) {
		return f.Path
	}
	h.t.Fatal("no wrap")
	return ""
}

func otherVault(h *world) {
	other := chaintest.New(h.t)
	other.Commit(other.Set(other.Ana, policy.Development, "A", "theirs"))
	mine := h.w
	h.w = other
	h.serveAll()
	h.w = mine
}

// forkAt serves another valid history after a change.
func (h *world) forkAt(seq int, values ...string) {
	h.t.Helper()
	head := h.w.State
	h.w.State = h.w.States[seq-1]
	for _, v := range values {
		d := h.w.Set(h.w.Ana, policy.Development, "A", v)
		s := h.w.Seal(d)
		next, err := chaintest.Apply(d.Parent, s)
		if err != nil {
			h.t.Fatal(err)
		}
		h.point(h.write(s, d.Parent.Head().ID, nil))
		h.w.State = next
	}
	h.w.State = head
}

// servedRaw serves an honest draft whose raw commit is altered after it was signed.
func (h *world) servedRaw(d *chaintest.Draft, alter func([]byte) []byte) {
	h.t.Helper()
	d.Raw = alter
	h.serve(d, nil)
}

func unsigned(raw []byte) []byte {
	head, rest, _ := bytes.Cut(raw, []byte("gpgsig "))
	_, message, _ := bytes.Cut(rest, []byte("\n\n"))
	return append(append(bytes.Clone(head), '\n'), message...)
}

func merge(h *world) func([]byte) []byte {
	return insert("author ", "parent "+hexID(h.w.States[2].Head().ID)+"\n")
}

func insert(before, text string) func([]byte) []byte {
	return func(raw []byte) []byte { return bytes.Replace(raw, []byte(before), []byte(text+before), 1) }
}

func swap(old, new string) func([]byte) []byte {
	return func(raw []byte) []byte { return bytes.Replace(raw, []byte(old), []byte(new), 1) }
}

func TestGarbageForACommitIsRefused(t *testing.T) {
	h := newWorld(t)
	ben := h.machineOf(h.ben).clone()
	h.point(h.object("commit", "tree \x1b[31m\n\nhello"))
	for _, native := range []bool{false, true} {
		if native {
			ben.native()
		}
		was := ben.now()
		if _, err := ben.deciding(nil).r.Sync(t.Context()); err == nil || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("the sync gave %v", err)
		}
		ben.untouched(was)
	}
}

func TestOddTimesAreNoLie(t *testing.T) {
	h := newWorld(t)
	ben := h.machineOf(h.ben).clone()
	d := h.w.Set(h.w.Ana, policy.Development, "A", "a3")
	d.Time = 5
	h.honest(d)
	ben.sync()
	wantValues(t, ben, map[string]string{"A": "a3", "B": "b1"})
}

func TestAForkIsProvenByTwoClientsAndChosenByAManager(t *testing.T) {
	h := newWorld(t)
	ana, ben := h.machineOf(h.w.Ana).clone(), h.machineOf(h.ben).clone()
	base := len(h.w.States)
	// The host shows one history to ana and another to ben.
	h.honest(h.w.Set(h.ben, policy.Development, "A", "for ana"))
	ana.sync()
	good := h.tip()
	h.forkAt(base, "for ben")
	ben.sync()
	forked := h.tip()
	ana.refused(replica.Forked)
	h.point(id(good))
	ben.refused(replica.Forked)
	// A floor told by somebody else proves it, too.
	fresh := h.machineOf(h.cleo)
	h.point(id(forked))
	if _, err := fresh.tryClone(replica.CloneOptions{Floor: ana.v.Head().Point()}); badKind(err) != replica.Forked {
		t.Errorf("a clone against the floor gave %v", err)
	}
	if _, err := ana.r.Repair(t.Context(), replica.KeepNothing); !errors.Is(err, replica.ErrChoose) {
		t.Errorf("a fork was repaired without a choice: %v", err)
	}
	if _, err := ana.r.Repair(t.Context(), replica.KeepOurs); err != nil {
		t.Fatal(err)
	}
	if h.tip() != good {
		t.Error("the branch isn't what the manager kept")
	}
}

func TestAManagerCanTakeTheOtherHistory(t *testing.T) {
	h := newWorld(t)
	ana := h.machineOf(h.w.Ana).clone()
	base := len(h.w.States)
	h.honest(h.w.Set(h.ben, policy.Development, "B", "ben's"))
	ana.sync()
	ana.set("MINE", "m1")
	h.forkAt(base, "forked")
	ana.refused(replica.Forked)
	if _, err := ana.r.Repair(t.Context(), replica.KeepTheirs); err != nil {
		t.Fatal(err)
	}
	wantValues(t, ana, map[string]string{"A": "forked", "B": "b1", "MINE": "m1"})
	list, err := replica.ListAside(ana.v)
	if err != nil || len(list) != 1 {
		t.Errorf("ben's change is not kept: %v, %v", list, err)
	}
}

func TestADroppedRevocationIsRefusedWithAPinOrAFloor(t *testing.T) {
	h := newWorld(t)
	ben := h.machineOf(h.ben).clone()
	revoked := h.w.State.Head()
	h.honest(h.w.Remove(h.w.Ana, h.cleo))
	ben.sync()
	h.point(revoked.ID)
	ben.refused(replica.Rewound)
	m := h.machineOf(h.ben)
	if _, err := m.tryClone(replica.CloneOptions{Floor: ben.v.Head().Point()}); badKind(err) != replica.Rewound {
		t.Errorf("a clone against the floor gave %v", err)
	}
	// Without either, nobody could know: the clone shows its head for a person to compare.
	v, err := m.tryClone(replica.CloneOptions{})
	if err != nil || v.Head().Sum != revoked.Sum {
		t.Errorf("a clone without a floor gave %v", err)
	}
	v.Close()
	// What the removed member signs on the old head is a fork for who saw the removal.
	h.w.State = h.w.States[len(h.w.States)-2]
	h.serve(h.w.Set(h.ben, policy.Development, "A", "on the old head"), nil)
	ben.refused(replica.Forked)
}

// TestASecondChainByTheFounderHimself: who founded the vault can sign a second beginning
// of the same id. A floor tells them apart.
func TestASecondChainByTheFounderHimself(t *testing.T) {
	h := newWorld(t)
	ben := h.machineOf(h.ben).clone()
	floor := ben.v.Head().Point()
	h.forkAt(1, "ex-founder's")
	ben.refused(replica.Forked)
	if _, err := h.machineOf(h.w.Ana).tryClone(replica.CloneOptions{Floor: floor}); badKind(err) != replica.Rewound {
		t.Errorf("a shorter second chain against the floor gave %v", err)
	}
	h.forkAt(1, "1", "2", "3", "4", "5", "6", "7", "8")
	if _, err := h.machineOf(h.w.Ana).tryClone(replica.CloneOptions{Floor: floor}); badKind(err) != replica.Forked {
		t.Errorf("a longer second chain against the floor gave %v", err)
	}
}

func TestRepairDropsNoChangeThatVerifies(t *testing.T) {
	h := newWorld(t)
	ben, cleo := h.machineOf(h.ben).clone(), h.machineOf(h.cleo).clone()
	h.honest(h.w.Set(h.w.Ana, policy.Development, "A", "a3"))
	h.honest(h.w.Set(h.w.Ana, policy.Development, "B", "b2"))
	good := h.w.State.Head()
	h.serve(h.w.Set(h.cleo, policy.Development, "A", "no right"), nil)
	ben.refused(replica.Invalid)
	got, err := cleo.r.Repair(t.Context(), replica.KeepNothing)
	if err != nil {
		t.Fatal(err)
	}
	if got.Now.Seq != good.Seq || h.tip() != hexID(good.ID) {
		t.Errorf("the branch stands at %s, want the newest valid change %s", h.tip(), hexID(good.ID))
	}
	ben.sync()
	wantValues(t, ben, map[string]string{"A": "a3", "B": "b2"})
}

func TestARepairLosesAgainstAPushThatCameBetween(t *testing.T) {
	h := newWorld(t)
	ben := h.machineOf(h.ben).clone()
	h.serve(h.w.Set(h.cleo, policy.Development, "A", "no right"), nil)
	ben.transport = &interrupted{Transport: ben.transport, before: func() {
		h.point(h.w.State.Head().ID)
		h.honest(h.w.Set(h.w.Ana, policy.Development, "A", "a3"))
	}}
	ben.deciding(nil)
	if _, err := ben.r.Repair(t.Context(), replica.KeepNothing); remote.KindOf(err) != remote.Moved {
		t.Errorf("the repair gave %v", err)
	}
	if h.tip() != hexID(h.w.State.Head().ID) {
		t.Error("the repair displaced a valid push")
	}
}
