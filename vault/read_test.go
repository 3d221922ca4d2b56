package vault_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/change"
	"github.com/secr/secr/vault/local"
	"github.com/secr/secr/vault/record"
	"github.com/secr/secr/vault/repo"
	"github.com/secr/secr/vault/snapshot"
	"github.com/secr/secr/vault/team"
	"github.com/secr/secr/vault/vaulttest"
)

func TestNothingIsRevealedWithoutTheWitness(t *testing.T) {
	v := vaulttest.NewMachine(t).Init(t)
	vaulttest.Set(t, v, "development", "A", "one", "B", "two")
	request := vault.Request{Environment: "development", Names: []string{"B"}, Action: "get", Reason: "because"}
	if _, err := v.Reveal(t.Context(), nil, request); !errors.Is(err, vault.ErrNoWitness) {
		t.Error(err)
	}
	full := errors.New("disk full")
	refusing := vault.WitnessFunc(func(context.Context, vault.Reading) error { return full })
	if x, err := v.Reveal(t.Context(), refusing, request); !errors.Is(err, full) || x != nil {
		t.Errorf("%v, %v", x, err)
	}
	var told []vault.Reading
	noting := vault.WitnessFunc(func(_ context.Context, r vault.Reading) error { told = append(told, r); return nil })
	if _, err := v.Reveal(t.Context(), noting, request); err != nil {
		t.Fatal(err)
	}
	r := told[0]
	if len(told) != 1 || r.Handle != "ana" || r.Action != "get" || r.Reason != "because" || r.All || len(r.Secrets) != 1 || r.Secrets[0].Label.Name != "B" || r.Head != v.Head() {
		t.Errorf("told %+v", told)
	}
	if _, err := v.Reveal(t.Context(), noting, vault.Request{Environment: "development", Names: []string{"NONE"}}); !errors.Is(err, vault.ErrNoSecret) || len(told) != 1 {
		t.Errorf("%v, told %d times", err, len(told))
	}
}

func TestAReasonIsAskedForWherePolicyWantsOne(t *testing.T) {
	v := vaulttest.NewMachine(t).Init(t)
	vaulttest.Set(t, v, "production", "A", "one")
	yes := true
	vaulttest.Edit(t, v, team.SetEnvironment("production", team.Settings{RequireReason: &yes}))
	if _, err := vaulttest.TryValues(t.Context(), v, "production"); !errors.Is(err, vault.ErrNoReason) {
		t.Error(err)
	}
	if _, err := v.Reveal(t.Context(), vaulttest.Willing(), vault.Request{Environment: "production", Reason: "incident 7"}); err != nil {
		t.Error(err)
	}
}

func TestHistoryNamesEveryVersionAndItsAuthor(t *testing.T) {
	ana, ben := vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Set(t, v, "development", "A", "one")
	vaulttest.Admit(t, v, ben, "ben", policy.Developer)
	b := ben.Pull(t, v)
	vaulttest.Set(t, b, "development", "A", "two")
	note := "rotate me"
	d := b.Draft()
	d.SetLabel("development", "A", vault.Meta{Note: &note})
	vaulttest.Commit(t, d)
	d = b.Draft()
	d.Rotate()
	if _, err := d.Commit(t.Context(), "rotate"); err == nil {
		t.Error("ben rotated")
	}
	v = ana.Pull(t, b)
	d = v.Draft()
	d.Rotate()
	vaulttest.Commit(t, d)
	d = v.Draft()
	d.Delete("development", "A")
	vaulttest.Commit(t, d)
	d = v.Draft()
	d.Delete("development", "A")
	if _, err := d.Commit(t.Context(), "again"); !errors.Is(err, vault.ErrNoSecret) {
		t.Errorf("deleted twice: %v", err)
	}
	h, err := v.History(t.Context(), "development", "A")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range h {
		got = append(got, fmt.Sprintf("%d %s %s %q", x.Version, x.Kind, x.By, x.Label.Note))
	}
	if diff := cmp.Diff([]string{`4 delete ana "rotate me"`, `3 label ben "rotate me"`, `2 set ben ""`, `1 set ana ""`}, got); diff != "" {
		t.Error(diff)
	}
	for version, want := range map[uint64]string{1: "one", 2: "two", 3: "two"} {
		x, err := v.Reveal(t.Context(), vaulttest.Willing(), vault.Request{Environment: "development", Names: []string{"A"}, Version: version})
		if err != nil || string(x[0].Secret.Reveal()) != want {
			t.Errorf("version %d: %v", version, err)
		}
	}
	if _, err := v.Reveal(t.Context(), vaulttest.Willing(), vault.Request{Environment: "development", Names: []string{"A"}, Version: 4}); !errors.Is(err, vault.ErrNoSecret) {
		t.Errorf("the deletion has a value: %v", err)
	}
}

func TestWhoMayOnlyListSeesVersionsWithoutOldLabels(t *testing.T) {
	ana, ben := vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v := ana.Init(t)
	note := "hidden"
	d := v.Draft()
	d.Set("production", "A", vaulttest.Secret("one"), vault.Meta{Note: &note})
	vaulttest.Commit(t, d)
	vaulttest.Admit(t, v, ben, "ben", policy.Developer)
	d = v.Draft()
	d.Rotate()
	vaulttest.Commit(t, d)
	vaulttest.Set(t, v, "production", "A", "two")
	h, err := ben.Pull(t, v).History(t.Context(), "production", "A")
	if err != nil || len(h) != 2 || h[0].Label.Note != "hidden" || h[1].Label.Note != "" || h[1].Label.Name != "A" {
		t.Errorf("%+v, %v", h, err)
	}
}

func TestAtReadsTheVaultAsItWas(t *testing.T) {
	v := vaulttest.NewMachine(t).Init(t)
	vaulttest.Set(t, v, "development", "A", "one")
	then := v.Head().Seq
	vaulttest.Set(t, v, "development", "A", "two", "B", "new")
	d := v.Draft()
	d.Rotate()
	vaulttest.Commit(t, d)
	old, err := v.At(t.Context(), then)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"A": "one"}, vaulttest.Values(t, old, "development")); diff != "" {
		t.Error(diff)
	}
	d = old.Draft()
	d.Set("development", "A", vaulttest.Secret("x"), vault.Meta{})
	if _, err := d.Commit(t.Context(), "no"); !errors.Is(err, vault.ErrReadOnly) {
		t.Error(err)
	}
	if _, err := v.At(t.Context(), 99); !errors.Is(err, vault.ErrNoChange) {
		t.Error(err)
	}
}

func TestExpiredMembersWriteNothing(t *testing.T) {
	ana, ben := vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Admit(t, v, ben, "ben", policy.Developer)
	vaulttest.Edit(t, v, team.SetExpiry("ben", 1700000000-1))
	d := ben.Pull(t, v).Draft()
	d.Set("development", "A", vaulttest.Secret("x"), vault.Meta{})
	if _, err := d.Commit(t.Context(), "late"); !errors.Is(err, vault.ErrExpired) {
		t.Error(err)
	}
}

func TestPolicyAndSecretsDoNotMix(t *testing.T) {
	v := vaulttest.NewMachine(t).Init(t)
	d := v.Draft()
	d.Set("development", "A", vaulttest.Secret("x"), vault.Meta{})
	d.EditPolicy(team.AddEnvironment("preview", nil))
	if _, err := d.Commit(t.Context(), "both"); !errors.Is(err, vault.ErrMixed) {
		t.Error(err)
	}
}

func TestPlanWritesNothing(t *testing.T) {
	ana, ben := vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Set(t, v, "development", "A", "one")
	vaulttest.Admit(t, v, ben, "ben", policy.Developer)
	head := v.Head()
	d := v.Draft()
	d.EditPolicy(team.Remove("ben"))
	r, err := d.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var turned []string
	for _, ref := range r.Turned {
		turned = append(turned, ref.String())
	}
	if diff := cmp.Diff([]string{"role developer", "environment development", "environment production", "environment staging"}, turned); diff != "" {
		t.Error(diff)
	}
	if r.Resealed != 1 || !r.Changed() || r.After.Members()[1].Active() {
		t.Errorf("%+v", r)
	}
	if w := ana.Open(t, v.ID()); w.Head() != head {
		t.Error("the head moved")
	}
}

func TestSettingTheSamePolicyAgainIsNoChange(t *testing.T) {
	v := vaulttest.NewMachine(t).Init(t)
	head := v.Head()
	r := vaulttest.Edit(t, v, team.SetRoles("ana", policy.Admin))
	if r.Changed() || v.Head() != head {
		t.Errorf("%+v", r)
	}
}

// TestManyWritersLoseNothing has writers with vaults of their own on one folder,
// as processes would, and a reader all the while.
func TestManyWritersLoseNothing(t *testing.T) {
	ana := vaulttest.NewMachine(t)
	v := ana.Init(t)
	const writers, sets = 4, 5
	var wait sync.WaitGroup
	errs := make([]error, writers+1)
	write := func(w int) error {
		own, err := vault.Open(t.Context(), ana.Options(v.ID()))
		if err != nil {
			return err
		}
		defer own.Close()
		for i := range sets {
			d := own.Draft()
			d.Set("development", fmt.Sprintf("W%d_%d", w, i), vaulttest.Secret("x"), vault.Meta{})
			d.Set("development", "SHARED", vaulttest.Secret(fmt.Sprint(w, i)), vault.Meta{})
			if _, err := d.Commit(t.Context(), "set 2 secrets"); err != nil {
				return err
			}
		}
		return nil
	}
	done := make(chan struct{})
	for w := range writers {
		wait.Go(func() { errs[w] = write(w) })
	}
	var reader sync.WaitGroup
	reader.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			r, err := vault.Open(t.Context(), ana.Options(v.ID()))
			if err == nil {
				_, err = vaulttest.TryValues(t.Context(), r, "development")
				r.Close()
			}
			if err != nil {
				errs[writers] = err
				return
			}
		}
	})
	wait.Wait()
	close(done)
	reader.Wait()
	for i, err := range errs {
		if err != nil {
			t.Fatalf("%d: %v", i, err)
		}
	}
	w := ana.Open(t, v.ID())
	if got := len(vaulttest.Values(t, w, "development")); got != writers*sets+1 {
		t.Errorf("%d secrets", got)
	}
	if w.Head().Seq != 1+writers*sets {
		t.Errorf("head is %d", w.Head().Seq)
	}
	n := 0
	if err := w.Changes(t.Context(), func(change.Change, repo.Hash) bool { n++; return true }); err != nil || n != 1+writers*sets {
		t.Errorf("%d changes, %v", n, err)
	}
	checkGit(t, w)
}

func TestAStuckLockNamesItsHolder(t *testing.T) {
	v := vaulttest.NewMachine(t).Init(t)
	lock, err := v.Local().Lock(t.Context(), "thinking")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	d := v.Draft()
	d.Set("development", "A", vaulttest.Secret("x"), vault.Meta{})
	var locked *local.LockedError
	if _, err := d.Commit(ctx, "wait"); !errors.As(err, &locked) || locked.Holder.Purpose != "thinking" {
		t.Error(err)
	}
}

func TestDamagedCachesAreMadeAgain(t *testing.T) {
	ana := vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Set(t, v, "development", "A", "one")
	ensure(t, v, "development")
	vaulttest.Set(t, v, "development", "A", "two")
	for name, damage := range map[string]func(path string) error{
		"gone":    os.Remove,
		"empty":   func(path string) error { return os.Truncate(path, 0) },
		"cut":     func(path string) error { return os.Truncate(path, 100) },
		"garbage": func(path string) error { return os.WriteFile(path, []byte("garbage"), 0o600) },
		"link": func(path string) error {
			os.Remove(path)
			return os.Symlink("/dev/null", path)
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := ana.Clone(t)
			place, err := m.Home.Vault(v.ID())
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range []string{filepath.Join(place.Cache(), "state"), snapshot.Path(place.Cache(), "development")} {
				if err := damage(file); err != nil {
					t.Fatal(err)
				}
			}
			w := m.Open(t, v.ID())
			if diff := cmp.Diff(map[string]string{"A": "two"}, vaulttest.Values(t, w, "development")); diff != "" {
				t.Error(diff)
			}
			vaulttest.Set(t, w, "development", "A", "three")
			ensure(t, w, "development")
			if diff := cmp.Diff([]string{"A=three"}, quick(t, m, w, "development")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestADamagedHeadIsNeverGuessed(t *testing.T) {
	ana := vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Set(t, v, "development", "A", "one")
	path := filepath.Join(v.Local().State(), "head")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		bad := append([]byte(nil), whole...)
		bad[i] ^= 1
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		w, err := vault.Open(t.Context(), ana.Options(v.ID()))
		if err == nil {
			w.Close()
			t.Fatalf("opened with byte %d flipped", i)
		}
	}
}

func TestTheRefFollowsTheHead(t *testing.T) {
	ana := vaulttest.NewMachine(t)
	v := ana.Init(t)
	first := v.Head().ID
	vaulttest.Set(t, v, "development", "A", "one")
	if err := v.Repo().SetRef("refs/heads/secr/vault", first); err != nil {
		t.Fatal(err)
	}
	checkGit(t, ana.Open(t, v.ID()))
}

// ensure makes a snapshot.
func ensure(t testing.TB, v *vault.Vault, environment string) {
	t.Helper()
	if err := v.EnsureSnapshot(t.Context(), environment); err != nil {
		t.Fatal(err)
	}
}

// quick reads a snapshot as the fast path does; nil when there is no fresh one.
func quick(t testing.TB, m vaulttest.Machine, v *vault.Vault, environment string) []string {
	t.Helper()
	h, err := v.Local().ReadHead()
	if err != nil {
		t.Fatal(err)
	}
	at := snapshot.Place{Vault: v.ID(), Environment: environment, Seq: h.Seq, Sum: h.Sum}
	s, err := snapshot.Open(snapshot.Path(v.Local().Cache(), environment), snapshot.Root(m.Seed), at)
	if err != nil {
		return nil
	}
	x, err := s.Reveal(func(snapshot.Reading) error { return nil }, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range x.Files {
		x.Environ = append(x.Environ, f.Name+"<"+string(f.Value.Reveal()))
	}
	return append([]string{}, x.Environ...)
}

func TestSnapshotsFollowEveryChange(t *testing.T) {
	ana := vaulttest.NewMachine(t)
	v := ana.Init(t)
	ensure(t, v, "development")
	ensure(t, v, "staging")
	check := func(what string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(append([]string{}, want...), quick(t, ana, v, "development")); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
		if quick(t, ana, v, "staging") == nil {
			t.Errorf("%s: another environment's snapshot is stale", what)
		}
	}
	check("empty")
	vaulttest.Set(t, v, "development", "A", "one", "B", "two")
	check("set", "A=one", "B=two")
	file := record.File
	d := v.Draft()
	d.Set("development", "CERT", vaulttest.Secret("pem"), vault.Meta{Kind: &file})
	vaulttest.Commit(t, d)
	check("a file", "A=one", "B=two", "CERT<pem")
	d = v.Draft()
	d.Delete("development", "A")
	vaulttest.Commit(t, d)
	check("delete", "B=two", "CERT<pem")
	d = v.Draft()
	d.Rotate()
	vaulttest.Commit(t, d)
	check("rotate", "B=two", "CERT<pem")
	vaulttest.Edit(t, v, team.AddEnvironment("preview", nil))
	check("policy", "B=two", "CERT<pem")
	vaulttest.Set(t, v, "production", "X", "x")
	check("elsewhere", "B=two", "CERT<pem")
	w := ana.Open(t, v.ID())
	ensure(t, w, "development")
	check("ensured again", "B=two", "CERT<pem")
}

func TestWhoMayNotReadHasNoSnapshot(t *testing.T) {
	ana, ben := vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Set(t, v, "development", "A", "one")
	vaulttest.Set(t, v, "production", "A", "one")
	vaulttest.Admit(t, v, ben, "ben", policy.Developer)
	b := ben.Pull(t, v)
	ensure(t, b, "production")
	ensure(t, b, "development")
	if quick(t, ben, b, "production") != nil {
		t.Error("ben has a snapshot of production")
	}
	if quick(t, ben, b, "development") == nil {
		t.Error("ben has no snapshot of development")
	}
	vaulttest.Edit(t, v, team.SetRoles("ben", policy.Viewer), team.Grant(policy.Viewer, "development", policy.List), team.Grant(policy.Viewer, "staging", policy.None))
	b = ben.Pull(t, v)
	ensure(t, b, "development")
	if _, err := os.Lstat(snapshot.Path(b.Local().Cache(), "development")); !errors.Is(err, os.ErrNotExist) {
		t.Error("the snapshot outlived the right to read")
	}
}

func TestADeletedCacheFolderIsMadeAgain(t *testing.T) {
	ana := vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Set(t, v, "development", "A", "one")
	if err := os.RemoveAll(ana.Home.Cache); err != nil {
		t.Fatal(err)
	}
	w := ana.Open(t, v.ID())
	ensure(t, w, "development")
	if diff := cmp.Diff([]string{"A=one"}, quick(t, ana, w, "development")); diff != "" {
		t.Error(diff)
	}
	if _, err := os.Stat(filepath.Join(w.Local().Cache(), "state")); err != nil {
		t.Error(err)
	}
}

// TestADamagedRepositoryYieldsNoWrongValue flips bytes all over the repository.
func TestADamagedRepositoryYieldsNoWrongValue(t *testing.T) {
	ana := vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Set(t, v, "development", "A", "one", "B", "two")
	vaulttest.Set(t, v, "development", "A", "three")
	want := map[string]string{"A": "three", "B": "two"}
	var files []string
	err := filepath.WalkDir(filepath.Join(v.Repo().Dir(), "objects"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	stride := 397
	if os.Getenv("SECR_TEST_LONG") == "1" {
		stride = 7
	}
	broken := 0
	try := func(what string) {
		t.Helper()
		if err := os.RemoveAll(v.Local().Cache()); err != nil {
			t.Fatal(err)
		}
		w, err := vault.Open(t.Context(), ana.Options(v.ID()))
		if err != nil {
			broken++
			return
		}
		defer w.Close()
		got, err := vaulttest.TryValues(t.Context(), w, "development")
		if err != nil {
			broken++
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s: %s", what, diff)
		}
	}
	for _, path := range files {
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(whole); i += stride {
			bad := bytes.Clone(whole)
			bad[i] ^= 0x10
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			try(fmt.Sprintf("%s, byte %d", filepath.Base(path), i))
		}
		for _, other := range [][]byte{nil, whole[:len(whole)/2], []byte("garbage")} {
			if err := os.WriteFile(path, other, 0o600); err != nil {
				t.Fatal(err)
			}
			try(filepath.Base(path) + ", replaced")
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if broken == 0 {
		t.Error("no damage was noticed")
	}
	if diff := cmp.Diff(want, vaulttest.Values(t, ana.Open(t, v.ID()), "development")); diff != "" {
		t.Error(diff)
	}
}
