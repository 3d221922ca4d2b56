package audit_test

import (
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/audit"
	"github.com/secr/secr/audit/batch"
	"github.com/secr/secr/audit/receipt"
	"github.com/secr/secr/keys/wrap"
	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/vault/change"
	"github.com/secr/secr/vault/repo"
	"github.com/secr/secr/vault/team"
	"github.com/secr/secr/vault/vaulttest"
)

// forgery is a batch that a changed client makes of what a member's log holds.
type forgery struct {
	draft   batch.Draft
	entries []receipt.Entry
	folder  string // in the tree; "" is the device's
	file    []byte // nil is what the entries give
	signer  *person
	drop    bool // of the file
}

// forge publishes a batch by p's device after edit has changed it.
func (w *world) forge(p *person, edit func(*forgery)) repo.Hash {
	w.t.Helper()
	who, _, err := p.vault.Signer(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	pending, err := p.log.Read(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	f := forgery{entries: pending.Entries, signer: p}
	f.draft = batch.Draft{
		Author: change.Author{Handle: who.Member.Handle, Device: who.Device.ID, Vault: p.vault.ID()},
		Time:   now, First: pending.Sent.Number + 1, Previous: pending.Sent.Sum, Last: pending.Last.Number, Sum: pending.Last.Sum,
		Head: p.vault.Head().Point(), Epoch: p.vault.Policy().Audit().Epoch,
	}
	edit(&f)
	return w.post(p, f)
}

// post signs, writes and pushes a forgery, and makes it the tip.
func (w *world) post(p *person, f forgery) repo.Hash {
	w.t.Helper()
	ctx := w.t.Context()
	w.fetch(p)
	known, err := audit.ReadKnown(p.vault)
	if err != nil {
		w.t.Fatal(err)
	}
	b := p.vault.Repo().Batch()
	var tip repo.Hash
	if len(known.At) > 0 {
		tip = known.At[0].Tip
	}
	f.draft.Parent = tip
	if !tip.IsZero() {
		raw, err := p.vault.Repo().Commit(tip)
		if err != nil {
			w.t.Fatal(err)
		}
		f.draft.ParentSum = sha256.Sum256(raw)
	}
	if f.file == nil {
		to, err := wrap.ParseRecipient(p.vault.Policy().Audit().Recipient)
		if err != nil {
			w.t.Fatal(err)
		}
		if f.file, err = batch.Seal(to, f.entries); err != nil {
			w.t.Fatal(err)
		}
	}
	f.draft.File = sha256.Sum256(f.file)
	folder := f.folder
	if folder == "" {
		folder = f.draft.Author.Device
	}
	name := f.draft.Name()
	if f.drop {
		name = "other"
	}
	inner, err := b.Tree([]repo.Entry{{Name: name, Hash: b.Blob(f.file)}})
	if err != nil {
		w.t.Fatal(err)
	}
	if f.draft.Tree, err = b.Tree([]repo.Entry{{Name: folder, Dir: true, Hash: inner}}); err != nil {
		w.t.Fatal(err)
	}
	_, signer, err := f.signer.vault.Signer(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	raw, err := f.draft.Encode(signer.SignCommit)
	if err != nil {
		w.t.Fatal(err)
	}
	made := b.Commit(raw)
	if err := b.Flush(ctx); err != nil {
		w.t.Fatal(err)
	}
	if err := w.remote.Transport.Push(ctx, remote.Push{URL: w.remote.URL, Ref: batch.Branch, Old: tip, New: made, From: p.vault.Repo().Dir()}); err != nil {
		w.t.Fatal(err)
	}
	return made
}

func TestWhatAnotherDeviceDoesToTheBranchIsReported(t *testing.T) {
	for name, c := range map[string]struct {
		want []string
		// counts says whether the batch is taken for its device's all the same: what
		// is wrong with it was signed by that device.
		counts bool
		edit   func(w *world, f *forgery)
	}{
		"nothing": {[]string{}, true, func(*world, *forgery) {}},
		"a file under another device": {[]string{"tampered"}, true, func(w *world, f *forgery) {
			f.folder = w.ana.device
		}},
		"no file": {[]string{"tampered"}, true, func(_ *world, f *forgery) { f.drop = true }},
		"in the name of another device": {[]string{"bad-signature"}, false, func(w *world, f *forgery) {
			f.draft.Author.Device = w.ana.device
			f.draft.Author.Handle = "ana"
		}},
		"in the name of no device": {[]string{"bad-signature"}, false, func(_ *world, f *forgery) {
			f.draft.Author.Device = "aaaaaaaaaaaaaaaaaaaaaaaaaa"
		}},
		"under another handle": {[]string{"denied"}, false, func(_ *world, f *forgery) { f.draft.Author.Handle = "ana" }},
		"of another vault": {[]string{"malformed"}, false, func(_ *world, f *forgery) {
			f.draft.Author.Vault = "aaaaaaaaaaaaaaaaaaaaaaaaaa"
		}},
		"before its device came": {[]string{"denied"}, true, func(w *world, f *forgery) {
			link, _ := w.ana.vault.State().Link(1)
			f.draft.Head = link.Point()
		}},
		"with a head of another chain":  {[]string{"fork"}, true, func(_ *world, f *forgery) { f.draft.Head.Sum[0]++ }},
		"with a head that is news here": {[]string{"(unreadable)"}, true, func(_ *world, f *forgery) { f.draft.Head.Seq += 7 }},
		"with receipts left out": {[]string{"gap"}, true, func(_ *world, f *forgery) {
			f.draft.First, f.draft.Previous, f.entries = 2, f.entries[0].Sum(), f.entries[1:]
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.ana.read(now)
			w.share(w.ana)
			for range 3 {
				w.ben.read(now)
			}
			w.forge(w.ben, func(f *forgery) { c.edit(w, f) })
			w.fetch(w.carl)
			b := w.carl.branch()
			if diff := cmp.Diff(c.want, classes(b.Findings)); diff != "" {
				t.Errorf("%s%v", diff, b.Findings)
			}
			if counts := len(b.Posted) == 2; counts != c.counts {
				t.Errorf("the batch counts: %v", counts)
			}
			w.ana.read(now)
			if x := w.share(w.ana); x.Published != 1 {
				t.Errorf("an honest device can't publish any more: %+v", x)
			}
		})
	}
}

func TestABatchThatHoldsOtherReceiptsThanItSaysIsReportedAndLeftOut(t *testing.T) {
	for name, edit := range map[string]func(*forgery){
		"fewer":           func(f *forgery) { f.entries = f.entries[:2] },
		"in other order":  func(f *forgery) { f.entries[0], f.entries[1] = f.entries[1], f.entries[0] },
		"one changed":     func(f *forgery) { f.entries[2] = altered(f.entries[2]) },
		"one in between":  func(f *forgery) { f.entries[1] = altered(f.entries[1]) },
		"rubbish":         func(f *forgery) { f.file = []byte("rubbish") },
		"another's batch": func(f *forgery) { f.draft.Last-- },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.ana.read(now)
			w.share(w.ana)
			for range 3 {
				w.ben.read(now)
			}
			w.forge(w.ben, edit)
			w.fetch(w.carl)
			var skipped []audit.Finding
			got := told(t, w.carl, audit.LogOptions{Branch: w.carl.branch(), Skipped: func(f *audit.Finding) { skipped = append(skipped, *f) }})
			if diff := cmp.Diff([]string{"ana read run development all"}, got); diff != "" {
				t.Error(diff)
			}
			if len(skipped) != 1 || skipped[0].Handle != "ben" || skipped[0].Note {
				t.Errorf("findings %v", skipped)
			}
			failed := false
			for _, err := range audit.Log(t.Context(), w.carl.vault, audit.LogOptions{Branch: w.carl.branch()}) {
				var f *audit.Finding
				failed = failed || errors.As(err, &f)
			}
			if !failed {
				t.Error("nobody asked for leniency, and it was given")
			}
		})
	}
}

func altered(e receipt.Entry) receipt.Entry {
	e.Receipt.Reason = "none of your business"
	plain, err := e.Receipt.Encode()
	if err != nil {
		panic(err)
	}
	e.Plaintext = plain
	return e
}

func TestALogThatWasPutBackIsAFork(t *testing.T) {
	w := newWorld(t)
	w.ana.read(now)
	w.share(w.ana)
	other := w.ana.machine.Clone(t)
	twin := newPerson(t, other, other.Open(t, w.ana.vault.ID()))
	w.ana.read(now, "A")
	w.share(w.ana)
	twin.read(now, "B")
	w.share(twin)
	w.fetch(w.carl)
	b := w.carl.branch()
	if diff := cmp.Diff([]string{"fork"}, realOnes(b.Findings)); diff != "" {
		t.Error(diff)
	}
}

// realOnes are the findings that are no notes.
func realOnes(findings []audit.Finding) []string {
	out := []string{}
	for _, f := range findings {
		if !f.Note {
			out = append(out, string(f.Class))
		}
	}
	return out
}

func TestALogThatBeginsAgainIsANoteForAMachine(t *testing.T) {
	w := newWorld(t)
	w.ana.read(now)
	w.share(w.ana)
	for _, name := range []string{"receipts-" + w.ana.device, "receipts-" + w.ana.device + ".sent"} {
		if err := os.Remove(filepath.Join(w.ana.vault.Local().State(), name)); err != nil {
			t.Fatal(err)
		}
	}
	w.ana.read(now)
	w.ana.read(now)
	w.share(w.ana)
	if diff := cmp.Diff([]string{"(gap)"}, classes(w.ana.branch().Findings)); diff != "" {
		t.Error(diff)
	}
}

func TestWhoWasRemovedPublishesNothingThatCounts(t *testing.T) {
	w := newWorld(t)
	w.ben.read(now)
	w.share(w.ben)
	w.ben.read(now)
	vaulttest.Edit(t, w.ana.vault, team.Remove("ben"))
	w.forge(w.ben, func(*forgery) {}) // he has not heard of it: that is no crime
	if got := w.ana.fetchedClasses(w); len(got) > 0 {
		t.Errorf("findings %v", got)
	}
	w.ana.read(now)
	w.share(w.ana)
	w.forge(w.ben, func(f *forgery) {})
	if diff := cmp.Diff([]string{"denied"}, w.ana.fetchedClasses(w)); diff != "" {
		t.Error(diff)
	}
}

func (p *person) fetchedClasses(w *world) []string {
	w.t.Helper()
	w.fetch(p)
	return classes(p.branch().Findings)
}
