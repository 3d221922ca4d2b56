package vault_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/wrap"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/record"
	"github.com/secr/secr/vault/vaulttest"
)

// checkedKeys are the paths that were looked at, and what was wrong with them.
func checkedKeys(t *testing.T, v *vault.Vault) (paths []string, wrong []error) {
	t.Helper()
	err := v.CheckKeys(t.Context(), func(path string, err error) bool {
		paths = append(paths, path)
		if err != nil {
			wrong = append(wrong, err)
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths, wrong
}

func checkedRecords(t *testing.T, v *vault.Vault, environment string) (vault.Checks, []error) {
	t.Helper()
	var wrong []error
	sum, err := v.CheckRecords(t.Context(), environment, func(err error) bool {
		wrong = append(wrong, err)
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return sum, wrong
}

func TestManagerChecksEveryWrapOfTheVault(t *testing.T) {
	ana, ben := vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Set(t, v, "development", "A", "one")
	vaulttest.Admit(t, v, ben, "ben", policy.Developer)
	d := v.Draft()
	d.Rotate(policy.KeyRef{Kind: policy.EnvironmentKey, Name: "development"}, policy.KeyRef{Kind: policy.AuditKey})
	vaulttest.Commit(t, d)
	looked, wrong := checkedKeys(t, v)
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	seen := map[string]bool{}
	for _, path := range looked {
		seen[path] = true
	}
	for f := range v.State().Files("keys") {
		toBen := strings.HasSuffix(f.Path, ben.Device(t, v, "laptop").ID+".age")
		if !seen[f.Path] && !toBen {
			t.Errorf("%s was not looked at", f.Path)
		}
	}
	if looked, wrong = checkedKeys(t, ben.Pull(t, v)); len(wrong) > 0 || len(looked) < 6 {
		t.Errorf("ben looked at %q and found %v", looked, wrong)
	}
}

func TestWrongKeyForAnyRoleIsFoundByWhoCanOpenIt(t *testing.T) {
	ana, ben := vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Set(t, v, "development", "A", "one")
	vaulttest.Admit(t, v, ben, "ben", policy.Viewer)
	// A new role that ana doesn't have, and that gets another key than development's.
	draft := v.Policy().Clone()
	draft.PutRole(policy.Role{Name: "robot", Grants: map[string]policy.Level{"development": policy.Read}})
	files := roleFiles(t, v, draft, "robot", keychain{t, v, ana}.environment(policy.Admin, "development"), keys.NewKey())
	plant(t, v, ana, "ana", files)
	if _, err := vaulttest.TryValues(t.Context(), v, "development"); err != nil {
		t.Fatalf("reading needs the wrap: %v", err)
	}
	_, wrong := checkedKeys(t, v)
	if len(wrong) != 1 {
		t.Fatalf("found %v", wrong)
	}
	lied(t, wrong[0], "ana")
	if _, wrong := checkedKeys(t, ben.Pull(t, v)); len(wrong) > 0 {
		t.Errorf("ben can't open it: %v", wrong)
	}
}

// roleFiles is the change that adds a role to development, with a key in place of the
// environment's.
func roleFiles(t *testing.T, v *vault.Vault, draft *policy.Policy, name string, right, key keys.Key) map[string][]byte {
	t.Helper()
	roleKey := keys.NewKey()
	identity, err := wrap.NewIdentity(roleKey)
	if err != nil {
		t.Fatal(err)
	}
	r, _ := draft.Role(name)
	draft.PutRole(r.Turned(identity.Recipient()))
	p, err := draft.Check()
	if err != nil {
		t.Fatal(err)
	}
	files := policy.Changed(v.Policy(), p)
	e, _ := p.Environment("development")
	for _, c := range policy.KeyChanges(v.Policy(), p) {
		for _, w := range c.Wraps {
			to, err := wrap.ParseRecipient(w.Recipient)
			if err != nil {
				t.Fatal(err)
			}
			x, k := wrap.Context{Kind: wrap.Role, Vault: v.ID(), Name: name, Epoch: 1}, roleKey
			switch w.Kind {
			case policy.WrapEnvironment:
				x, k = wrap.Context{Kind: wrap.Environment, Vault: v.ID(), Name: e.Name, Epoch: e.Epoch}, key
			case policy.WrapNames:
				x.Kind, x.Name, x.Epoch = wrap.Names, e.Name, e.Epoch
				k = keys.NamesKey(right)
			}
			if files[w.Path], err = wrap.Wrap(to, x, k); err != nil {
				t.Fatal(err)
			}
		}
	}
	return files
}

func TestAnOldRotationThatChangedAValueIsFoundLater(t *testing.T) {
	ana, ben := vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Set(t, v, "development", "A", "one", "B", "two")
	vaulttest.Admit(t, v, ben, "ben", policy.Viewer)
	plant(t, v, ana, "ana", rotation(t, v, ana, "development", func(name string, value keys.Secret) keys.Secret {
		if name == "A" {
			return vaulttest.Secret("evil")
		}
		return value
	}))
	vaulttest.Set(t, v, "development", "A", "one again") // and covers it up
	b := ben.Pull(t, v)
	if _, err := vaulttest.TryValues(t.Context(), b, "development"); err != nil {
		t.Fatal(err)
	}
	sum, wrong := checkedRecords(t, b, "development")
	if len(wrong) != 1 {
		t.Fatalf("found %v in %+v", wrong, sum)
	}
	lied(t, wrong[0], "ana")
	var where *vault.IntegrityError
	if errors.As(wrong[0], &where); where.Seq != 4 {
		t.Errorf("it was change %d", where.Seq)
	}
	if sum.Records != 5 || sum.Reseals != 2 {
		t.Errorf("looked at %+v", sum)
	}
}

func TestRecordsAreCheckedWithListAlone(t *testing.T) {
	ana, ben := vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Edit(t, v, func(p *policy.Policy) error {
		p.PutRole(policy.Role{Name: "lister", Grants: map[string]policy.Level{"development": policy.List}})
		return nil
	})
	vaulttest.Set(t, v, "development", "A", "one")
	vaulttest.Admit(t, v, ben, "ben", "lister")
	id, old := keychain{t, v, ana}.record("development", "A")
	sum, wrong := checkedRecords(t, ben.Pull(t, v), "development")
	if len(wrong) > 0 || sum != (vault.Checks{Records: 1, Labels: 1}) {
		t.Errorf("%+v, %v", sum, wrong)
	}
	key := keychain{t, v, ana}.environment(policy.Admin, "development")
	data, err := record.Seal(record.SealInput{
		Where:  record.Where{Vault: v.ID(), Environment: "development", ID: id},
		Header: next(v, old, record.Set),
		Label:  record.Label{Name: "B", Kind: record.Variable}, Value: vaulttest.Secret("x"),
		Names: keys.NamesKey(key), Key: keys.ValueKey(key),
	})
	if err != nil {
		t.Fatal(err)
	}
	plant(t, v, ana, "ana", map[string][]byte{old.Path: data})
	if _, wrong = checkedRecords(t, ben.Pull(t, v), "development"); len(wrong) != 1 {
		t.Errorf("found %v", wrong)
	}
}
