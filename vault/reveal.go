package vault

import (
	"cmp"
	"context"
	"slices"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/chain"
)

// Witness notes a reading before it happens.
type Witness interface {
	// Witness is told what is about to be read. When it fails nothing is yielded.
	Witness(ctx context.Context, r Reading) error
}

// WitnessFunc is a function as a [Witness].
type WitnessFunc func(ctx context.Context, r Reading) error

// Witness calls f.
func (f WitnessFunc) Witness(ctx context.Context, r Reading) error { return f(ctx, r) }

// Reading is what a witness is told: who reads which secrets of which state, for what.
type Reading struct {
	Vault, Environment string
	Device, Handle     string     // empty for a cloud reader
	CloudKey           string     // the cloud key that opened a role, empty if none did
	Head               chain.Head // the state that is read
	Receipts           policy.Receipts
	Action, Reason     string
	All                bool    // all secrets of the environment were asked for
	Secrets            []Entry // those that are yielded
}

// Request is what to reveal.
type Request struct {
	Environment string
	Names       []string // nil is all
	Version     uint64   // 0 is the current one; else that version of the one name in Names
	Action      string   // what for, in a word: run, get, export
	Reason      string   // what the person said, where policy asks for it
}

// Value is a secret with its value.
type Value struct {
	Entry
	Secret keys.Secret
}

// Reveal yields values, in the order of r.Names, or all sorted by name. It is the
// only way to one. Everything is read and checked first, then the witness is
// told, and only when it agrees a value is returned. It needs read; it fails with
// [ErrNoSecret], a [*DeniedError], [ErrNoReason] or an [*IntegrityError].
func (v *Vault) Reveal(ctx context.Context, w Witness, r Request) ([]Value, error) {
	if w == nil {
		return nil, ErrNoWitness
	}
	if err := v.may(ctx, r.Environment, policy.Read); err != nil {
		return nil, err
	}
	env, ok := v.unlocking().Policy().Environment(r.Environment)
	if !ok {
		return nil, named(ErrNoEnvironment, r.Environment)
	}
	if env.RequireReason && r.Reason == "" {
		return nil, named(ErrNoReason, r.Environment)
	}
	values, err := v.reveal(ctx, r)
	if err != nil {
		return nil, err
	}
	if err := v.witness(ctx, w, r, env, values); err != nil {
		for _, x := range values {
			x.Secret.Wipe()
		}
		return nil, err
	}
	return values, nil
}

func (v *Vault) witness(ctx context.Context, w Witness, r Request, env policy.Environment, values []Value) error {
	who, err := v.holder(ctx)
	if err != nil && !v.readsByCloud(err) {
		return err
	}
	reading := Reading{
		Vault: v.ID(), Environment: r.Environment, CloudKey: v.ring.cloudKey(),
		Device: who.Device.ID, Handle: who.Member.Handle,
		Head: v.Head(), Receipts: env.Receipts,
		Action: r.Action, Reason: r.Reason, All: r.Names == nil,
		Secrets: make([]Entry, len(values)),
	}
	for i, x := range values {
		reading.Secrets[i] = x.Entry
	}
	return w.Witness(ctx, reading)
}

// reveal opens what was asked for.
func (v *Vault) reveal(ctx context.Context, r Request) ([]Value, error) {
	if r.Version != 0 {
		return v.revealVersion(ctx, r)
	}
	list, err := v.wanted(ctx, r)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, nil
	}
	if err := v.checkReseals(ctx, list); err != nil {
		return nil, err
	}
	if r.Names == nil {
		v.noteChecked(r.Environment, list[0].record.Header.Epoch)
	}
	whole, err := v.environmentKey(ctx, r.Environment, list[0].record.Header.Epoch)
	if err != nil {
		return nil, err
	}
	key := keys.ValueKey(whole)
	out := make([]Value, len(list))
	err = parallel(len(list), func(i int) error {
		value, err := v.valueUnder(key, list[i])
		out[i] = Value{list[i].Entry, value}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// wanted is the live records that r names.
func (v *Vault) wanted(ctx context.Context, r Request) ([]found, error) {
	if r.Names == nil {
		all, err := v.records(ctx, r.Environment, nil)
		all = slices.DeleteFunc(all, func(f found) bool { return f.Deleted })
		slices.SortFunc(all, func(a, b found) int { return cmp.Compare(a.Label.Name, b.Label.Name) })
		return all, err
	}
	idKey, err := v.idKey(ctx, r.Environment)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(r.Names))
	for i, name := range r.Names {
		ids[i] = keys.SecretID(idKey, name)
		if e, ok := v.state.Secret(r.Environment, ids[i]); !ok || e.Deleted {
			return nil, &NoSecretError{Environment: r.Environment, Name: name}
		}
	}
	return v.records(ctx, r.Environment, ids)
}
