package vault_test

import (
	"crypto/rand"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/sign"
	"github.com/secr/secr/keys/wrap"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/change"
	"github.com/secr/secr/vault/record"
	"github.com/secr/secr/vault/repo"
	"github.com/secr/secr/vault/team"
	"github.com/secr/secr/vault/vaulttest"
)

// forge writes any files as a change signed by a machine's device, and has it
// verified as every client would; nil deletes a file. The honest code has no part
// in what the change holds.
func forge(t *testing.T, v *vault.Vault, m vaulttest.Machine, handle string, files map[string][]byte) (*chain.State, error) {
	t.Helper()
	signing, opening := m.Seed.Device(v.State().Founding().Nonce)
	identity, err := wrap.NewIdentity(opening)
	if err != nil {
		t.Fatal(err)
	}
	signer := sign.NewSigner(signing)
	b := v.Repo().Batch()
	edits := map[string]repo.Hash{}
	var sums []change.Sum
	for _, path := range slices.Sorted(maps.Keys(files)) {
		touched := chain.Touched{Path: path}
		edits[path] = repo.Hash{}
		if files[path] != nil {
			edits[path] = b.Blob(files[path])
			touched.New = change.NewBlob(files[path])
		}
		sums = append(sums, touched.SumOf())
	}
	tree, err := b.Edit(v.State().Tree(), edits)
	if err != nil {
		t.Fatal(err)
	}
	head := v.Head()
	d := change.Draft{
		Tree: tree, Parent: head.ID, ParentSum: head.Sum, Seq: head.Seq + 1,
		Author:  change.Author{Handle: handle, Device: policy.DeviceID(signer.Public(), identity.Recipient()), Vault: v.ID()},
		Time:    head.Time,
		Subject: "nothing to see here", ChangesSum: change.ChangesSum(sums),
	}
	rand.Read(d.Op[:])
	raw, err := d.Encode(signer.SignCommit)
	if err != nil {
		t.Fatal(err)
	}
	id := b.Commit(raw)
	if err := b.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return vault.Verify(t.Context(), v.Repo(), v.State(), id)
}

// plant is a forged change that verifies, made the head.
func plant(t *testing.T, v *vault.Vault, m vaulttest.Machine, handle string, files map[string][]byte) {
	t.Helper()
	s, err := forge(t, v, m, handle, files)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Adopt(t.Context(), s); err != nil {
		t.Fatal(err)
	}
}

// keychain is what a machine can open in a vault, by its own means.
type keychain struct {
	t *testing.T
	v *vault.Vault
	m vaulttest.Machine
}

func (k keychain) file(path string) []byte {
	k.t.Helper()
	id, _, ok := k.v.State().File(path)
	if !ok {
		k.t.Fatalf("no file %s", path)
	}
	data, err := k.v.Repo().Blob(id)
	if err != nil {
		k.t.Fatal(err)
	}
	return data
}

func (k keychain) role(name string) (keys.Key, wrap.Identity) {
	k.t.Helper()
	_, opening := k.m.Seed.Device(k.v.State().Founding().Nonce)
	own, err := wrap.NewIdentity(opening)
	if err != nil {
		k.t.Fatal(err)
	}
	r, _ := k.v.Policy().Role(name)
	path := policy.KeyFolder(policy.KeyRef{Kind: policy.RoleKey, Name: name}, r.Epoch) + k.m.Device(k.t, k.v, "laptop").ID + ".age"
	key, err := own.Unwrap(k.file(path), wrap.Context{Kind: wrap.Role, Vault: k.v.ID(), Name: name, Epoch: r.Epoch})
	if err != nil {
		k.t.Fatal(err)
	}
	identity, err := wrap.NewIdentity(key)
	if err != nil {
		k.t.Fatal(err)
	}
	return key, identity
}

func (k keychain) environment(role, name string) keys.Key {
	k.t.Helper()
	e, _ := k.v.Policy().Environment(name)
	_, identity := k.role(role)
	key, err := identity.Unwrap(k.file(policy.KeyFolder(policy.KeyRef{Kind: policy.EnvironmentKey, Name: name}, e.Epoch)+role+".age"),
		wrap.Context{Kind: wrap.Environment, Vault: k.v.ID(), Name: name, Epoch: e.Epoch})
	if err != nil {
		k.t.Fatal(err)
	}
	return key
}

// record is the record of a secret and its id.
func (k keychain) record(environment, name string) (string, chain.Entry) {
	k.t.Helper()
	list, err := k.v.List(k.t.Context(), environment)
	if err != nil {
		k.t.Fatal(err)
	}
	for _, e := range list {
		if e.Label.Name == name {
			entry, _ := k.v.State().Secret(environment, e.ID)
			return e.ID, entry
		}
	}
	k.t.Fatalf("no secret %s", name)
	return "", chain.Entry{}
}

// next is the header of a record that replaces another.
func next(v *vault.Vault, old chain.Entry, kind record.Kind) record.Header {
	seq := v.Head().Seq + 1
	return record.Header{
		Kind: kind, State: record.Live, Epoch: old.Epoch, Version: old.Version + 1, Seq: seq, Since: seq,
		Before: &record.Before{Hash: old.Hash, Sum: old.Sum},
	}
}

// lied asserts that err is an integrity error that names a change and its signer.
func lied(t *testing.T, err error, signer string) {
	t.Helper()
	var lie *vault.IntegrityError
	if !errors.As(err, &lie) {
		t.Fatalf("not an integrity error: %v", err)
	}
	if lie.Signer != signer || lie.Seq == 0 {
		t.Errorf("signer %q, change %d: %v", lie.Signer, lie.Seq, err)
	}
}

func TestWritersLieInALabelIsNamed(t *testing.T) {
	ana, ben := vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Set(t, v, "development", "A", "one", "B", "two")
	vaulttest.Admit(t, v, ben, "ben", policy.Developer)
	b := ben.Pull(t, v)
	k := keychain{t, b, ben}
	key := k.environment(policy.Developer, "development")
	id, old := k.record("development", "A")
	data, err := record.Seal(record.SealInput{
		Where:  record.Where{Vault: b.ID(), Environment: "development", ID: id},
		Header: next(b, old, record.Set),
		Label:  record.Label{Name: "B", Kind: record.Variable}, Value: vaulttest.Secret("evil"),
		Names: keys.NamesKey(key), Key: keys.ValueKey(key),
	})
	if err != nil {
		t.Fatal(err)
	}
	plant(t, b, ben, "ben", map[string][]byte{old.Path: data})
	a := ana.Pull(t, b)
	_, err = a.List(t.Context(), "development")
	lied(t, err, "ben")
	_, err = vaulttest.TryValues(t.Context(), a, "development")
	lied(t, err, "ben")
}

func TestRecordUnderAnotherKeyIsNamed(t *testing.T) {
	ana := vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Set(t, v, "development", "A", "one")
	k := keychain{t, v, ana}
	key := k.environment(policy.Admin, "development")
	id, old := k.record("development", "A")
	data, err := record.Seal(record.SealInput{
		Where:  record.Where{Vault: v.ID(), Environment: "development", ID: id},
		Header: next(v, old, record.Set),
		Label:  record.Label{Name: "A", Kind: record.Variable}, Value: vaulttest.Secret("evil"),
		Names: keys.NamesKey(key), Key: keys.NewKey(),
	})
	if err != nil {
		t.Fatal(err)
	}
	plant(t, v, ana, "ana", map[string][]byte{old.Path: data})
	if _, err := v.List(t.Context(), "development"); err != nil {
		t.Error(err)
	}
	_, err = vaulttest.TryValues(t.Context(), v, "development")
	lied(t, err, "ana")
}

// A manager who hands one colleague another role key than everybody else is found
// out by that colleague, before he reads or writes anything with it.
func TestWrongKeyForOneColleagueIsNamed(t *testing.T) {
	ana, ben := vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Set(t, v, "development", "A", "one")
	d := ben.Device(t, v, "laptop")
	draft := v.Policy().Clone()
	if err := team.Admit(team.Admission{Handle: "ben", Kind: policy.Person, Roles: []string{policy.Developer}, Device: d})(draft); err != nil {
		t.Fatal(err)
	}
	p, err := draft.Check()
	if err != nil {
		t.Fatal(err)
	}
	to, err := wrap.ParseRecipient(d.Recipient)
	if err != nil {
		t.Fatal(err)
	}
	file, err := wrap.Wrap(to, wrap.Context{Kind: wrap.Role, Vault: v.ID(), Name: policy.Developer, Epoch: 1}, keys.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	path := policy.MemberPath(d.ID)
	plant(t, v, ana, "ana", map[string][]byte{path: p.Files()[path], "keys/roles/developer/1/" + d.ID + ".age": file})
	_, err = vaulttest.TryValues(t.Context(), ben.Pull(t, v), "development")
	lied(t, err, "ana")
}

// A rotation sees every value and could swap one: each reader compares.
func TestRotationThatChangesAValueIsNamed(t *testing.T) {
	ana, ben := vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Set(t, v, "development", "A", "one", "B", "two")
	vaulttest.Admit(t, v, ben, "ben", policy.Developer)
	b := ben.Pull(t, v)
	vaulttest.Values(t, b, "development")
	files := rotation(t, v, ana, "development", func(name string, value keys.Secret) keys.Secret {
		if name == "A" {
			return vaulttest.Secret("evil")
		}
		return value
	})
	plant(t, v, ana, "ana", files)
	b = ben.Pull(t, v)
	_, err := vaulttest.TryValues(t.Context(), b, "development")
	lied(t, err, "ana")
	lied(t, b.EnsureSnapshot(t.Context(), "development"), "ana")
	lied(t, b.Check(t.Context(), "development"), "ana")
	one, err := b.Reveal(t.Context(), vaulttest.Willing(), vault.Request{Environment: "development", Names: []string{"B"}})
	if err != nil || len(one) != 1 {
		t.Errorf("what was left alone: %v", err)
	}
}
