package audit_test

import (
	"flag"
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/audit"
	"github.com/secr/secr/audit/receipt"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/team"
	"github.com/secr/secr/vault/vaulttest"
)

func TestTheLogIsChangesAndReadingsByTime(t *testing.T) {
	w := newWorld(t)
	w.ana.read(now-5, "A") // a wrong clock doesn't turn its own receipts around
	w.ana.read(now+5, "A")
	w.ana.read(now+1, "B")
	w.share(w.ana)
	w.ben.read(now + 9)
	w.share(w.ben)
	w.fetch(w.carl)
	got := told(t, w.carl, audit.LogOptions{Branch: w.carl.branch(), Changes: true})
	reads := slices.DeleteFunc(slices.Clone(got), func(s string) bool { return s[len(s)-1] != '*' && s[len(s)-1] != 'l' })
	want := []string{"ana read run development *", "ana read run development *", "ana read run development *", "ben read run development all"}
	if diff := cmp.Diff(want, reads); diff != "" {
		t.Error(diff)
	}
	if got[0] != want[0] || len(got) != len(want)+int(w.carl.vault.Head().Seq) {
		t.Errorf("%q", got)
	}
}

func TestTheLogTellsWhatChangesDid(t *testing.T) {
	w := newWorld(t)
	vaulttest.Set(t, w.ana.vault, "development", "A", "three")
	d := w.ana.vault.Draft()
	d.Delete("development", "B")
	vaulttest.Commit(t, d)
	vaulttest.Edit(t, w.ana.vault, team.Remove("ben"))
	got := told(t, w.ana, audit.LogOptions{Changes: true})
	if diff := cmp.Diff([]string{"ana set set", "ana set", "ana delete"}, got[len(got)-4:len(got)-1]); diff != "" {
		t.Error(diff)
	}
	last := got[len(got)-1]
	for _, want := range []string{"member-removed", "rotate"} {
		if !contains(last, want) {
			t.Errorf("%q lacks %q", last, want)
		}
	}
}

func contains(s, word string) bool {
	for i := range s {
		if len(s)-i >= len(word) && s[i:i+len(word)] == word {
			return true
		}
	}
	return false
}

func TestTheLogIsFiltered(t *testing.T) {
	w := newWorld(t)
	id := secretID(t, w.ana.vault, "A")
	w.ben.read(now+10, "A")
	w.ben.read(now+20, "B")
	w.ben.read(now + 30)
	w.share(w.ben)
	d := w.ana.vault.Draft()
	d.Delete("development", "A")
	vaulttest.Commit(t, d)
	w.pull()
	w.ben.read(now + 40) // all of what is there: without A
	w.share(w.ben)
	w.fetch(w.ana)
	for name, c := range map[string]struct {
		filter audit.Filter
		want   int
	}{
		"none":                  {audit.Filter{}, 4 + int(w.ana.vault.Head().Seq)},
		"member":                {audit.Filter{Member: "ben"}, 4},
		"nobody":                {audit.Filter{Member: "zoe"}, 0},
		"since":                 {audit.Filter{Since: now + 20}, 3},
		"until":                 {audit.Filter{Since: now + 10, Until: now + 30}, 2},
		"action of a reading":   {audit.Filter{Action: "run"}, 4},
		"action of a change":    {audit.Filter{Action: "delete"}, 1},
		"action of policy":      {audit.Filter{Action: "member-added"}, 3},
		"environment":           {audit.Filter{Environment: "staging", Action: "set"}, 0},
		"secret":                {audit.Filter{Secrets: []string{id}}, 4}, // set, read, read all, delete
		"secret, a reading":     {audit.Filter{Secrets: []string{id}, Action: "run"}, 2},
		"secret of another env": {audit.Filter{Secrets: []string{id}, Environment: "staging"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := told(t, w.ana, audit.LogOptions{Filter: c.filter, Branch: w.ana.branch(), Changes: true})
			if len(got) != c.want {
				t.Errorf("%d events, want %d: %q", len(got), c.want, got)
			}
		})
	}
}

func secretID(t *testing.T, v *vault.Vault, name string) string {
	t.Helper()
	all, err := v.ListAll(t.Context(), "development")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if e.Label.Name == name {
			return e.ID
		}
	}
	t.Fatalf("no secret %s", name)
	return ""
}

func TestPendingReadingsOfThisMachineAreToldToo(t *testing.T) {
	w := newWorld(t)
	w.ana.read(now)
	w.share(w.ana)
	w.ana.read(now + 1)
	pending, err := w.ana.log.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for e, err := range audit.Log(t.Context(), w.ana.vault, audit.LogOptions{Branch: w.ana.branch(), Pending: pending.Entries}) {
		if err != nil {
			t.Fatal(err)
		}
		if published := !e.Read.Batch.IsZero(); published != (n == 0) {
			t.Errorf("reading %d is published: %v", n, published)
		}
		n++
	}
	if n != 2 {
		t.Errorf("%d readings", n)
	}
}

var benchSize = flag.Int("log-size", 500, "changes in BenchmarkLog; ten times as many receipts")

// BenchmarkLog goes over changes and receipts. Beside it, verify is what the same
// chain and receipts cost without the log: every change judged, every batch opened.
// peak is what the log holds at once.
func BenchmarkLog(b *testing.B) {
	w := newWorld(b)
	const perBatch = 100
	for i := range *benchSize {
		vaulttest.Set(b, w.ana.vault, "development", "A", fmt.Sprint(i))
	}
	head := w.ana.vault.Head()
	batches := *benchSize * 10 / perBatch
	for range batches {
		for i := range perBatch {
			_, err := w.ana.log.Append(b.Context(), receipt.Receipt{
				Time: now + int64(i), Action: "run", Environment: "development", Seq: head.Seq, Sum: fmt.Sprintf("%x", head.Sum), All: true,
				Program: "npm", Host: "desk", Addresses: []string{"192.0.2.7"},
			})
			if err != nil {
				b.Fatal(err)
			}
		}
		w.share(w.ana)
	}
	b.Run("log", func(b *testing.B) {
		var peak uint64
		for b.Loop() {
			n := 0
			for _, err := range audit.Log(b.Context(), w.ana.vault, audit.LogOptions{Branch: w.ana.branch(), Changes: true}) {
				if err != nil {
					b.Fatal(err)
				}
				if n++; n%10000 == 0 {
					var m runtime.MemStats
					runtime.ReadMemStats(&m)
					peak = max(peak, m.HeapAlloc)
				}
			}
			if n != batches*perBatch+int(w.ana.vault.Head().Seq) {
				b.Fatalf("%d events", n)
			}
		}
		b.ReportMetric(float64(peak)/(1<<20), "peak-MB")
	})
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			if _, err := vault.Verify(b.Context(), w.ana.vault.Repo(), (*chain.State)(nil), w.ana.vault.Head().ID); err != nil {
				b.Fatal(err)
			}
			for _, p := range w.ana.branch().Posted {
				if _, err := audit.OpenBatch(b.Context(), w.ana.vault, w.ana.vault.Repo(), p); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

// TestTouchingIsTheFilteredLogBackwards: over more changes than a window has.
func TestTouchingIsTheFilteredLogBackwards(t *testing.T) {
	w := newWorld(t)
	for i := range 300 {
		environment := "development"
		if i%7 == 0 {
			environment = "production"
		}
		vaulttest.Set(t, w.ana.vault, environment, "TURN", fmt.Sprint(i))
	}
	for _, environment := range []string{"development", "production"} {
		var want, got []uint64
		for e, err := range audit.Log(t.Context(), w.ana.vault, audit.LogOptions{Filter: audit.Filter{Environment: environment}, Changes: true}) {
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, e.Change.Seq)
		}
		for e, err := range audit.Touching(t.Context(), w.ana.vault, environment) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, e.Change.Seq)
		}
		slices.Reverse(want)
		if diff := cmp.Diff(want, got); diff != "" || len(got) < 43 {
			t.Errorf("%s: %s", environment, diff)
		}
	}
}
