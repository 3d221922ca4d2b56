package vault_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/local"
	"github.com/secr/secr/vault/team"
	"github.com/secr/secr/vault/vaulttest"
)

var errCut = errors.New("the power is gone")

// cutAfter is a disk that does n steps, and then none ever again.
func cutAfter(n int) local.Disk {
	return local.Traced(func(local.Op) error {
		if n--; n < 0 {
			return errCut
		}
		return nil
	})
}

// TestInterruptedAnywhereTheOldStateOrTheNew cuts each kind of change after every
// number of steps that reach the disk.
func TestInterruptedAnywhereTheOldStateOrTheNew(t *testing.T) {
	ana, ben := vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Set(t, v, "development", "A", "one", "B", "two")
	vaulttest.Admit(t, v, ben, "ben", policy.Admin)
	start := v.Head()
	before := map[string]string{"A": "one", "B": "two"}
	many := map[string]string{"A": "one", "B": "two"}
	for i := range 12 {
		many[fmt.Sprintf("N%d", i)] = "x"
	}
	for name, c := range map[string]struct {
		draft func(*vault.Draft)
		after map[string]string
	}{
		"set": {func(d *vault.Draft) { d.Set("development", "A", vaulttest.Secret("three"), vault.Meta{}) }, map[string]string{"A": "three", "B": "two"}},
		"import": {func(d *vault.Draft) {
			for i := range 12 {
				d.Set("development", fmt.Sprintf("N%d", i), vaulttest.Secret("x"), vault.Meta{})
			}
		}, many},
		"remove a manager": {func(d *vault.Draft) { d.EditPolicy(team.Remove("ben")) }, before},
		"rotate":           {func(d *vault.Draft) { d.Rotate() }, before},
	} {
		t.Run(name, func(t *testing.T) {
			done := false
			for n := 0; !done; n += stride(t) {
				m := ana.Clone(t)
				o := m.Options(v.ID())
				o.Disk = cutAfter(n)
				cut, err := vault.Open(t.Context(), o)
				if err != nil {
					t.Fatalf("open, which writes nothing: %v", err)
				}
				d := cut.Draft()
				c.draft(d)
				_, err = d.Commit(t.Context(), "a change")
				cut.Close()
				done = err == nil
				if err != nil && !errors.Is(err, errCut) {
					t.Fatalf("after %d steps: %v", n, err)
				}
				w := m.Open(t, v.ID())
				want := before
				switch {
				case w.Head().Seq == start.Seq+1:
					want = c.after
				case w.Head() != start || done:
					t.Fatalf("after %d steps the head is %v", n, w.Head())
				}
				if diff := cmp.Diff(want, vaulttest.Values(t, w, "development")); diff != "" {
					t.Errorf("after %d steps: %s", n, diff)
				}
				vaulttest.Set(t, w, "development", "AFTER", "works")
				if n%2 == 0 || done {
					checkGit(t, w)
				}
			}
		})
	}
}

// stride is how many points are left out between two that are tried: each fifth
// is tried unless SECR_TEST_LONG=1 is set.
func stride(t *testing.T) int {
	t.Helper()
	if os.Getenv("SECR_TEST_LONG") == "1" {
		return 1
	}
	return 5
}

// checkGit asks stock git what it thinks of the repository.
func checkGit(t *testing.T, v *vault.Vault) {
	t.Helper()
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("git is not installed")
	}
	out, err := exec.CommandContext(context.WithoutCancel(t.Context()), git, "--git-dir="+v.Repo().Dir(), "fsck", "--strict").CombinedOutput()
	if err != nil {
		t.Errorf("git fsck: %v\n%s", err, out)
	}
	at, err := v.Repo().Ref("refs/heads/secr/vault")
	if err != nil || at != v.Head().ID {
		t.Errorf("the ref is at %v, %v", at, err)
	}
}
