package vault

import (
	"context"
	"errors"
	"fmt"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/wrap"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/chain"
)

// CheckKeys opens every file under keys/ that this identity's keys open, whether a
// reading would need it or not, and holds what is inside to what the policy commits
// to. report is told of each file: with nil, with an [*IntegrityError], or with
// [ErrCloud] for one that needs a cloud which was not reached; it returns false to
// stop.
func (v *Vault) CheckKeys(ctx context.Context, report func(path string, err error) bool) error {
	who, err := v.holder(ctx)
	if err != nil {
		return err
	}
	c := &keyCheck{v: v, s: v.unlocking(), who: who, report: report, roles: map[string]wrap.Identity{}}
	for _, step := range []func(context.Context) error{c.ownRoles, c.managedRoles, c.environments, c.audit} {
		if err := step(ctx); err != nil || c.stopped {
			return err
		}
	}
	return nil
}

// keyCheck goes from the device's wraps to all that they lead to.
type keyCheck struct {
	v       *Vault
	s       *chain.State
	who     me
	report  func(path string, err error) bool
	roles   map[string]wrap.Identity // that were opened
	stopped bool
}

// tell reports on a file. Errors that are neither about what it holds nor about a
// cloud are this machine's, and end the check.
func (c *keyCheck) tell(ctx context.Context, path string, err error) error {
	var integrity *IntegrityError
	switch {
	case c.stopped:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil || errors.As(err, &integrity):
		c.stopped = !c.report(path, err)
	case errors.Is(err, ErrCloud):
		c.stopped = !c.report(path, ErrCloud)
	default:
		return err
	}
	return nil
}

// ownRoles opens the wraps to the device itself.
func (c *keyCheck) ownRoles(ctx context.Context) error {
	for _, name := range c.who.Member.Roles {
		r, ok := c.s.Policy().Role(name)
		if !ok || !r.Active() {
			continue
		}
		if err := c.role(ctx, r, c.who.device.id, c.who.age); err != nil {
			return err
		}
	}
	return nil
}

// managedRoles opens the wraps of all roles to those that manage and were opened.
func (c *keyCheck) managedRoles(ctx context.Context) error {
	for _, m := range c.s.Policy().ManagingRoles() {
		opener, ok := c.roles[m.Name]
		if !ok {
			continue
		}
		for _, r := range c.s.Policy().Roles() {
			if !r.Active() {
				continue
			}
			if err := c.role(ctx, r, "@"+m.Name, opener); err != nil {
				return err
			}
		}
	}
	return nil
}

// role opens one wrap of a role's key, if there is one.
func (c *keyCheck) role(ctx context.Context, r policy.Role, holder string, opener wrap.Identity) error {
	path := policy.KeyFolder(policy.KeyRef{Kind: policy.RoleKey, Name: r.Name}, r.Epoch) + holder + ".age"
	if _, _, ok := c.s.File(path); !ok {
		return nil // who must have one, the chain's rules say
	}
	key, err := c.v.unwrap(c.s, path, opener, wrap.Context{Kind: wrap.Role, Vault: c.v.ID(), Name: r.Name, Epoch: r.Epoch})
	if err == nil {
		var o opened
		if o, err = c.v.pair(path, key, r.Recipient); err == nil {
			c.roles[r.Name] = o.identity
		}
	}
	return c.tell(ctx, path, err)
}

func (c *keyCheck) environments(ctx context.Context) error {
	for _, e := range c.s.Policy().Environments() {
		if !e.Active() {
			continue
		}
		level := policy.None
		var share keys.Key
		for _, g := range c.s.Policy().EnvironmentRoles(e.Name) {
			opener, ok := c.roles[g.Role.Name]
			if !ok {
				continue
			}
			level = max(level, g.Level)
			if err := c.wraps(ctx, e, g, opener, &share); err != nil {
				return err
			}
		}
		if err := c.sealed(ctx, e, level); err != nil {
			return err
		}
	}
	return nil
}

// wraps opens what one role holds of an environment. share is what the roles before
// held, where the key needs a cloud too.
func (c *keyCheck) wraps(ctx context.Context, e policy.Environment, g policy.RoleLevel, opener wrap.Identity, share *keys.Key) error {
	folder := policy.KeyFolder(policy.KeyRef{Kind: policy.EnvironmentKey, Name: e.Name}, e.Epoch)
	at := wrap.Context{Kind: wrap.Names, Vault: c.v.ID(), Name: e.Name, Epoch: e.Epoch}
	path := folder + g.Role.Name + ".names"
	key, err := c.v.unwrap(c.s, path, opener, at)
	if err == nil && keys.Commit(keys.CommitNames, c.v.ID(), e.Name, e.Epoch, key) != e.NamesCommitments[e.Epoch-1] {
		err = c.v.blame(path, "it holds another key than the environment's names key", nil)
	}
	if err := c.tell(ctx, path, err); err != nil || g.Level < policy.Read {
		return err
	}
	path = folder + g.Role.Name + ".age"
	at.Kind = wrap.Environment
	if len(e.RequireKMS) > 0 {
		at.Kind = wrap.RoleShare
	}
	key, err = c.v.unwrap(c.s, path, opener, at)
	switch {
	case err != nil:
	case at.Kind == wrap.Environment:
		if keys.Commit(keys.CommitEnvironment, c.v.ID(), e.Name, e.Epoch, key) != e.EnvironmentCommitments[e.Epoch-1] {
			err = c.v.blame(path, "it holds another key than the environment's", nil)
		}
	case !share.IsZero() && !share.Equal(key):
		err = c.v.blame(path, "it holds another share than the other roles'", nil)
	default:
		*share = key
	}
	return c.tell(ctx, path, err)
}

// sealed opens what the environment's own keys seal: the id key, and all keys before.
func (c *keyCheck) sealed(ctx context.Context, e policy.Environment, level policy.Level) error {
	if level == policy.None {
		return nil
	}
	_, err := c.v.idKey(ctx, e.Name)
	if err := c.tell(ctx, policy.IDKeyPath(e.Name, e.Epoch), err); err != nil || level < policy.Read {
		return err
	}
	ref := policy.KeyRef{Kind: policy.EnvironmentKey, Name: e.Name}
	if len(e.RequireKMS) > 0 {
		_, err := c.v.environmentKey(ctx, e.Name, e.Epoch)
		if err := c.tell(ctx, fmt.Sprintf("%scloud", policy.KeyFolder(ref, e.Epoch)), err); err != nil || c.stopped {
			return err
		}
	}
	for n := e.Epoch; n > 1 && !c.stopped; n-- {
		_, err := c.v.environmentKey(ctx, e.Name, n-1)
		if err := c.tell(ctx, policy.PreviousPath(ref, n), err); err != nil {
			return err
		}
		if err != nil {
			return nil // nothing older opens either
		}
	}
	return nil
}

func (c *keyCheck) audit(ctx context.Context) error {
	a, ref, any := c.s.Policy().Audit(), policy.KeyRef{Kind: policy.AuditKey}, false
	for _, r := range c.s.Policy().Roles() {
		opener, ok := c.roles[r.Name]
		if !ok || !r.Active() || !r.Audit && !r.Manage {
			continue
		}
		path := policy.KeyFolder(ref, a.Epoch) + r.Name + ".age"
		key, err := c.v.unwrap(c.s, path, opener, wrap.Context{Kind: wrap.Audit, Vault: c.v.ID(), Epoch: a.Epoch})
		if err == nil {
			_, err = c.v.pair(path, key, a.Recipient)
		}
		any = any || err == nil
		if err := c.tell(ctx, path, err); err != nil {
			return err
		}
	}
	for n := a.Epoch; any && n > 1 && !c.stopped; n-- {
		_, err := c.v.auditAt(ctx, n-1)
		if err := c.tell(ctx, policy.PreviousPath(ref, n), err); err != nil {
			return err
		}
		if err != nil {
			return nil
		}
	}
	return nil
}
