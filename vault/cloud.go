package vault

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/wrap"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/chain"
)

// cloudShare asks the environment's cloud keys for their share, all at once; the
// first answer counts.
func (v *Vault) cloudShare(ctx context.Context, s *chain.State, env policy.Environment) (keys.Key, error) {
	if v.clouds == nil {
		return keys.Key{}, named(ErrCloud, env.Name)
	}
	c := wrap.Context{Kind: wrap.CloudShare, Vault: v.ID(), Name: env.Name, Epoch: env.Epoch}
	folder := policy.KeyFolder(policy.KeyRef{Kind: policy.EnvironmentKey, Name: env.Name}, env.Epoch) + "cloud/"
	var holders []policy.CloudKey
	for _, id := range env.RequireKMS {
		if key, ok := s.Policy().CloudKey(id); ok {
			holders = append(holders, key)
		}
	}
	share, _, err := v.firstCloud(ctx, holders, folder, c)
	if err != nil {
		return keys.Key{}, fmt.Errorf("%s: %w", env.Name, err)
	}
	return share, nil
}

// cloudWrap wraps a key to a cloud key.
func (v *Vault) cloudWrap(ctx context.Context, to policy.CloudKey, c wrap.Context, key keys.Key) ([]byte, error) {
	if v.clouds == nil {
		return nil, named(ErrCloud, to.ID)
	}
	cloud, err := v.clouds.Cloud(ctx, to, c)
	if err != nil {
		return nil, &CloudError{[]error{err}}
	}
	file, err := wrap.Wrap(cloud.Recipient(), c, key)
	if err != nil {
		return nil, &CloudError{[]error{err}}
	}
	return file, nil
}

// cloudLimit is how many cloud keys are spoken to at once.
const cloudLimit = 16

// reached tries a wrap of no worth to each of an environment's cloud keys, all at once,
// and says whether every one took it.
func (g *governing) reached(ctx context.Context, e policy.Environment) (bool, error) {
	c := wrap.Context{Kind: wrap.CloudShare, Vault: g.w.v.ID(), Name: e.Name, Epoch: e.Epoch + 1}
	err := spread(cloudLimit, len(e.RequireKMS), func(i int) error {
		key, _ := g.draft.CloudKey(e.RequireKMS[i])
		_, err := g.w.v.cloudWrap(ctx, key, c, keys.NewKey())
		return err
	})
	if errors.Is(err, context.Canceled) {
		return false, err
	}
	return err == nil, nil
}

// deferDue marks environments that must turn as due when none of this process's
// ways to the cloud can seal a share: the membership ends now, the key turns later.
// It says whether it marked any.
func (g *governing) deferDue(ctx context.Context, turned []policy.KeyRef) (bool, error) {
	marked := false
	for _, ref := range turned {
		e, ok := g.draft.Environment(ref.Name)
		if ref.Kind != policy.EnvironmentKey || !ok || len(e.RequireKMS) == 0 {
			continue
		}
		if was, ok := g.old.Environment(ref.Name); !ok || len(was.RequireKMS) == 0 {
			continue // switching it on needs the cloud now
		}
		// An attempt before anything is built on it.
		reached, err := g.reached(ctx, e)
		if err != nil {
			return false, err
		}
		if reached {
			if _, err := g.w.v.environmentKey(ctx, e.Name, e.Epoch); err == nil {
				continue
			}
		}
		e.Due = true
		g.draft.PutEnvironment(e)
		marked = true
	}
	return marked, nil
}

// cloudWrapping is one wrap that a cloud has to make.
type cloudWrapping struct {
	role    string // whose key it is; empty for an environment's share
	path    string
	context wrap.Context
	secret  keys.Key
	data    []byte
	err     error
}

// reachClouds makes the wraps to cloud keys, with all keys at once. A role's that can't
// be made leaves the cloud key waiting for that role; a share's that can't is an error.
func (g *governing) reachClouds(ctx context.Context, turned []policy.KeyRef) error {
	wanted := map[string][]*cloudWrapping{} // by the cloud key's id
	if err := g.roleWrappings(ctx, turned, wanted); err != nil {
		return err
	}
	if err := g.shareWrappings(wanted); err != nil {
		return err
	}
	ids := slices.Sorted(maps.Keys(wanted))
	err := spread(cloudLimit, len(ids), func(i int) error {
		key, _ := g.draft.CloudKey(ids[i])
		for _, w := range wanted[ids[i]] {
			if w.data, w.err = g.w.v.cloudWrap(ctx, key, w.context, w.secret); errors.Is(w.err, context.Canceled) {
				return w.err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range ids {
		key, _ := g.draft.CloudKey(id)
		for _, w := range wanted[id] {
			if err := g.wrapped(&key, w); err != nil {
				return err
			}
		}
		g.draft.PutCloudKey(key)
	}
	return nil
}

// wrapped takes in what became of a wrap.
func (g *governing) wrapped(c *policy.CloudKey, w *cloudWrapping) error {
	if w.err == nil {
		g.clouds[w.path] = w.data
	}
	if w.role == "" {
		return w.err
	}
	c.Waiting = slices.DeleteFunc(c.Waiting, func(r string) bool { return r == w.role })
	if w.err != nil {
		c.Waiting = append(c.Waiting, w.role)
		slices.Sort(c.Waiting)
		g.unreached[c.ID] = w.err
	}
	return nil
}

// roleWrappings adds, for each cloud key, the keys of its roles that turned or are new to it.
func (g *governing) roleWrappings(ctx context.Context, turned []policy.KeyRef, wanted map[string][]*cloudWrapping) error {
	for _, c := range g.draft.CloudKeys() {
		if !c.Active() {
			continue
		}
		was, _ := g.old.CloudKey(c.ID)
		for _, name := range c.Roles {
			ref := policy.KeyRef{Kind: policy.RoleKey, Name: name}
			role, ok := g.draft.Role(name)
			had := has(was.Roles, name) && !has(was.Waiting, name) && was.Active()
			news := !has(c.Waiting, name) && !had || slices.Contains(turned, ref)
			if !ok || !role.Active() || !news {
				continue
			}
			key, err := g.secret(ctx, ref, policy.WrapRole)
			if err != nil {
				return err
			}
			wanted[c.ID] = append(wanted[c.ID], &cloudWrapping{
				role: name, secret: key, path: policy.KeyFolder(ref, role.Epoch) + c.ID + ".age",
				context: wrapContext(g.w.v.ID(), ref, policy.WrapRole, role.Epoch),
			})
		}
	}
	return nil
}

// shareWrappings adds the shares of new environment keys.
func (g *governing) shareWrappings(wanted map[string][]*cloudWrapping) error {
	for name, k := range g.envs {
		e, _ := g.draft.Environment(name)
		ref := policy.KeyRef{Kind: policy.EnvironmentKey, Name: name}
		for _, id := range e.RequireKMS {
			if _, ok := g.draft.CloudKey(id); !ok {
				return named(ErrCloud, id)
			}
			wanted[id] = append(wanted[id], &cloudWrapping{
				secret: k.cloudShare, path: policy.KeyFolder(ref, e.Epoch) + "cloud/" + id + ".age",
				context: wrapContext(g.w.v.ID(), ref, policy.WrapCloudShare, e.Epoch),
			})
		}
	}
	return nil
}
