package chaintest

import (
	"bytes"
	"errors"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/wrap"
	"github.com/secr/secr/policy"
)

// keychain holds every private key of a world, by what the policy publishes of it.
type keychain struct {
	seeds        map[string]keys.Key        // of roles and the audit key, by recipient
	environments map[string]Environment     // by the environment key's commitment
	ids          map[string]keys.Key        // id keys by commitment
	clouds       map[string]policy.CloudKey // cloud keys by id
}

// Environment is the keys of one epoch of an environment.
type Environment struct {
	Key   keys.Key
	Role  keys.Key // the roles' share, of an environment that needs a cloud key
	Cloud keys.Key // the cloud's share
}

func newKeychain() keychain {
	return keychain{
		seeds: map[string]keys.Key{}, environments: map[string]Environment{},
		ids: map[string]keys.Key{}, clouds: map[string]policy.CloudKey{},
	}
}

// NewRecipient makes a key pair for a role or the audit key, and keeps the private half.
func (w *World) NewRecipient() string {
	seed := keys.NewKey()
	i, err := wrap.NewIdentity(seed)
	w.must(err)
	w.keys.seeds[i.Recipient()] = seed
	return i.Recipient()
}

// newEnvironment makes the keys of an environment's next epoch.
func (w *World) newEnvironment(e policy.Environment) policy.Commitments {
	k := Environment{Key: keys.NewKey()}
	if len(e.RequireKMS) > 0 {
		k.Role, k.Cloud = keys.NewKey(), keys.NewKey()
		k.Key = keys.TwoOfTwo(k.Role, k.Cloud)
	}
	epoch := e.Epoch + 1
	c := policy.Commitments{
		Environment: keys.Commit(keys.CommitEnvironment, w.Vault, e.Name, epoch, k.Key),
		Names:       keys.Commit(keys.CommitNames, w.Vault, e.Name, epoch, keys.NamesKey(k.Key)),
		ID:          e.IDCommitment,
	}
	if c.ID == "" {
		id := keys.NewKey()
		c.ID = keys.Commit(keys.CommitID, w.Vault, e.Name, 0, id)
		w.keys.ids[c.ID] = id
	}
	w.keys.environments[c.Environment] = k
	return c
}

// Environment is the keys of an environment's current epoch under a policy.
func (w *World) Environment(p *policy.Policy, name string) Environment {
	e, ok := p.Environment(name)
	if !ok {
		w.t.Fatalf("no environment %s", name)
	}
	return w.keys.environments[e.EnvironmentCommitments[e.Epoch-1]]
}

// idKey is an environment's id key.
func (w *World) idKey(p *policy.Policy, name string) keys.Key {
	e, _ := p.Environment(name)
	return w.keys.ids[e.IDCommitment]
}

// SecretID is the id of a secret by its name.
func (w *World) SecretID(environment, name string) string {
	return keys.SecretID(w.idKey(w.State.Policy(), environment), name)
}

// NewCloudKey is an AWS key that the world plays the cloud for.
func (w *World) NewCloudKey(name string, roles ...string) policy.CloudKey {
	arn := "arn:aws:kms:eu-central-1:123456789012:alias/" + name
	c := policy.CloudKey{ID: policy.CloudKeyID(policy.AWS, arn, 0), Provider: policy.AWS, Key: arn, Roles: roles}
	w.keys.clouds[c.ID] = c
	return c
}

// Cloud is the cloud's side of a cloud key, for who has access to it.
func (w *World) Cloud(c policy.CloudKey) wrap.Cloud { return w.cloud(c) }

// cloud plays a cloud that keeps file keys under a mask.
func (w *World) cloud(c policy.CloudKey) wrap.Cloud {
	mask := func(b []byte) ([]byte, error) {
		out := bytes.Clone(b)
		for i := range out {
			out[i] ^= c.ID[i%len(c.ID)]
		}
		return out, nil
	}
	return wrap.Cloud{Provider: string(c.Provider), ID: c.ID, Encrypt: mask, Decrypt: mask}
}

// wrapFor makes the wrap that a policy asks for.
func (w *World) wrapFor(p *policy.Policy, f policy.KeyFile) []byte {
	ref, epoch, _, ok := policy.ParseKeyPath(f.Path)
	if !ok {
		w.must(errors.New("not a wrap's path: " + f.Path))
	}
	c := wrap.Context{Vault: w.Vault, Name: ref.Name, Epoch: epoch}
	var k keys.Key
	switch f.Kind {
	case policy.WrapRole:
		r, _ := p.Role(ref.Name)
		c.Kind, k = wrap.Role, w.keys.seeds[r.Recipient]
	case policy.WrapEnvironment:
		c.Kind, k = wrap.Environment, w.Environment(p, ref.Name).Key
	case policy.WrapNames:
		c.Kind, k = wrap.Names, keys.NamesKey(w.Environment(p, ref.Name).Key)
	case policy.WrapAudit:
		c.Kind, k = wrap.Audit, w.keys.seeds[p.Audit().Recipient]
	case policy.WrapRoleShare:
		c.Kind, k = wrap.RoleShare, w.Environment(p, ref.Name).Role
	case policy.WrapCloudShare:
		c.Kind, k = wrap.CloudShare, w.Environment(p, ref.Name).Cloud
	}
	if k.IsZero() { // of a change that asks for a share of a key that has none
		k = keys.NewKey()
	}
	return w.Wrap(f, c, k)
}

// Wrap makes any wrap to the holder that f names.
func (w *World) Wrap(f policy.KeyFile, c wrap.Context, k keys.Key) []byte {
	if f.CloudKey != "" {
		return w.WrapCloud(w.keys.clouds[f.CloudKey], c, k)
	}
	to, err := wrap.ParseRecipient(f.Recipient)
	w.must(err)
	file, err := wrap.Wrap(to, c, k)
	w.must(err)
	return file
}

// WrapCloud makes any wrap to a cloud key.
func (w *World) WrapCloud(to policy.CloudKey, c wrap.Context, k keys.Key) []byte {
	file, err := wrap.Wrap(w.cloud(to).Recipient(), c, k)
	w.must(err)
	return file
}

// RoleSeed is the private key of a role's current epoch under a policy.
func (w *World) RoleSeed(p *policy.Policy, name string) keys.Key {
	r, ok := p.Role(name)
	if !ok {
		w.t.Fatalf("no role %s", name)
	}
	return w.keys.seeds[r.Recipient]
}
