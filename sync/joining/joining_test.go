package joining_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/sync/joining"
	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/sync/remote/remotetest"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/team"
	"github.com/secr/secr/vault/vaulttest"
)

// host is a remote in a folder, a vault of ana's, and a way to the first.
type host struct {
	dir   string
	place joining.Place
	v     *vault.Vault
}

func newHost(t *testing.T, native bool) host {
	t.Helper()
	folder := remotetest.Folder(t)
	dir := folder.Create(t, "team")
	u, err := remote.Parse(folder.Address("team"), remote.FromUser, "")
	if err != nil {
		t.Fatal(err)
	}
	h := host{dir: dir, place: joining.Place{URL: u, Transport: remote.NewBuiltin(remote.BuiltinOptions{})}, v: vaulttest.NewMachine(t).Init(t)}
	if native {
		h.place.Transport = remote.NewNative(remote.NativeOptions{Git: remotetest.Git(t), Environ: remotetest.Env(t)})
	}
	return h
}

func (h host) request(t *testing.T, handle string) team.Request {
	t.Helper()
	r, err := team.NewRequestWithoutInvite(vaulttest.NewMachine(t).Seed, team.PlaceOf(h.v), team.RequestOptions{
		Handle: handle, Name: "A name", Device: "laptop", Kind: policy.Machine,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (h host) leave(t *testing.T, r team.Request) {
	t.Helper()
	s := joining.Scratch{Folder: filepath.Join(t.TempDir(), "scratch"), Time: vaulttest.Now}
	if err := joining.Leave(t.Context(), h.place, r, s); err != nil {
		t.Fatal(err)
	}
}

func (h host) look(t *testing.T) joining.Found {
	t.Helper()
	found, err := joining.Look(t.Context(), h.place, h.v)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := joining.Kept(h.v)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(handles(found), handles(kept)); diff != "" {
		t.Errorf("what was kept: %s", diff)
	}
	return found
}

func handles(f joining.Found) []string {
	out := []string{}
	for _, a := range f.Asked {
		out = append(out, a.Request.Handle)
	}
	return out
}

// plant puts a text at a branch, as anybody can with stock git.
func (h host) plant(t *testing.T, id, text string) {
	t.Helper()
	blob := strings.TrimSpace(remotetest.RunInput(t, h.dir, text, "hash-object", "-w", "--stdin"))
	tree := strings.TrimSpace(remotetest.RunInput(t, h.dir, "100644 blob "+blob+"\trequest\n", "mktree"))
	tip := strings.TrimSpace(remotetest.Run(t, h.dir, "commit-tree", "-m", "x", tree))
	remotetest.Run(t, h.dir, "update-ref", joining.Folder+id, tip)
}

func TestRequestsAreLeftFoundAndTaken(t *testing.T) {
	for name, native := range map[string]bool{"builtin": false, "native": true} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, native)
			if got := h.look(t); len(got.Asked) != 0 {
				t.Fatalf("%+v", got)
			}
			ben, cleo := h.request(t, "ben"), h.request(t, "cleo")
			h.leave(t, ben)
			h.leave(t, ben) // again, as people do
			h.leave(t, cleo)
			found := h.look(t)
			if len(found.Asked) != 2 || len(found.Rubbish) != 0 {
				t.Fatalf("%+v", found)
			}
			for _, a := range found.Asked {
				want := map[string]team.Request{"ben": ben, "cleo": cleo}[a.Request.Handle]
				if diff := cmp.Diff(want, a.Request); diff != "" || a.ID != want.DeviceID() {
					t.Errorf("%s: %s", a.ID, diff)
				}
			}
			// Who is admitted waits no more, even where the branch can't be removed.
			vaulttest.Edit(t, h.v, team.Admit(team.Admission{Handle: "ben", Kind: policy.Person, Roles: []string{policy.Viewer}, Device: ben.Entry()}))
			if diff := cmp.Diff([]string{"cleo"}, handles(h.look(t))); diff != "" {
				t.Error(diff)
			}
			for _, a := range found.Asked {
				if err := joining.Take(t.Context(), h.place, h.v, a); err != nil {
					t.Fatal(err)
				}
			}
			if got := h.look(t); len(got.Asked)+len(got.Rubbish) != 0 {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestABetterRequestReplacesAnOlderOne(t *testing.T) {
	h := newHost(t, false)
	m := vaulttest.NewMachine(t)
	for _, handle := range []string{"ben", "benny"} {
		r, err := team.NewRequestWithoutInvite(m.Seed, team.PlaceOf(h.v), team.RequestOptions{Handle: handle, Device: "laptop", Kind: policy.Machine})
		if err != nil {
			t.Fatal(err)
		}
		h.leave(t, r)
		if diff := cmp.Diff([]string{handle}, handles(h.look(t))); diff != "" {
			t.Error(diff)
		}
	}
}

func TestARequestOnAStrangeBranchIsRubbish(t *testing.T) {
	h := newHost(t, true)
	good, other := h.request(t, "ben"), h.request(t, "eve")
	text, err := good.Text()
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := newHost(t, false).request(t, "ben")
	strange, err := elsewhere.Text()
	if err != nil {
		t.Fatal(err)
	}
	h.plant(t, other.DeviceID(), string(text)) // on the branch of another device
	h.plant(t, elsewhere.DeviceID(), string(strange))
	for i, text := range []string{
		"", "{}", "\x1b]0;owned\a\x1b[2J", strings.Repeat("x", team.MaxRequest+1), strings.Repeat("y", 4<<20),
		strings.Replace(string(text), `"ben"`, `"eve"`, 1) + " ", strings.Replace(string(text), `"name": "A name"`, `"name": "\u001b[2J"`, 1),
	} {
		h.plant(t, strings.Repeat("a", 25)+string(rune('a'+i)), text)
	}
	h.plant(t, "UPPER", string(text))
	h.plant(t, "a/b", string(text))
	found := h.look(t)
	if len(found.Asked) != 0 || len(found.Rubbish) != 10 {
		t.Errorf("%d asked, rubbish %q", len(found.Asked), found.Rubbish)
	}
	// The good one is found among all of it, and only it.
	h.leave(t, good)
	if diff := cmp.Diff([]string{"ben"}, handles(h.look(t))); diff != "" {
		t.Error(diff)
	}
}

// What else a commit can be made of: links, folders, more files, a history.
func TestOtherShapesAreRubbish(t *testing.T) {
	h := newHost(t, true)
	r := h.request(t, "ben")
	text, err := r.Text()
	if err != nil {
		t.Fatal(err)
	}
	blob := strings.TrimSpace(remotetest.RunInput(t, h.dir, string(text), "hash-object", "-w", "--stdin"))
	empty := strings.TrimSpace(remotetest.RunInput(t, h.dir, "", "mktree"))
	inner := strings.TrimSpace(remotetest.RunInput(t, h.dir, "100644 blob "+blob+"\trequest\n", "mktree"))
	for name, tree := range map[string]string{
		"a link":     "120000 blob " + blob + "\trequest\n",
		"a folder":   "040000 tree " + inner + "\trequest\n",
		"a program":  "100755 blob " + blob + "\trequest\n",
		"two files":  "100644 blob " + blob + "\trequest\n100644 blob " + blob + "\tsecond\n",
		"other name": "100644 blob " + blob + "\trequests\n",
		"nothing":    "",
	} {
		made := empty
		if tree != "" {
			made = strings.TrimSpace(remotetest.RunInput(t, h.dir, tree, "mktree"))
		}
		tip := strings.TrimSpace(remotetest.Run(t, h.dir, "commit-tree", "-m", "x", made))
		remotetest.Run(t, h.dir, "update-ref", joining.Folder+r.DeviceID(), tip)
		if found := h.look(t); len(found.Asked) != 0 || len(found.Rubbish) != 1 {
			t.Errorf("%s: %+v", name, found)
		}
	}
	tip := strings.TrimSpace(remotetest.Run(t, h.dir, "commit-tree", "-m", "0", inner))
	for i := range 20 {
		tip = strings.TrimSpace(remotetest.Run(t, h.dir, "commit-tree", "-p", tip, "-m", fmt.Sprint(i), inner))
	}
	remotetest.Run(t, h.dir, "update-ref", joining.Folder+r.DeviceID(), tip)
	if found := h.look(t); len(found.Asked) != 0 || len(found.Rubbish) != 1 {
		t.Errorf("a history: %+v", found)
	}
}

func TestAFloodOfBranchesIsBounded(t *testing.T) {
	h := newHost(t, false)
	h.plant(t, strings.Repeat("z", 26), "x")
	tip := strings.TrimSpace(remotetest.Run(t, h.dir, "rev-parse", joining.Folder+strings.Repeat("z", 26)))
	var updates strings.Builder
	for i := range 500 {
		fmt.Fprintf(&updates, "create %sflood-%04d %s\n", joining.Folder, i, tip)
	}
	remotetest.RunInput(t, h.dir, updates.String(), "update-ref", "--stdin")
	found := h.look(t)
	if len(found.Rubbish) != joining.MaxBranches || found.Left != 501-joining.MaxBranches {
		t.Errorf("%d rubbish, %d left", len(found.Rubbish), found.Left)
	}
}
