package vault

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/wrap"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/chain"
)

// opener is a role that gives this process at least a level on an environment:
// one of the member's own if there is one, else any for who manages.
func (v *Vault) opener(ctx context.Context, environment string, need policy.Level) (string, error) {
	s := v.unlocking()
	p := s.Policy()
	who, err := v.holder(ctx)
	if v.readsByCloud(err) {
		return v.cloudOpener(ctx, environment, need, err)
	}
	if err != nil {
		return "", err
	}
	denied := &DeniedError{Handle: who.Member.Handle, Environment: environment, Need: need}
	manages := p.Manages(who.Member.ID)
	if p.Level(who.Member.ID, environment) < need && !manages {
		return "", denied
	}
	other := ""
	for _, g := range p.EnvironmentRoles(environment) {
		switch {
		case g.Level < need:
		case who.Member.Has(g.Role.Name):
			return g.Role.Name, nil
		case manages && other == "":
			other = g.Role.Name
		}
	}
	if other == "" {
		return "", denied
	}
	return other, nil
}

// environmentKey unlocks the key of an environment at an epoch, from the newest
// state's key backwards.
func (v *Vault) environmentKey(ctx context.Context, environment string, epoch uint64) (keys.Key, error) {
	s := v.unlocking()
	env, ok := s.Policy().Environment(environment)
	if !ok {
		return keys.Key{}, named(ErrNoEnvironment, environment)
	}
	if key, ok := v.ring.envs.get(atEpoch{environment, epoch}); ok {
		return key, nil
	}
	if epoch == env.Epoch {
		return v.currentKey(ctx, s, env)
	}
	if epoch == 0 || epoch > env.Epoch {
		return keys.Key{}, fmt.Errorf("%s has no key of epoch %d", environment, epoch)
	}
	// Iterative: an environment may have thousands of epochs.
	at := env.Epoch
	for n := epoch + 1; n < env.Epoch; n++ {
		if _, ok := v.ring.envs.get(atEpoch{environment, n}); ok {
			at = n
			break
		}
	}
	key, err := v.environmentKey(ctx, environment, at)
	for ; err == nil && at > epoch; at-- {
		key, err = v.previousKey(s, env, at, key)
	}
	return key, err
}

// currentKey unlocks an environment's current key.
func (v *Vault) currentKey(ctx context.Context, s *chain.State, env policy.Environment) (keys.Key, error) {
	key, err := v.roleShare(ctx, s, env)
	if err != nil {
		return keys.Key{}, err
	}
	if len(env.RequireKMS) > 0 {
		// One call to the cloud, however many goroutines need the key.
		v.ring.calling.Lock()
		defer v.ring.calling.Unlock()
		if whole, ok := v.ring.envs.get(atEpoch{env.Name, env.Epoch}); ok {
			return whole, nil
		}
		share, err := v.cloudShare(ctx, s, env)
		if err != nil {
			return keys.Key{}, err
		}
		key = keys.TwoOfTwo(key, share)
	}
	return key, v.keep(policy.EnvironmentPath(env.Name), env, env.Epoch, key)
}

// roleShare unlocks what an environment's roles hold: its current key, or their
// share of it when it needs a cloud key too.
func (v *Vault) roleShare(ctx context.Context, s *chain.State, env policy.Environment) (keys.Key, error) {
	role, err := v.opener(ctx, env.Name, policy.Read)
	if err != nil {
		return keys.Key{}, err
	}
	o, err := v.role(ctx, role)
	if err != nil {
		return keys.Key{}, err
	}
	c := wrap.Context{Kind: wrap.Environment, Vault: v.ID(), Name: env.Name, Epoch: env.Epoch}
	if len(env.RequireKMS) > 0 {
		c.Kind = wrap.RoleShare
	}
	path := fmt.Sprintf("keys/environments/%s/%d/%s.age", env.Name, env.Epoch, role)
	return v.unwrap(s, path, o.identity, c)
}

// keep checks an environment key against its commitment and keeps it.
func (v *Vault) keep(path string, env policy.Environment, epoch uint64, key keys.Key) error {
	want := env.EnvironmentCommitments[epoch-1]
	if keys.Commit(keys.CommitEnvironment, v.ID(), env.Name, epoch, key) != want {
		return v.blame(path, "it holds another key than the environment's", nil)
	}
	v.ring.envs.put(atEpoch{env.Name, epoch}, key)
	return nil
}

// previousKey opens what the key of an epoch seals: the one before it.
func (v *Vault) previousKey(s *chain.State, env policy.Environment, epoch uint64, key keys.Key) (keys.Key, error) {
	path := fmt.Sprintf("keys/environments/%s/%d/previous", env.Name, epoch)
	sealed, err := v.file(s, path)
	if err != nil {
		return keys.Key{}, err
	}
	plain, err := keys.Open(key, placeAD("secr/1 previous\n", v.ID(), env.Name, epoch), sealed)
	if err != nil {
		return keys.Key{}, v.blame(path, "it does not open under its epoch's key", err)
	}
	defer clear(plain)
	older, err := keys.KeyFromBytes(plain)
	if err != nil {
		return keys.Key{}, v.blame(path, "it holds no key", err)
	}
	return older, v.keep(path, env, epoch-1, older)
}

// placeAD is the associated data of a key sealed under another.
func placeAD(domain, vault, environment string, epoch uint64) []byte {
	b := append([]byte(domain), keys.LP([]byte(vault))...)
	b = append(b, keys.LP([]byte(environment))...)
	return binary.BigEndian.AppendUint64(b, epoch)
}

// namesKey unlocks the names key of an environment at an epoch. Who may only
// list has the current one.
func (v *Vault) namesKey(ctx context.Context, environment string, epoch uint64) (keys.Key, error) {
	if key, ok := v.ring.names.get(atEpoch{environment, epoch}); ok {
		return key, nil
	}
	s := v.unlocking()
	env, ok := s.Policy().Environment(environment)
	if !ok {
		return keys.Key{}, named(ErrNoEnvironment, environment)
	}
	if epoch == 0 || epoch > env.Epoch {
		return keys.Key{}, fmt.Errorf("%s has no key of epoch %d", environment, epoch)
	}
	var key keys.Key
	var path string
	if epoch < env.Epoch {
		whole, err := v.environmentKey(ctx, environment, epoch)
		if err != nil {
			return keys.Key{}, err
		}
		key = keys.NamesKey(whole)
	} else {
		role, err := v.opener(ctx, environment, policy.List)
		if err != nil {
			return keys.Key{}, err
		}
		o, err := v.role(ctx, role)
		if err != nil {
			return keys.Key{}, err
		}
		path = fmt.Sprintf("keys/environments/%s/%d/%s.names", environment, epoch, role)
		key, err = v.unwrap(s, path, o.identity, wrap.Context{Kind: wrap.Names, Vault: v.ID(), Name: environment, Epoch: epoch})
		if err != nil {
			return keys.Key{}, err
		}
	}
	if keys.Commit(keys.CommitNames, v.ID(), environment, epoch, key) != env.NamesCommitments[epoch-1] {
		return keys.Key{}, v.blame(path, "it holds another key than the environment's names key", nil)
	}
	v.ring.names.put(atEpoch{environment, epoch}, key)
	return key, nil
}

// idKey unlocks the key that gives secrets their ids.
func (v *Vault) idKey(ctx context.Context, environment string) (keys.Key, error) {
	if key, ok := v.ring.ids.get(environment); ok {
		return key, nil
	}
	s := v.unlocking()
	env, ok := s.Policy().Environment(environment)
	if !ok {
		return keys.Key{}, named(ErrNoEnvironment, environment)
	}
	names, err := v.namesKey(ctx, environment, env.Epoch)
	if err != nil {
		return keys.Key{}, err
	}
	path := fmt.Sprintf("keys/environments/%s/%d/id", environment, env.Epoch)
	sealed, err := v.file(s, path)
	if err != nil {
		return keys.Key{}, err
	}
	plain, err := keys.Open(names, placeAD("secr/1 id key\n", v.ID(), environment, env.Epoch), sealed)
	if err != nil {
		return keys.Key{}, v.blame(path, "it does not open under the names key", err)
	}
	defer clear(plain)
	key, err := keys.KeyFromBytes(plain)
	if err != nil {
		return keys.Key{}, v.blame(path, "it holds no key", err)
	}
	if keys.Commit(keys.CommitID, v.ID(), environment, 0, key) != env.IDCommitment {
		return keys.Key{}, v.blame(path, "it holds another key than the one committed to", nil)
	}
	v.ring.ids.put(environment, key)
	return key, nil
}

// has is slices.Contains with the words of roles.
func has(list []string, x string) bool { return slices.Contains(list, x) }
