package chaintest

import (
	"github.com/secr/secr/keys"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/change"
	"github.com/secr/secr/vault/record"
)

// Set is an honest change that gives one secret a value.
func (w *World) Set(by *Actor, environment, name, value string) *Draft {
	w.t.Helper()
	d := w.Draft(by)
	w.Write(d, environment, Plain{name, []byte(value)}, nil)
	return d
}

// Delete is an honest change that leaves a tombstone.
func (w *World) Delete(by *Actor, environment, name string) *Draft {
	w.t.Helper()
	d := w.Draft(by)
	w.Write(d, environment, Plain{name, nil}, func(in *record.SealInput) { in.Header.Kind = record.Delete })
	return d
}

// Relabel is an honest change that gives one secret another note.
func (w *World) Relabel(by *Actor, environment, name, note string) *Draft {
	w.t.Helper()
	d := w.Draft(by)
	e, ok := w.State.Secret(environment, w.SecretID(environment, name))
	if !ok {
		w.t.Fatalf("no secret %s", name)
	}
	w.Write(d, environment, w.plain[e.Hash], func(in *record.SealInput) {
		in.Header.Kind, in.Label.Note, in.Header.Since = record.Relabel, note, e.Since
	})
	return d
}

// Write puts the next record of a secret into a draft. With spoil, the input of the seal
// can be altered first.
func (w *World) Write(d *Draft, environment string, p Plain, spoil func(*record.SealInput)) {
	w.t.Helper()
	w.WriteUnder(d, d.Parent.Policy(), environment, p, spoil)
}

// WriteUnder is Write under the keys of a policy that is not the parent's.
func (w *World) WriteUnder(d *Draft, under *policy.Policy, environment string, p Plain, spoil func(*record.SealInput)) {
	w.t.Helper()
	id := keys.SecretID(w.idKey(d.Parent.Policy(), environment), p.Name)
	e, _ := d.Parent.Secret(environment, id)
	in := w.input(d, under, environment, id, e)
	in.Header.Kind, in.Header.Version, in.Header.Since = record.Set, e.Version+1, in.Header.Seq
	in.Label, in.Value = record.Label{Name: p.Name, Kind: record.Variable}, keys.NewSecret(p.Value)
	if spoil != nil {
		spoil(&in)
	}
	d.Files[chain.SecretPath(environment, id)] = w.SealRecord(in)
}

// SealRecord seals a record and remembers what is in it.
func (w *World) SealRecord(in record.SealInput) []byte {
	w.t.Helper()
	data, err := record.Seal(in)
	w.must(err)
	w.plain[change.BlobID(data)] = Plain{in.Label.Name, in.Value.Reveal()}
	return data
}

// reseal is a secret's record under the environment's new key.
func (w *World) reseal(d *Draft, p *policy.Policy, environment, id string, e chain.Entry) []byte {
	in := w.input(d, p, environment, id, e)
	plain := w.plain[e.Hash]
	in.Header.Kind, in.Header.State = record.Reseal, record.Live
	if e.Deleted {
		in.Header.State = record.Deleted
	}
	in.Header.Version, in.Header.Since = e.Version, e.Since
	in.Label, in.Value = record.Label{Name: plain.Name, Kind: record.Variable}, keys.NewSecret(plain.Value)
	return w.SealRecord(in)
}

// input is what the seal of any record in place of e begins with.
func (w *World) input(d *Draft, p *policy.Policy, environment, id string, e chain.Entry) record.SealInput {
	key := w.Environment(p, environment).Key
	in := record.SealInput{
		Where: record.Where{Vault: w.Vault, Environment: environment, ID: id},
		Names: keys.NamesKey(key), Key: keys.ValueKey(key),
	}
	in.Header.Seq = d.Parent.Head().Seq + 1
	in.Header.Epoch = p.Epoch(policy.KeyRef{Kind: policy.EnvironmentKey, Name: environment})
	if e.Version > 0 {
		in.Header.Before = &record.Before{Hash: e.Hash, Sum: e.Sum}
	}
	return in
}

// Plain is what is sealed in a secret's record of the current state.
func (w *World) Plain(e chain.Entry) Plain { return w.plain[e.Hash] }
