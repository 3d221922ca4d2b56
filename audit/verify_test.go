package audit_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/audit"
	"github.com/secr/secr/audit/receipt"
	"github.com/secr/secr/keys"
	"github.com/secr/secr/sync/remote/remotetest"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/local"
	"github.com/secr/secr/vault/vaulttest"
)

func verdict(t *testing.T, p *person, o audit.VerifyOptions) audit.Verdict {
	t.Helper()
	v, err := audit.Verify(t.Context(), p.vault, o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// looked are the checks by name, with what was left out.
func looked(v audit.Verdict) map[string]string {
	out := map[string]string{}
	for _, c := range v.Checks {
		out[c.Name] = c.Skipped
	}
	return out
}

func TestAGoodVaultVerifiesAndSaysWhatWasLookedAt(t *testing.T) {
	w := newWorld(t)
	w.ana.read(now)
	w.share(w.ana)
	w.ben.read(now)
	w.share(w.ben)
	w.fetch(w.ana)
	w.fetch(w.carl)
	v := verdict(t, w.ana, audit.VerifyOptions{Log: &w.ana.log})
	if len(v.Findings) > 0 {
		t.Error(v.Findings)
	}
	want := map[string]string{"chain": "", "memory": "", "holders": "", "keys": "", "secrets": "", "receipts": "", "readings": "", "log": ""}
	if diff := cmp.Diff(want, looked(v)); diff != "" {
		t.Error(diff)
	}
	counts := map[string]int{}
	for _, c := range v.Checks {
		counts[c.Name] = c.Count
	}
	if counts["chain"] != int(w.ana.vault.Head().Seq) || counts["secrets"] != 2 || counts["receipts"] != 2 || counts["readings"] != 2 {
		t.Errorf("counts: %v", counts)
	}

	v = verdict(t, w.carl, audit.VerifyOptions{})
	if len(v.Findings) > 0 {
		t.Error(v.Findings)
	}
	got := looked(v)
	if !strings.Contains(got["secrets"], "may not list") || got["readings"] != "" || got["keys"] != "" {
		t.Errorf("the auditor looked at %v", got)
	}
	v = verdict(t, w.ben, audit.VerifyOptions{})
	if got := looked(v); !strings.Contains(got["readings"], "may not audit") {
		t.Errorf("the developer looked at %v", got)
	}
}

func TestVerifyNeedsNoIdentityForWhatNeedsNoKey(t *testing.T) {
	w := newWorld(t)
	w.ana.read(now)
	w.share(w.ana)
	o := w.ana.machine.Options(w.ana.vault.ID())
	o.Seed = func(context.Context) (keys.Seed, error) { return keys.Seed{}, vault.ErrNoIdentity }
	v, err := vault.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	x, err := audit.Verify(t.Context(), v, audit.VerifyOptions{})
	if err != nil || len(x.Findings) > 0 {
		t.Fatal(err, x.Findings)
	}
	got := looked(x)
	if got["chain"] != "" || got["receipts"] != "" || got["keys"] == "" || got["readings"] == "" {
		t.Errorf("looked at %v", got)
	}
}

func TestVerifyFindsWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		who  func(w *world) *person
		want string
		what string
		do   func(t *testing.T, w *world)
	}{
		"a chain that was there and is not": {ana, "rewind", "floor", func(t *testing.T, w *world) {
			head := w.ana.vault.Head()
			lock, err := w.ana.vault.Local().Lock(t.Context(), "test")
			if err != nil {
				t.Fatal(err)
			}
			err = errors.Join(w.ana.vault.Local().AddFloor(local.Floor{Seq: head.Seq, Sum: [32]byte{1}}), lock.Unlock())
			if err != nil {
				t.Fatal(err)
			}
		}},
		"rubbish on the branch": {ana, "malformed", "no batch", func(t *testing.T, w *world) {
			w.setTip(remotetest.Commit(t, w.host, w.tip(), "README", "free pizza"))
			w.fetch(w.ana)
		}},
		"a replaced branch": {ana, "rewind", "replaced", func(t *testing.T, w *world) {
			remotetest.Run(t, w.host, "update-ref", "-d", "refs/heads/secr/receipts")
			w.ben.read(now)
			w.share(w.ben)
			w.fetch(w.ana)
		}},
		"a batch that holds something else": {carl, "tampered", "content", func(t *testing.T, w *world) {
			w.ben.read(now)
			w.forge(w.ben, func(f *forgery) { f.entries[0] = altered(f.entries[0]) })
			w.fetch(w.carl)
		}},
		"a receipt of another line": {carl, "fork", "two lines", func(t *testing.T, w *world) {
			_, err := w.ben.log.Append(t.Context(), receipt.Receipt{
				Time: now, Action: "run", Environment: "development", Seq: 2, Sum: strings.Repeat("ab", 32), All: true,
			})
			if err != nil {
				t.Fatal(err)
			}
			w.share(w.ben)
			w.fetch(w.carl)
		}},
		"a log that was copied at its beginning": {carl, "fork", "put back", func(t *testing.T, w *world) {
			w.ben.read(now)
			other := w.ben.machine.Clone(t)
			twin := newPerson(t, other, other.Open(t, w.ben.vault.ID()))
			w.ben.read(now, "A")
			twin.read(now, "B")
			w.share(w.ben)
			w.share(twin)
			w.fetch(w.carl)
		}},
		"a log with a hole": {ana, "gap", "own receipts", func(t *testing.T, w *world) {
			w.ana.read(now)
			path := filepath.Join(w.ana.vault.Local().State(), "receipts-"+w.ana.device)
			first, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			w.ana.read(now)
			all, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, all[len(first):], 0o600); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.ana.read(now)
			w.share(w.ana)
			c.do(t, w)
			p := c.who(w)
			v := verdict(t, p, audit.VerifyOptions{Log: &p.log})
			f := v.Broken()
			if f == nil {
				t.Fatalf("nothing was found: %+v", v)
			}
			if string(f.Class) != c.want || !strings.Contains(f.What, c.what) {
				t.Errorf("found %v", f)
			}
			if all := verdict(t, p, audit.VerifyOptions{Log: &p.log, All: true}); len(all.Checks) < len(v.Checks) || all.Broken() == nil {
				t.Errorf("all: %+v", all)
			}
		})
	}
}

func ana(w *world) *person  { return w.ana }
func carl(w *world) *person { return w.carl }

func TestAReplacedBranchIsSilentOnceAPersonKnowsWhy(t *testing.T) {
	w := newWorld(t)
	w.ana.read(now)
	w.share(w.ana)
	remotetest.Run(t, w.host, "update-ref", "-d", "refs/heads/secr/receipts")
	w.ben.read(now)
	w.share(w.ben)
	w.fetch(w.ana)
	if done, err := audit.Accept(t.Context(), w.ana.vault); done.Lines != 1 || err != nil {
		t.Fatal(done, err)
	}
	v := verdict(t, w.ana, audit.VerifyOptions{})
	if v.Broken() != nil {
		t.Error(v.Findings)
	}
	if got := told(t, w.ana, audit.LogOptions{Branch: w.ana.branch()}); len(got) != 2 {
		t.Errorf("readings: %q", got)
	}
}

func TestVerifyFindsAnObjectThatWasChangedOnTheDisk(t *testing.T) {
	w := newWorld(t)
	vaulttest.Set(t, w.ana.vault, "development", "C", "three")
	dir := filepath.Join(w.ana.vault.Local().Repository(), "objects")
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".idx") {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		data[len(data)/2] ^= 1
		return errors.Join(os.Chmod(path, 0o600), os.WriteFile(path, data, 0o600))
	})
	if err != nil {
		t.Fatal(err)
	}
	v := w.ana.machine.Open(t, w.ana.vault.ID())
	if x, err := audit.Verify(t.Context(), v, audit.VerifyOptions{}); err == nil && x.Broken() == nil {
		t.Errorf("nothing was found: %+v", x)
	}
}
