package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/wrap"
	"github.com/secr/secr/policy"
)

// A cloud reader is a process without a device in the vault that opens roles by
// cloud keys: a CI job, a server. It reads and never signs.

// readsByCloud says that err is the lack of a device and that there are clouds to
// ask instead. A device is always tried before a cloud key.
func (v *Vault) readsByCloud(err error) bool {
	return v.clouds != nil && (errors.Is(err, ErrNoIdentity) || errors.Is(err, ErrNotMember))
}

// cloudRoles is the roles that give a level on an environment and that a cloud
// key holds; those that are open already come first.
func (v *Vault) cloudRoles(environment string, need policy.Level) []string {
	p := v.unlocking().Policy()
	var open, closed []string
	for _, g := range p.EnvironmentRoles(environment) {
		if g.Level < need || len(holdersInClouds(p, g.Role.Name)) == 0 {
			continue
		}
		if _, ok := v.ring.roles.get(atEpoch{g.Role.Name, g.Role.Epoch}); ok {
			open = append(open, g.Role.Name)
			continue
		}
		closed = append(closed, g.Role.Name)
	}
	return append(open, closed...)
}

// holdersInClouds is the cloud keys that hold a role.
func holdersInClouds(p *policy.Policy, role string) []policy.CloudKey {
	var out []policy.CloudKey
	for _, c := range p.CloudKeys() {
		if c.Active() && has(c.Roles, role) && !has(c.Waiting, role) {
			out = append(out, c)
		}
	}
	return out
}

// cloudOpener is [Vault.opener] of a cloud reader: the first role that opens.
func (v *Vault) cloudOpener(ctx context.Context, environment string, need policy.Level, cause error) (string, error) {
	roles := v.cloudRoles(environment, need)
	if len(roles) == 0 {
		return "", cause
	}
	var answers CloudError
	for _, role := range roles {
		_, err := v.role(ctx, role)
		if err == nil {
			return role, nil
		}
		if errors.Is(err, context.Canceled) {
			return "", err
		}
		answers.add(err)
	}
	return "", &answers
}

// cloudRole unlocks a role's current key by any cloud key that holds it. All are
// asked at once and the first answer counts; if none has one, the error names each
// key and why it failed.
func (v *Vault) cloudRole(ctx context.Context, role policy.Role, cause error) (opened, error) {
	holders := holdersInClouds(v.unlocking().Policy(), role.Name)
	if len(holders) == 0 {
		return opened{}, cause
	}
	v.ring.calling.Lock()
	defer v.ring.calling.Unlock()
	if o, ok := v.ring.roles.get(atEpoch{role.Name, role.Epoch}); ok {
		return o, nil
	}
	folder := policy.KeyFolder(policy.KeyRef{Kind: policy.RoleKey, Name: role.Name}, role.Epoch)
	c := wrap.Context{Kind: wrap.Role, Vault: v.ID(), Name: role.Name, Epoch: role.Epoch}
	key, from, err := v.firstCloud(ctx, holders, folder, c)
	if err != nil {
		return opened{}, err
	}
	o, err := v.pair(folder+from+".age", key, role.Recipient)
	if err == nil {
		v.ring.roles.put(atEpoch{role.Name, role.Epoch}, o)
		v.ring.cloud.Store(from)
	}
	return o, err
}

// firstCloud unwraps folder/<cloud key>.age with all keys at once. It returns the
// first key that came out, and whose.
func (v *Vault) firstCloud(ctx context.Context, holders []policy.CloudKey, folder string, c wrap.Context) (keys.Key, string, error) {
	type answer struct {
		from string
		key  keys.Key
		err  error
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan answer, len(holders))
	s, asked := v.unlocking(), 0
	var failed []error
	for _, holder := range holders {
		path := folder + holder.ID + ".age"
		if _, _, ok := s.File(path); !ok {
			continue
		}
		file, err := v.file(s, path)
		if err != nil {
			return keys.Key{}, "", err
		}
		asked++
		go func() {
			cloud, err := v.clouds.Cloud(ctx, holder, c)
			if err != nil {
				answers <- answer{from: holder.ID, err: err}
				return
			}
			key, err := cloud.Unwrap(file, c)
			if _, said := errors.AsType[*wrap.CloudError](err); err != nil && !said {
				err = fmt.Errorf("%s key %s: %w", holder.Provider, holder.Key, err)
			}
			answers <- answer{holder.ID, key, err}
		}()
	}
	for range asked {
		a := <-answers
		if a.err == nil || errors.Is(a.err, context.Canceled) {
			return a.key, a.from, a.err
		}
		failed = append(failed, a.err)
	}
	if asked == 0 {
		return keys.Key{}, "", ErrCloud
	}
	slices.SortStableFunc(failed, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	return keys.Key{}, "", &CloudError{failed}
}
