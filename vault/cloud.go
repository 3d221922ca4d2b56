package vault

import (
	"context"
	"fmt"
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
		return nil, fmt.Errorf("%w: %w", ErrCloud, err)
	}
	file, err := wrap.Wrap(cloud.Recipient(), c, key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCloud, err)
	}
	return file, nil
}

// deferDue marks environments that must turn as due when none of this process's
// ways to the cloud can seal a share: the membership ends now, the key turns later.
// It says whether it marked any.
func (g *governing) deferDue(ctx context.Context, turned []policy.KeyRef) bool {
	marked := false
	for _, ref := range turned {
		e, ok := g.draft.Environment(ref.Name)
		if ref.Kind != policy.EnvironmentKey || !ok || len(e.RequireKMS) == 0 {
			continue
		}
		if was, ok := g.old.Environment(ref.Name); !ok || len(was.RequireKMS) == 0 {
			continue // switching it on needs the cloud now
		}
		// An attempt with a key of no worth, before anything is built on it.
		c := wrap.Context{Kind: wrap.CloudShare, Vault: g.w.v.ID(), Name: e.Name, Epoch: e.Epoch + 1}
		reached := !slices.ContainsFunc(e.RequireKMS, func(id string) bool {
			key, _ := g.draft.CloudKey(id)
			_, err := g.w.v.cloudWrap(ctx, key, c, keys.NewKey())
			return err != nil
		})
		if reached {
			if _, err := g.w.v.environmentKey(ctx, e.Name, e.Epoch); err == nil {
				continue
			}
		}
		e.Due = true
		g.draft.PutEnvironment(e)
		marked = true
	}
	return marked
}

// reachClouds makes the wraps to cloud keys. A role's that can't be made leaves the
// cloud key waiting for that role; a share's that can't is an error.
func (g *governing) reachClouds(ctx context.Context, turned []policy.KeyRef) error {
	for _, c := range g.draft.CloudKeys() {
		if c.Active() {
			if err := g.reachCloud(ctx, c, turned); err != nil {
				return err
			}
		}
	}
	for name, k := range g.envs {
		e, _ := g.draft.Environment(name)
		ref := policy.KeyRef{Kind: policy.EnvironmentKey, Name: name}
		for _, id := range e.RequireKMS {
			key, ok := g.draft.CloudKey(id)
			if !ok {
				return named(ErrCloud, id)
			}
			path := policy.KeyFolder(ref, e.Epoch) + "cloud/" + id + ".age"
			data, err := g.w.v.cloudWrap(ctx, key, wrapContext(g.w.v.ID(), ref, policy.WrapCloudShare, e.Epoch), k.cloudShare)
			if err != nil {
				return err
			}
			g.clouds[path] = data
		}
	}
	return nil
}

// reachCloud wraps to one cloud key the keys of its roles that turned or are new to it.
func (g *governing) reachCloud(ctx context.Context, c policy.CloudKey, turned []policy.KeyRef) error {
	was, _ := g.old.CloudKey(c.ID)
	for _, name := range c.Roles {
		ref := policy.KeyRef{Kind: policy.RoleKey, Name: name}
		role, ok := g.draft.Role(name)
		had := has(was.Roles, name) && !has(was.Waiting, name) && was.Active()
		wanted := !has(c.Waiting, name) && !had || slices.Contains(turned, ref)
		if !ok || !role.Active() || !wanted {
			continue
		}
		key, err := g.secret(ctx, ref, policy.WrapRole)
		if err != nil {
			return err
		}
		data, err := g.w.v.cloudWrap(ctx, c, wrapContext(g.w.v.ID(), ref, policy.WrapRole, role.Epoch), key)
		c.Waiting = slices.DeleteFunc(c.Waiting, func(r string) bool { return r == name })
		if err != nil {
			c.Waiting = append(c.Waiting, name)
			slices.Sort(c.Waiting)
		} else {
			g.clouds[policy.KeyFolder(ref, role.Epoch)+c.ID+".age"] = data
		}
		g.draft.PutCloudKey(c)
	}
	return nil
}
