package vault

import (
	"context"
	"path/filepath"
	"slices"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/local"
	"github.com/secr/secr/vault/record"
)

// Check opens everything in an environment that this identity's keys open, and
// fails with an [*IntegrityError] at the first thing that no verifier without keys
// could see: a wrap that does not open, a key that is not the one committed to, a
// name that does not give its id, a value that a rotation changed. It needs list;
// values are checked with read only.
func (v *Vault) Check(ctx context.Context, environment string) error {
	all, err := v.checkLabels(ctx, environment)
	if err != nil || v.may(ctx, environment, policy.Read) != nil {
		return err
	}
	if err := v.checkReseals(ctx, all); err != nil {
		return err
	}
	secrets, err := v.snapshotSecrets(ctx, environment, all)
	wipe(secrets)
	return err
}

func (v *Vault) checkLabels(ctx context.Context, environment string) ([]found, error) {
	if err := v.may(ctx, environment, policy.List); err != nil {
		return nil, err
	}
	return v.records(ctx, environment, nil)
}

// checkReseals compares what rotations sealed again with what they found. Who
// rotates sees every value and could swap one where nobody without keys would
// notice; so every reader looks, the first time that he opens a record which a
// rotation wrote.
func (v *Vault) checkReseals(ctx context.Context, all []found) error {
	all = slices.DeleteFunc(slices.Clone(all), func(f found) bool {
		return f.record.Header.Kind != record.Reseal
	})
	if len(all) == 0 {
		return nil
	}
	to := v.checkedTo(all[0].Environment)
	if to >= all[0].record.Header.Epoch {
		return nil
	}
	return parallel(len(all), func(i int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return v.checkReseal(ctx, all[i], to)
	})
}

// checkReseal compares a record with those before it, up to the first that no
// rotation wrote or whose epoch was compared before.
func (v *Vault) checkReseal(ctx context.Context, x found, to uint64) error {
	now, err := v.openBoth(ctx, x.Environment, x.ID, x.record)
	if err != nil {
		return err
	}
	defer now.value.Wipe()
	return v.walkFrom(ctx, x.Environment, x.ID, x.record, func(r record.Record) (bool, error) {
		was, err := v.openBoth(ctx, x.Environment, x.ID, r)
		if err != nil {
			return false, err
		}
		defer was.value.Wipe()
		if !sameLabel(was.label, now.label) || was.label.Name != now.label.Name || !was.value.Equal(now.value) {
			return false, v.lie(secretPath(x.Environment, x.ID), x.record.Header.Seq, "a rotation changed the secret instead of sealing it again", nil)
		}
		return r.Header.Kind == record.Reseal && r.Header.Epoch > to, nil
	})
}

type both struct {
	label record.Label
	value keys.Secret
}

func (v *Vault) openBoth(ctx context.Context, environment, id string, r record.Record) (both, error) {
	names, err := v.namesKey(ctx, environment, r.Header.Epoch)
	if err != nil {
		return both{}, err
	}
	label, err := r.OpenLabel(names, v.where(environment, id))
	if err != nil {
		return both{}, v.lie(secretPath(environment, id), r.Header.Seq, "its label does not open", err)
	}
	if r.Header.State == record.Deleted {
		return both{label: label}, nil
	}
	value, err := v.value(ctx, found{Entry{Environment: environment, ID: id}, r})
	return both{label, value}, err
}

// checkedTo is the epoch up to which this machine has compared an environment's
// rotations: a note in the cache, which names the epoch by the commitment to its
// key. Without it they are compared again.
func (v *Vault) checkedTo(environment string) uint64 {
	env, ok := v.state.Policy().Environment(environment)
	data, err := local.ReadFile(v.checkedPath(environment), 256)
	if err != nil || !ok {
		return 0
	}
	return uint64(slices.Index(env.EnvironmentCommitments, string(data)) + 1)
}

func (v *Vault) noteChecked(environment string, epoch uint64) {
	env, ok := v.state.Policy().Environment(environment)
	if ok && v.head == nil && v.checkedTo(environment) < epoch {
		_ = v.writeCached(v.checkedPath(environment), []byte(env.EnvironmentCommitments[epoch-1]))
	}
}

func (v *Vault) checkedPath(environment string) string {
	return filepath.Join(v.local.Cache(), "checked-"+environment)
}
