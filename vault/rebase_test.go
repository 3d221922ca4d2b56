package vault_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/change"
	"github.com/secr/secr/vault/repo"
	"github.com/secr/secr/vault/vaulttest"
)

// apart is one vault on two machines that went separate ways.
type apart struct {
	ana, ben *vault.Vault
	base     *chain.State
}

func newApart(t *testing.T) apart {
	t.Helper()
	ana, ben := vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Admit(t, v, ben, "ben", policy.Developer)
	vaulttest.Set(t, v, "development", "A", "a1", "B", "b1")
	return apart{v, ben.Pull(t, v), v.State()}
}

// redo is what ben did since the base, to be done again.
func (a apart) redo(t *testing.T) []vault.Redo {
	t.Helper()
	var out []vault.Redo
	err := a.ben.Since(t.Context(), a.base, func(m vault.Made) error {
		ops, err := change.Operations(m.Before, m.Touched)
		out = append(out, vault.Redo{Op: m.Change.Op, Subject: m.Change.Subject, Operations: ops})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// meet gives ben what ana has, without making it his head.
func (a apart) meet(t *testing.T) *chain.State {
	t.Helper()
	if err := vaulttest.CopyFolder(a.ana.Local().Repository(), a.ben.Local().Repository()); err != nil {
		t.Fatal(err)
	}
	r, err := repo.Open(a.ben.Local().Repository())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s, err := vault.Verify(t.Context(), r, a.base, a.ana.Head().ID)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRebaseMakesChangesAgainUnderTheOthersKeys(t *testing.T) {
	a := newApart(t)
	vaulttest.Set(t, a.ben, "development", "A", "a2", "C", "c1")
	vaulttest.Set(t, a.ben, "development", "A", "a3")
	d := a.ben.Draft()
	d.Delete("development", "B")
	vaulttest.Commit(t, d)
	d = a.ana.Draft()
	d.Rotate(policy.KeyRef{Kind: policy.EnvironmentKey, Name: "development"})
	vaulttest.Commit(t, d)
	vaulttest.Set(t, a.ana, "production", "X", "x1")
	theirs, redo, was := a.meet(t), a.redo(t), a.ben.Head()
	next, err := a.ben.Rebase(t.Context(), theirs, redo)
	if err != nil {
		t.Fatal(err)
	}
	if a.ben.Head() != was {
		t.Error("the head moved")
	}
	if next.Head().Seq != theirs.Head().Seq+3 {
		t.Errorf("the result is change %d, want three after %d", next.Head().Seq, theirs.Head().Seq)
	}
	for _, r := range redo {
		if _, ok := next.Done(r.Op); !ok {
			t.Errorf("op %s is not in the chain", r.Op)
		}
	}
	if err := a.ben.Replace(t.Context(), was, next); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"A": "a3", "C": "c1"}, vaulttest.Values(t, a.ben, "development")); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	history, err := a.ben.History(t.Context(), "development", "A")
	if err != nil {
		t.Fatal(err)
	}
	if len(history) != 3 {
		t.Errorf("A has %d versions, want a1, a2 and a3", len(history))
	}
	if err := a.ben.Replace(t.Context(), was, next); !errors.Is(err, vault.ErrMoved) {
		t.Errorf("a head that is gone was replaced: %v", err)
	}
	again, err := a.ben.Rebase(t.Context(), next, []vault.Redo{redo[1]})
	if err != nil || again != next {
		t.Errorf("what is there already made a change: %v", err)
	}
}

func TestRebaseCanKeepTheSharedVersion(t *testing.T) {
	a := newApart(t)
	vaulttest.Set(t, a.ben, "development", "A", "ben's")
	vaulttest.Set(t, a.ana, "development", "A", "ana's")
	theirs, redo := a.meet(t), a.redo(t)
	same, err := a.ben.SameContent(t.Context(), a.ben.Beside(theirs), "development", redo[0].Operations[0].Secret)
	if err != nil || same {
		t.Fatalf("two values are the same: %v, %v", same, err)
	}
	redo[0].Restore = []vault.SecretRef{{Environment: "development", ID: redo[0].Operations[0].Secret}}
	was := a.ben.Head()
	next, err := a.ben.Rebase(t.Context(), theirs, redo)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.ben.Replace(t.Context(), was, next); err != nil {
		t.Fatal(err)
	}
	if got := vaulttest.Values(t, a.ben, "development")["A"]; got != "ana's" {
		t.Errorf("A is %q", got)
	}
	var versions []string
	for version := uint64(1); version <= 4; version++ {
		all, err := a.ben.Reveal(t.Context(), vaulttest.Willing(), vault.Request{Environment: "development", Names: []string{"A"}, Version: version, Action: "test"})
		if err != nil {
			t.Fatal(err)
		}
		versions = append(versions, string(all[0].Secret.Reveal()))
	}
	if diff := cmp.Diff([]string{"a1", "ana's", "ben's", "ana's"}, versions); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
}

func TestRebaseOfPolicyMakesTheKeysAgain(t *testing.T) {
	a := newApart(t)
	cleo := vaulttest.NewMachine(t)
	vaulttest.Set(t, a.ben, "development", "A", "a2")
	ana := a.ana
	d := ana.Draft()
	d.Rotate(policy.KeyRef{Kind: policy.EnvironmentKey, Name: "development"})
	vaulttest.Commit(t, d)
	vaulttest.Admit(t, ana, cleo, "cleo", policy.Viewer)
	// Ana's changes onto ben's: the other way round.
	b := apart{ben: ana, ana: a.ben, base: a.base}
	theirs := b.meet(t)
	redo := []vault.Redo{
		{Op: change.Op{1}, Subject: "turn", Rotate: []policy.KeyRef{{Kind: policy.EnvironmentKey, Name: "development"}}},
		{Op: change.Op{2}, Subject: "admit", Edit: func(p *policy.Policy) error {
			m, _ := ana.Policy().MemberByHandle("cleo")
			p.PutMember(m)
			return nil
		}},
	}
	was := ana.Head()
	next, err := ana.Rebase(t.Context(), theirs, redo)
	if err != nil {
		t.Fatal(err)
	}
	if err := ana.Replace(t.Context(), was, next); err != nil {
		t.Fatal(err)
	}
	c := cleo.Pull(t, ana)
	if diff := cmp.Diff(map[string]string{"A": "a2", "B": "b1"}, vaulttest.Values(t, c, "development")); diff != "" {
		t.Errorf("cleo reads (-want +got):\n%s", diff)
	}
	env, _ := c.Policy().Environment("development")
	if env.Epoch != 2 {
		t.Errorf("the environment is at epoch %d", env.Epoch)
	}
}

func TestBesideReadsAnotherHistoryAndWritesNothing(t *testing.T) {
	a := newApart(t)
	vaulttest.Set(t, a.ana, "development", "A", "a2")
	vaulttest.Set(t, a.ben, "development", "A", "a3")
	view := a.ben.Beside(a.meet(t))
	if got := vaulttest.Values(t, view, "development")["A"]; got != "a2" {
		t.Errorf("beside, A is %q", got)
	}
	if got := vaulttest.Values(t, a.ben, "development")["A"]; got != "a3" {
		t.Errorf("here, A is %q", got)
	}
	d := view.Draft()
	d.Set("development", "A", keys.NewSecret([]byte("x")), vault.Meta{})
	if _, err := d.Commit(t.Context(), "a change"); !errors.Is(err, vault.ErrReadOnly) {
		t.Errorf("a view was written: %v", err)
	}
}
