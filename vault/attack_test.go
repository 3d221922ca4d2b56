package vault_test

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/wrap"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/record"
	"github.com/secr/secr/vault/team"
	"github.com/secr/secr/vault/vaulttest"
)

// refused asserts that a forged change does not verify, for the reason given.
func refused(t *testing.T, v *vault.Vault, m vaulttest.Machine, handle string, class chain.Class, files map[string][]byte) {
	t.Helper()
	_, err := forge(t, v, m, handle, files)
	if !errors.Is(err, &chain.Error{Class: class}) {
		t.Errorf("want %s, got %v", class, err)
	}
}

// policyFiles is the files of policy that edits change.
func policyFiles(t *testing.T, v *vault.Vault, edits ...team.Edit) map[string][]byte {
	t.Helper()
	draft := v.Policy().Clone()
	for _, e := range edits {
		if err := e(draft); err != nil {
			t.Fatal(err)
		}
	}
	p, err := draft.Check()
	if err != nil {
		t.Fatal(err)
	}
	old, files := v.Policy().Files(), map[string][]byte{}
	for path, data := range p.Files() {
		if string(old[path]) != string(data) {
			files[path] = data
		}
	}
	return files
}

// sealed is a new record of a secret, well made.
func sealed(t *testing.T, k keychain, key keys.Key, environment, name, value string) map[string][]byte {
	t.Helper()
	id, old := k.record(environment, name)
	data, err := record.Seal(record.SealInput{
		Where:  record.Where{Vault: k.v.ID(), Environment: environment, ID: id},
		Header: next(k.v, old, record.Set),
		Label:  record.Label{Name: name, Kind: record.Variable}, Value: vaulttest.Secret(value),
		Names: keys.NamesKey(key), Key: keys.ValueKey(key),
	})
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{old.Path: data}
}

// wrapped is a role key wrapped to a recipient.
func wrapped(t *testing.T, v *vault.Vault, recipient, role string, key keys.Key) []byte {
	t.Helper()
	to, err := wrap.ParseRecipient(recipient)
	if err != nil {
		t.Fatal(err)
	}
	file, err := wrap.Wrap(to, wrap.Context{Kind: wrap.Role, Vault: v.ID(), Name: role, Epoch: 1}, key)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func merge(all ...map[string][]byte) map[string][]byte {
	out := map[string][]byte{}
	for _, m := range all {
		maps.Copy(out, m)
	}
	return out
}

// TestForgedChangesAreRefused lets members write what they like, with their own
// keys and well signed, and expects every other client to refuse it.
func TestForgedChangesAreRefused(t *testing.T) {
	ana, ben, cleo, eve := vaulttest.NewMachine(t), vaulttest.NewMachine(t), vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Set(t, v, "development", "A", "one", "B", "two")
	vaulttest.Admit(t, v, ben, "ben", policy.Developer)
	vaulttest.Admit(t, v, cleo, "cleo", policy.Viewer)
	k := keychain{t, v, ana}
	roleKey, _ := k.role(policy.Admin)
	eveDevice := eve.Device(t, v, "laptop")
	hidden := "keys/roles/admin/1/" + eveDevice.ID + ".age"
	turn := rotation(t, v, ana, "development", func(_ string, s keys.Secret) keys.Secret { return s })
	without := func(part string) map[string][]byte {
		out := maps.Clone(turn)
		for path, data := range turn {
			if data != nil && strings.Contains(path, part) {
				delete(out, path)
				break
			}
		}
		return out
	}
	benID := ben.Device(t, v, "laptop").ID
	promote := policyFiles(t, v, team.AddRole("cleo", policy.Admin))
	cleoKey := "keys/roles/admin/1/" + cleo.Device(t, v, "laptop").ID + ".age"
	promote[cleoKey] = wrapped(t, v, cleo.Device(t, v, "laptop").Recipient, policy.Admin, roleKey)
	second := eveDevice
	second.Name = "second"

	for name, c := range map[string]struct {
		by     vaulttest.Machine
		handle string
		class  chain.Class
		files  map[string][]byte
	}{
		"a viewer's write":            {cleo, "cleo", chain.Denied, sealed(t, keychain{t, v, cleo}, keychain{t, v, cleo}.environment(policy.Viewer, "development"), "development", "A", "evil")},
		"somebody else's handle":      {cleo, "ana", chain.Denied, promote},
		"self-promotion":              {cleo, "cleo", chain.Denied, promote},
		"promotion and use in one":    {ana, "ana", chain.Denied, merge(promote, sealed(t, k, k.environment(policy.Admin, "development"), "development", "A", "evil"))},
		"a stranger's write":          {eve, "eve", chain.BadSignature, sealed(t, k, k.environment(policy.Admin, "development"), "development", "A", "evil")},
		"a hidden extra recipient":    {ana, "ana", chain.Denied, map[string][]byte{hidden: wrapped(t, v, eveDevice.Recipient, policy.Admin, roleKey)}},
		"removal without rotation":    {ana, "ana", chain.Incomplete, policyFiles(t, v, team.Remove("ben"))},
		"a device without rotation":   {ana, "ana", chain.Incomplete, policyFiles(t, v, team.AddDevice("ben", second), team.RemoveDevice("ben", benID))},
		"a rotation that forgets one": {ana, "ana", chain.Incomplete, without("secrets/")},
		"a rotation without a wrap":   {ana, "ana", chain.Incomplete, without("viewer.age")},
		"a rotation without previous": {ana, "ana", chain.Incomplete, without("previous")},
		"a member without a wrap":     {ana, "ana", chain.Incomplete, policyFiles(t, v, team.Admit(team.Admission{Handle: "eve", Kind: policy.Person, Roles: []string{policy.Viewer}, Device: eveDevice}))},
		"a file that no vault has":    {ana, "ana", chain.Malformed, map[string][]byte{"README.md": []byte("hello")}},
		"another founding file":       {ana, "ana", chain.Denied, map[string][]byte{policy.FoundingPath: []byte("{}\n")}},
	} {
		t.Run(name, func(t *testing.T) { refused(t, v, c.by, c.handle, c.class, c.files) })
	}
}

func TestSomebodyElsesKeyCannotBeRegistered(t *testing.T) {
	ana, eve := vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v := ana.Init(t)
	owned := v.Policy().Members()[0].Devices[0]
	admission := team.Admission{Handle: "eve", Kind: policy.Person, Roles: []string{policy.Viewer}, Device: eve.Device(t, v, "laptop")}
	for name, alter := range map[string]func(*policy.Device){
		"ana's recipient":     func(d *policy.Device) { d.Recipient = owned.Recipient },
		"ana's signing key":   func(d *policy.Device) { d.Sign = owned.Sign },
		"another's signature": func(d *policy.Device) { d.Join = owned.Join },
		"another invite":      func(d *policy.Device) { d.Invite = "abcdefghijklmnopqrstuvwxyz" },
	} {
		t.Run(name, func(t *testing.T) {
			a := admission
			alter(&a.Device)
			a.Device.ID = policy.DeviceID(a.Device.Sign, a.Device.Recipient)
			d := v.Draft()
			d.EditPolicy(func(p *policy.Policy) error { // not team.Admit, which looks first
				p.PutMember(policy.Member{ID: a.Device.ID, Handle: a.Handle, Kind: a.Kind, Roles: a.Roles, Devices: []policy.Device{a.Device}})
				return nil
			})
			if _, err := d.Commit(t.Context(), "admit"); err == nil {
				t.Error("admitted")
			}
		})
	}
}

// A removed manager has every key that he ever held, and the newest repository.
func TestRemovedManagersKeysOpenNothingNew(t *testing.T) {
	ana, ben := vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Set(t, v, "production", "A", "old")
	vaulttest.Admit(t, v, ben, "ben", policy.Admin)
	k := keychain{t, ben.Pull(t, v), ben}
	var roles []wrap.Identity
	for _, name := range []string{policy.Admin} {
		_, i := k.role(name)
		roles = append(roles, i)
		for _, other := range []string{policy.Viewer, policy.Developer} {
			key, err := i.Unwrap(k.file("keys/roles/"+other+"/1/@admin.age"), wrap.Context{Kind: wrap.Role, Vault: v.ID(), Name: other, Epoch: 1})
			if err != nil {
				t.Fatal(err)
			}
			j, err := wrap.NewIdentity(key)
			if err != nil {
				t.Fatal(err)
			}
			roles = append(roles, j)
		}
	}
	_, opening := ben.Seed.Device(v.State().Founding().Nonce)
	own, err := wrap.NewIdentity(opening)
	if err != nil {
		t.Fatal(err)
	}
	roles = append(roles, own)
	old := k.environment(policy.Admin, "production")
	vaulttest.Edit(t, v, team.Remove("ben"))
	vaulttest.Set(t, v, "production", "A", "new")

	after := keychain{t, ben.Pull(t, v), ben}
	for f := range after.v.State().Files("keys") {
		for _, i := range roles {
			if _, err := i.OpenFrom(after.file(f.Path)); err == nil {
				t.Errorf("a key that ben has opens %s", f.Path)
			}
		}
	}
	for id, e := range after.v.State().Secrets("production") {
		r, err := record.Parse(after.file(e.Path))
		if err != nil {
			t.Fatal(err)
		}
		where := record.Where{Vault: v.ID(), Environment: "production", ID: id}
		if _, err := r.OpenLabel(keys.NamesKey(old), where); err == nil {
			t.Error("the old names key opens a new label")
		}
		if _, err := r.OpenValue(keys.ValueKey(old), where); err == nil {
			t.Error("the old key opens a new value")
		}
	}
	refused(t, after.v, ben, "ben", chain.Denied, map[string][]byte{"secrets/production/aa/" + strings.Repeat("a", 40): []byte("x")})
}
