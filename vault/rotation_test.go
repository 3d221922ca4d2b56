package vault_test

import (
	"encoding/binary"
	"testing"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/wrap"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/record"
	"github.com/secr/secr/vault/vaulttest"
)

// rotation is the files of a change that turns one environment's key, made by hand
// so that a test can leave its rules. swap says what becomes of each value.
func rotation(t *testing.T, v *vault.Vault, m vaulttest.Machine, environment string, swap func(string, keys.Secret) keys.Secret) map[string][]byte {
	t.Helper()
	k := keychain{t, v, m}
	e, _ := v.Policy().Environment(environment)
	ref := policy.KeyRef{Kind: policy.EnvironmentKey, Name: environment}
	old, made := k.environment(policy.Admin, environment), keys.NewKey()
	draft := v.Policy().Clone()
	draft.PutEnvironment(e.Turned(policy.Commitments{
		Environment: keys.Commit(keys.CommitEnvironment, v.ID(), environment, e.Epoch+1, made),
		Names:       keys.Commit(keys.CommitNames, v.ID(), environment, e.Epoch+1, keys.NamesKey(made)),
	}))
	p, err := draft.Check()
	if err != nil {
		t.Fatal(err)
	}
	path := policy.EnvironmentPath(environment)
	files := map[string][]byte{path: p.Files()[path]}
	for f := range v.State().Files("keys/environments/" + environment + "/1") {
		files[f.Path] = nil
	}
	idKey, err := keys.Open(keys.NamesKey(old), ad("secr/1 id key\n", v, environment, 1), k.file(policy.IDKeyPath(environment, 1)))
	if err != nil {
		t.Fatal(err)
	}
	files[policy.IDKeyPath(environment, 2)] = keys.Seal(keys.NamesKey(made), ad("secr/1 id key\n", v, environment, 2), idKey)
	files[policy.PreviousPath(ref, 2)] = keys.Seal(made, ad("secr/1 previous\n", v, environment, 2), old.Reveal())
	for _, f := range p.KeyFiles(ref) {
		c, key := wrap.Context{Kind: wrap.Environment, Vault: v.ID(), Name: environment, Epoch: 2}, made
		if f.Kind == policy.WrapNames {
			c.Kind, key = wrap.Names, keys.NamesKey(made)
		}
		to, err := wrap.ParseRecipient(f.Recipient)
		if err != nil {
			t.Fatal(err)
		}
		if files[f.Path], err = wrap.Wrap(to, c, key); err != nil {
			t.Fatal(err)
		}
	}
	for id, entry := range v.State().Secrets(environment) {
		where := record.Where{Vault: v.ID(), Environment: environment, ID: id}
		r, err := record.Parse(k.file(entry.Path))
		if err != nil {
			t.Fatal(err)
		}
		label, err := r.OpenLabel(keys.NamesKey(old), where)
		if err != nil {
			t.Fatal(err)
		}
		value, err := r.OpenValue(keys.ValueKey(old), where)
		if err != nil {
			t.Fatal(err)
		}
		h := next(v, entry, record.Reseal)
		h.Version, h.Since, h.Epoch = entry.Version, entry.Since, 2
		if files[entry.Path], err = record.Seal(record.SealInput{
			Where: where, Header: h, Label: label, Value: swap(label.Name, value),
			Names: keys.NamesKey(made), Key: keys.ValueKey(made),
		}); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func ad(domain string, v *vault.Vault, environment string, epoch uint64) []byte {
	b := append([]byte(domain), keys.LP([]byte(v.ID()))...)
	b = append(b, keys.LP([]byte(environment))...)
	return binary.BigEndian.AppendUint64(b, epoch)
}
