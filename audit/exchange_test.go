package audit_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/audit"
	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/sync/remote/remotetest"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/local"
	"github.com/secr/secr/vault/team"
	"github.com/secr/secr/vault/vaulttest"
)

func TestAnAuditorWhoOpensNoValueSeesWhoReadWhat(t *testing.T) {
	w := newWorld(t)
	w.ana.read(now+1, "A")
	w.ben.read(now + 2)
	w.ana.read(now+3, "A", "B")
	if x := w.share(w.ana); x.Published != 2 || x.Batches != 1 {
		t.Errorf("ana published %+v", x)
	}
	if x := w.share(w.ben); x.Published != 1 {
		t.Errorf("ben published %+v", x)
	}
	w.fetch(w.carl)
	b := w.carl.branch()
	if len(b.Findings) > 0 {
		t.Errorf("findings: %v", b.Findings)
	}
	got := told(t, w.carl, audit.LogOptions{Branch: b})
	want := []string{"ana read run development *", "ben read run development all", "ana read run development **"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var denied *vault.DeniedError
	if err := w.carl.tryRead(now, "development"); !errors.As(err, &denied) {
		t.Errorf("the auditor reads values: %v", err)
	}
	if out, err := w.carl.vault.List(t.Context(), "development"); !errors.As(err, &denied) {
		t.Errorf("the auditor lists %v, %v", out, err)
	}
}

func TestWhoDoesNotAuditOpensNoReceipt(t *testing.T) {
	w := newWorld(t)
	w.ana.read(now)
	w.share(w.ana)
	w.fetch(w.ben)
	b := w.ben.branch()
	if len(b.Posted) != 1 {
		t.Fatalf("%d batches", len(b.Posted))
	}
	var denied *vault.DeniedError
	for _, err := range audit.Log(t.Context(), w.ben.vault, audit.LogOptions{Branch: b}) {
		if !errors.As(err, &denied) {
			t.Errorf("a developer audits: %v", err)
		}
	}
	tree := remotetest.Run(t, w.host, "ls-tree", "-r", "--name-only", w.tip())
	text := remotetest.Run(t, w.host, "cat-file", "-p", w.tip()) + remotetest.Run(t, w.host, "cat-file", "-p", w.tip()+":"+tree)
	for _, word := range []string{`"program"`, `"npm"`, `"desk"`, "development"} {
		if strings.Contains(text, word) {
			t.Errorf("the host can read %q", word)
		}
	}
}

func TestReceiptsArePublishedOnceEvenIfTheLogIsNotTold(t *testing.T) {
	w := newWorld(t)
	w.ana.read(now)
	w.ana.read(now)
	d, err := audit.Prepare(t.Context(), w.ana.vault, audit.Source{Log: w.ana.log, Now: now}, w.ana.vault.Repo(), hashOf(t, strings.Repeat("0", 40)))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Objects.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	err = w.remote.Transport.Push(t.Context(), remote.Push{URL: w.remote.URL, Ref: "refs/heads/secr/receipts", New: d.Tip, From: w.ana.vault.Repo().Dir()})
	if err != nil {
		t.Fatal(err)
	}
	// Here the machine lost its power: the push is done, and nothing else.
	w.ana.read(now)
	if x := w.share(w.ana); x.Published != 1 {
		t.Errorf("published %+v", x)
	}
	b := w.ana.branch()
	if diff := cmp.Diff([]uint64{1, 3}, firsts(b)); diff != "" || len(b.Findings) > 0 {
		t.Error(diff, b.Findings)
	}
	if x := w.share(w.ana); x.Published != 0 {
		t.Errorf("published again: %+v", x)
	}
}

func firsts(b *audit.Branch) []uint64 {
	var out []uint64
	for _, p := range b.Posted {
		out = append(out, p.First)
	}
	return out
}

func TestManyDevicesPublishAtOnceAndNothingIsLost(t *testing.T) {
	w := newWorld(t)
	const rounds = 4
	people := []*person{w.ana, w.ben, w.carl}
	errs := make(chan error, len(people))
	for _, p := range people {
		go func() {
			for range rounds {
				if p != w.carl {
					if err := p.tryRead(now, "development"); err != nil {
						errs <- err
						return
					}
				}
				if _, err := w.tryShare(p); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for range people {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	w.fetch(w.carl)
	b := w.carl.branch()
	if got := len(told(t, w.carl, audit.LogOptions{Branch: b})); got != 2*rounds || len(b.Findings) > 0 {
		t.Errorf("%d readings, findings %v", got, b.Findings)
	}
}

func TestABranchThatWasSetBackIsPutForwardAgain(t *testing.T) {
	w := newWorld(t)
	w.ana.read(now)
	w.share(w.ana)
	first := w.tip()
	w.ana.read(now)
	w.share(w.ana)
	second := w.tip()
	for name, attack := range map[string]func(){
		"set back": func() { w.setTip(first) },
		"deleted":  func() { remotetest.Run(t, w.host, "update-ref", "-d", "refs/heads/secr/receipts") },
	} {
		attack()
		x := w.share(w.ana)
		if diff := cmp.Diff([]string{"(rewind)"}, classes(x.Findings)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if w.tip() != second {
			t.Errorf("%s: the branch is at %s", name, w.tip())
		}
	}
}

func TestABranchThatWasReplacedIsToldAndForgottenByNobody(t *testing.T) {
	w := newWorld(t)
	w.ana.read(now, "A")
	w.share(w.ana)
	w.fetch(w.carl)
	remotetest.Run(t, w.host, "update-ref", "-d", "refs/heads/secr/receipts")
	w.ben.read(now, "B")
	w.share(w.ben) // he knows nothing of what was there
	x := w.fetch(w.carl)
	if diff := cmp.Diff([]string{"rewind"}, classes(x.Findings)); diff != "" {
		t.Error(diff)
	}
	got := told(t, w.carl, audit.LogOptions{Branch: w.carl.branch()})
	slices.Sort(got)
	if diff := cmp.Diff([]string{"ana read run development *", "ben read run development *"}, got); diff != "" {
		t.Error(diff)
	}
	w.ana.read(now)
	if x := w.share(w.ana); x.Published != 1 || len(x.Known.Lost) != 1 {
		t.Errorf("ana published %+v", x)
	}
}

func TestRubbishOnTheBranchIsToldAndSteppedOver(t *testing.T) {
	w := newWorld(t)
	w.ana.read(now)
	w.share(w.ana)
	rubbish := remotetest.Commit(t, w.host, w.tip(), "README", "free pizza")
	w.setTip(rubbish)
	w.ben.read(now)
	if x := w.share(w.ben); x.Published != 1 {
		t.Errorf("ben published %+v", x)
	}
	w.fetch(w.carl)
	b := w.carl.branch()
	if diff := cmp.Diff([]string{"malformed"}, classes(b.Findings)); diff != "" {
		t.Error(diff)
	}
	if b.Findings[0].Commit.String() != rubbish {
		t.Errorf("the finding is about %s", b.Findings[0].Commit)
	}
	if got := told(t, w.carl, audit.LogOptions{Branch: b}); len(got) != 2 {
		t.Errorf("readings: %q", got)
	}
}

func TestReceiptsStayReadableWhenTheAuditKeyTurns(t *testing.T) {
	w := newWorld(t)
	w.ana.read(now)
	w.share(w.ana)
	vaulttest.Edit(t, w.ana.vault, role("viewer"))
	vaulttest.Edit(t, w.ana.vault, func(p *policyDraft) error {
		r, _ := p.Role("viewer")
		r.Audit = false
		p.PutRole(r)
		return nil
	})
	w.pull()
	if n := w.carl.vault.Policy().Audit().Epoch; n < 2 {
		t.Fatalf("the audit key is at epoch %d", n)
	}
	w.ben.read(now)
	w.share(w.ben)
	w.fetch(w.carl)
	if got := told(t, w.carl, audit.LogOptions{Branch: w.carl.branch()}); len(got) != 2 {
		t.Errorf("readings: %q", got)
	}
}

// elsewhere is another remote.
func (w *world) elsewhere(name string) audit.Remote {
	w.t.Helper()
	h := remotetest.Folder(w.t)
	h.Create(w.t, name)
	u, err := remote.Parse(h.Address(name), remote.FromUser, "")
	if err != nil {
		w.t.Fatal(err)
	}
	return audit.Remote{URL: u, Transport: w.remote.Transport}
}

func TestANewRemoteGetsTheWholeBranch(t *testing.T) {
	w := newWorld(t)
	w.ana.read(now, "A")
	w.share(w.ana)
	w.remote = w.elsewhere("new")
	w.ana.read(now, "B")
	if x := w.share(w.ana); x.Published != 1 || len(x.Findings) > 0 {
		t.Errorf("published %+v", x)
	}
	w.fetch(w.carl) // who never saw the old one
	b := w.carl.branch()
	if got := told(t, w.carl, audit.LogOptions{Branch: b}); len(got) != 2 || len(b.Findings) > 0 {
		t.Errorf("%q, findings %v", got, b.Findings)
	}
}

func TestTwoRemotesAreNoAttack(t *testing.T) {
	w := newWorld(t)
	first, second := w.remote, w.elsewhere("second")
	w.ben.read(now)
	w.share(w.ben)
	w.remote = second
	w.ana.read(now)
	w.share(w.ana) // she knows nothing of the first one
	vaulttest.Edit(t, w.ana.vault, team.Remove("ben"))
	w.ana.read(now)
	w.share(w.ana)
	for range 2 {
		for _, r := range []audit.Remote{second, first} {
			w.remote = r
			if x := w.fetch(w.ana); len(x.Findings) > 0 {
				t.Errorf("findings %v", x.Findings)
			}
		}
	}
	b := w.ana.branch()
	if len(b.Posted) != 3 || len(b.Findings) > 0 {
		t.Errorf("%d batches, findings %v", len(b.Posted), b.Findings)
	}
}

func TestAMemoryThatWasDamagedIsNotBelieved(t *testing.T) {
	w := newWorld(t)
	w.ana.read(now)
	w.share(w.ana)
	path := filepath.Join(w.ana.vault.Local().State(), "receipts-branch")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"empty": "", "cut": string(good[:len(good)-1]), "longer": string(good) + "\n", "word": strings.Replace(string(good), "at ", "is ", 1),
		"hash": strings.Replace(string(good), "at ", "at 0", 1), "first line": strings.Replace(string(good), "1", "2", 1),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var bad *local.FileError
		if _, err := audit.ReadKnown(w.ana.vault); !errors.As(err, &bad) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := w.tryShare(w.ana); !errors.As(err, &bad) {
			t.Errorf("%s: it is published all the same: %v", name, err)
		}
	}
}

func TestReceiptsOnTheBranchAreNotToldAsPending(t *testing.T) {
	w := newWorld(t)
	w.ana.read(now)
	w.ana.read(now)
	pending, err := w.ana.log.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.share(w.ana)
	w.ana.read(now)
	later, err := w.ana.log.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := slices.Concat(pending.Entries, later.Entries)
	if left := w.ana.branch().Unpublished(all); len(left) != 1 || left[0].Number != 3 {
		t.Errorf("%d are pending", len(left))
	}
}

// TestAnOldGlanceAtReceiptsLosesNone: where the branch was seen a while ago is good for
// saving a fetch, and for nothing else.
func TestAnOldGlanceAtReceiptsLosesNone(t *testing.T) {
	w := newWorld(t)
	exchange := func(p *person, tip string) (audit.Exchanged, int) {
		t.Helper()
		g := &remotetest.Glancing{Transport: w.remote.Transport, Tip: hashOf(t, tip)}
		r := w.remote
		r.Transport = g
		x, err := audit.Exchange(t.Context(), p.vault, r, &audit.Source{Log: p.log, Now: now})
		if err != nil {
			t.Fatal(err)
		}
		return x, g.Fetches
	}
	nothing := strings.Repeat("0", 40)
	w.ana.read(now)
	if x, fetches := exchange(w.ana, nothing); fetches != 0 || x.Published != 1 {
		t.Errorf("the first: %d fetches, %+v", fetches, x)
	}
	first := w.tip()
	if x, fetches := exchange(w.ana, first); fetches != 0 || x.Published != 0 {
		t.Errorf("nothing to do: %d fetches, %+v", fetches, x)
	}
	w.ben.read(now)
	w.share(w.ben)
	w.ana.read(now)
	if x, fetches := exchange(w.ana, first); fetches != 1 || x.Published != 1 {
		t.Errorf("after ben: %d fetches, %+v", fetches, x)
	}
	last := w.tip()
	for what, tip := range map[string]string{"gone": nothing, "set back": first, "unknown": strings.Repeat("1", 40)} {
		if x, fetches := exchange(w.ana, tip); fetches != 1 || len(x.Findings) > 0 || w.tip() != last {
			t.Errorf("a glance at a branch that seemed %s: %d fetches, %+v", what, fetches, x)
		}
	}
	if b := w.ana.branch(); len(b.Posted) != 3 || len(b.Findings) > 0 {
		t.Errorf("%d batches, %v", len(b.Posted), b.Findings)
	}
}

func TestRubbishThatAPersonHasLookedAtIsANoteAndNewRubbishIsNot(t *testing.T) {
	w := newWorld(t)
	w.ana.read(now)
	w.share(w.ana)
	rubbish := func(parent string) {
		w.setTip(remotetest.Commit(t, w.host, parent, "README", "free pizza"))
		w.fetch(w.ana)
	}
	rubbish("") // instead of what was there
	if known, err := audit.ReadKnown(w.ana.vault); err != nil || len(known.Warnings()) != 2 {
		t.Errorf("%+v, %v", known, err)
	}
	w.ben.read(now)
	w.share(w.ben)
	w.fetch(w.ana)
	if v := verdict(t, w.ana, audit.VerifyOptions{All: true}); v.Broken() == nil {
		t.Error("it verifies before somebody has looked at it")
	}
	done, err := audit.Accept(t.Context(), w.ana.vault)
	if err != nil || done != (audit.Accepted{Lines: 1, Strays: 1}) {
		t.Errorf("%+v, %v", done, err)
	}
	w.ana.read(now)
	w.share(w.ana)
	v := verdict(t, w.ana, audit.VerifyOptions{})
	if diff := cmp.Diff([]string{"(malformed)"}, classes(v.Findings)); diff != "" {
		t.Error(diff)
	}
	if known, err := audit.ReadKnown(w.ana.vault); err != nil || len(known.Warnings()) != 0 {
		t.Errorf("%+v, %v", known, err)
	}
	if got := told(t, w.ana, audit.LogOptions{Branch: w.ana.branch()}); len(got) != 3 {
		t.Errorf("readings: %q", got)
	}
	rubbish(w.tip())
	if v := verdict(t, w.ana, audit.VerifyOptions{}); v.Broken() == nil || v.Broken().Class != audit.Malformed {
		t.Errorf("new rubbish: %v", v.Findings)
	}
	if known, err := audit.ReadKnown(w.ana.vault); err != nil || len(known.Warnings()) != 1 {
		t.Errorf("%+v, %v", known, err)
	}
}
