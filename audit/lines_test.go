package audit_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/audit"
	"github.com/secr/secr/sync/remote/remotetest"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/team"
	"github.com/secr/secr/vault/vaulttest"
)

// replaced is a world whose host put the branch back to before ben's batch, after he
// was removed, so that carl's receipts, who knows of it, come on a line of their own.
// under is what the line stands on at the host.
func replaced(t *testing.T, under func(w *world, old string) string) *world {
	t.Helper()
	w := newWorld(t)
	w.ana.read(now)
	w.share(w.ana)
	old := w.tip()
	w.ben.read(now)
	w.share(w.ben)
	w.fetch(w.ana)
	vaulttest.Edit(t, w.ana.vault, team.Remove("ben"))
	w.pull()
	w.setTip(under(w, old))
	// He opens nothing, and may leave a receipt all the same.
	if err := w.carl.note(t.Context(), now, vault.Reading{Head: w.carl.vault.Head(), Action: "ls", Environment: "development", All: true}); err != nil {
		t.Fatal(err)
	}
	w.share(w.carl)
	w.fetch(w.ana)
	return w
}

func TestAProofOfAReplacedBranchAccusesNobodyWhoWasHonest(t *testing.T) {
	for name, under := range map[string]func(*world, string) string{
		"set back":            func(_ *world, old string) string { return old },
		"rubbish on top":      func(w *world, old string) string { return remotetest.Commit(t, w.host, old, "README", "pizza") },
		"nothing but rubbish": func(w *world, _ string) string { return remotetest.Commit(t, w.host, "", "README", "pizza") },
	} {
		t.Run(name, func(t *testing.T) {
			w := replaced(t, under)
			for _, f := range w.ana.branch().Findings {
				if f.Class == audit.Denied {
					t.Errorf("verify: %v", f)
				}
			}
			if known, err := audit.ReadKnown(w.ana.vault); err != nil || len(known.Tips()) != 2 {
				t.Fatalf("%+v, %v: not two lines", known, err)
			}
			p, err := checkProof(t, export(t, w.ana, true), audit.ProofOptions{})
			if err != nil || p.Broken() != nil || p.Batches != 3 || p.Receipts != 3 {
				t.Errorf("%d batches, %d receipts, %v, %v", p.Batches, p.Receipts, p.Findings, err)
			}
		})
	}
}

func TestAProofTellsOfABatchAfterItsDeviceWasRemoved(t *testing.T) {
	for name, between := range map[string]bool{"at once": false, "after rubbish": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.ben.read(now)
			vaulttest.Edit(t, w.ana.vault, team.Remove("ben"))
			w.ana.read(now)
			w.share(w.ana)
			if between {
				w.setTip(remotetest.Commit(t, w.host, w.tip(), "README", "pizza"))
			}
			w.forge(w.ben, func(*forgery) {})
			w.fetch(w.ana)
			p, err := checkProof(t, export(t, w.ana, true), audit.ProofOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"denied"}, classes(p.Findings)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAProofHasNoBatchBeforeTheOneThatItFollows(t *testing.T) {
	w := newWorld(t)
	w.ana.read(now)
	w.share(w.ana)
	w.ana.read(now)
	w.share(w.ana)
	all := sections(t, export(t, w.ana, false))
	n := len(all)
	if all[n-1].kind != 'B' || all[n-2].kind != 'B' || bytes.Equal(all[n-1].data, all[n-2].data) {
		t.Fatal("not two batches")
	}
	slices.Reverse(all[n-2:])
	if _, err := checkProof(t, whole(all), audit.ProofOptions{}); !errors.Is(err, audit.ErrProof) {
		t.Errorf("in the wrong order: %v", err)
	}
}

func TestAnExportSaysWhatItsReceiverWouldFind(t *testing.T) {
	w := newWorld(t)
	w.ben.read(now)
	vaulttest.Edit(t, w.ana.vault, team.Remove("ben"))
	w.ana.read(now)
	w.share(w.ana)
	w.forge(w.ben, func(*forgery) {})
	w.fetch(w.ana)
	sum, err := audit.Export(t.Context(), w.ana.vault, &bytes.Buffer{}, audit.ExportOptions{Now: now})
	if err != nil || sum.Broken == nil || sum.Broken.Class != audit.Denied || sum.Unopened != 2 {
		t.Errorf("%+v, %v", sum, err)
	}
}
