package vault

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/wrap"
	"github.com/secr/secr/policy"
)

// governing is one change of policy in the making: the draft of the new policy,
// the keys that were made for it, and the wraps that only a cloud could make.
type governing struct {
	w      *writer
	old    *policy.Policy // nil for the founding change
	draft  *policy.Policy
	roles  map[string]keys.Key
	envs   map[string]environmentKeys
	audit  keys.Key
	clouds map[string][]byte // finished wraps to cloud keys, by path
	// unreached says why a cloud key waits, by its id.
	unreached map[string]error
}

// environmentKeys are the keys of one epoch of an environment. Without a cloud key
// roleShare is the key itself.
type environmentKeys struct {
	key, roleShare, cloudShare, id keys.Key
}

// govern works out the files of a change of policy: it edits, finds what must
// turn, makes new keys, wraps them to all their holders and seals secrets again.
func (w *writer) govern(ctx context.Context, d *Draft) error {
	g := &governing{
		w: w, old: w.base.Policy(), draft: w.base.Policy().Clone(),
		roles: map[string]keys.Key{}, envs: map[string]environmentKeys{}, clouds: map[string][]byte{}, unreached: map[string]error{},
	}
	for _, edit := range d.edits {
		if err := edit(g.draft); err != nil {
			return err
		}
	}
	turned, err := g.turn(ctx, d)
	if err != nil {
		return err
	}
	if d.report.Closed, err = g.renewInvites(ctx, turned); err != nil {
		return err
	}
	next, err := g.draft.Check()
	if err != nil {
		return err
	}
	d.report.Turned = turned
	g.report(next, &d.report)
	if err := g.write(ctx, next); err != nil {
		return err
	}
	for _, ref := range turned {
		if ref.Kind != policy.EnvironmentKey {
			continue
		}
		n, err := g.reseal(ctx, ref.Name)
		if err != nil {
			return err
		}
		d.report.Resealed += n
	}
	return nil
}

// report tells what next leaves undone, and whether it differs at all.
func (g *governing) report(next *policy.Policy, r *Report) {
	if len(policy.Changed(g.old, next)) > 0 {
		r.After = next
	}
	for _, c := range next.CloudKeys() {
		if c.Active() && len(c.Waiting) > 0 {
			r.Waiting = append(r.Waiting, Waiting{ID: c.ID, Key: c.Key, Roles: c.Waiting, Why: g.unreached[c.ID]})
		}
	}
	for _, e := range next.Environments() {
		if e.Active() && e.Due {
			r.Due = append(r.Due, e.Name)
		}
	}
}

// turn makes keys for what is new and for what must turn, and puts their epochs,
// recipients and commitments into the draft. What needs a cloud that is not
// reached is left waiting, or due.
func (g *governing) turn(ctx context.Context, d *Draft) ([]policy.KeyRef, error) {
	also := slices.Clone(d.refs)
	for i, ref := range also {
		if ref.Kind == policy.NamesKey {
			also[i].Kind = policy.EnvironmentKey
		}
		if e, ok := g.draft.Environment(ref.Name); ok && ref.Kind != policy.RoleKey && e.Due {
			e.Due = false
			g.draft.PutEnvironment(e)
		}
	}
	if err := g.checkUntouched(); err != nil {
		return nil, err
	}
	turned := policy.Turns(g.old, g.draft, also...)
	due, err := g.deferDue(ctx, turned)
	if err != nil {
		return nil, err
	}
	if due {
		turned = policy.Turns(g.old, g.draft, also...)
	}
	return turned, g.renew(ctx, turned)
}

// renew makes the keys of what is new and of what turns.
func (g *governing) renew(ctx context.Context, turned []policy.KeyRef) error {
	for _, r := range g.draft.Roles() {
		if r.Active() && (r.Epoch == 0 || slices.Contains(turned, policy.KeyRef{Kind: policy.RoleKey, Name: r.Name})) {
			if err := g.renewRole(r); err != nil {
				return err
			}
		}
	}
	for _, e := range g.draft.Environments() {
		if e.Active() && (e.Epoch == 0 || slices.Contains(turned, policy.KeyRef{Kind: policy.EnvironmentKey, Name: e.Name})) {
			if err := g.renewEnvironment(ctx, e); err != nil {
				return err
			}
		}
	}
	if g.draft.Audit().Epoch == 0 || slices.Contains(turned, policy.KeyRef{Kind: policy.AuditKey}) {
		if err := g.renewAudit(); err != nil {
			return err
		}
	}
	return g.reachClouds(ctx, turned)
}

// checkUntouched refuses edits of what only the machinery may set.
func (g *governing) checkUntouched() error {
	for _, r := range g.draft.Roles() {
		was, ok := g.old.Role(r.Name)
		if r.Epoch != was.Epoch || ok && r.Recipient != was.Recipient || !ok && r.Recipient != "" {
			return fmt.Errorf("the keys of role %s are not for an edit to set", r.Name)
		}
	}
	for _, e := range g.draft.Environments() {
		was, _ := g.old.Environment(e.Name)
		if e.Epoch != was.Epoch || !slices.Equal(e.EnvironmentCommitments, was.EnvironmentCommitments) {
			return fmt.Errorf("the keys of environment %s are not for an edit to set", e.Name)
		}
	}
	if a, was := g.draft.Audit(), g.old.Audit(); a.Epoch != was.Epoch || a.Recipient != was.Recipient {
		return fmt.Errorf("the audit key is not for an edit to set")
	}
	return nil
}

func (g *governing) renewRole(r policy.Role) error {
	made, err := newPair()
	if err == nil {
		g.roles[r.Name] = made.key
		g.draft.PutRole(r.Turned(made.identity.Recipient()))
	}
	return err
}

func (g *governing) renewAudit() error {
	made, err := newPair()
	if err == nil {
		g.audit = made.key
		g.draft.PutAudit(g.draft.Audit().Turned(made.identity.Recipient()))
	}
	return err
}

func (g *governing) renewEnvironment(ctx context.Context, e policy.Environment) error {
	id := keys.NewKey()
	if e.Epoch > 0 {
		var err error
		if id, err = g.w.v.idKey(ctx, e.Name); err != nil {
			return err
		}
	}
	k := newEnvironmentKeys(len(e.RequireKMS) > 0, id)
	g.envs[e.Name] = k
	g.draft.PutEnvironment(e.Turned(k.commitments(g.w.v.ID(), e.Name, e.Epoch+1)))
	return nil
}

// newPair makes a key and its identity.
func newPair() (opened, error) {
	key := keys.NewKey()
	identity, err := wrap.NewIdentity(key)
	return opened{key, identity}, err
}

func newEnvironmentKeys(twoOfTwo bool, id keys.Key) environmentKeys {
	k := environmentKeys{roleShare: keys.NewKey(), id: id}
	k.key = k.roleShare
	if twoOfTwo {
		k.cloudShare = keys.NewKey()
		k.key = keys.TwoOfTwo(k.roleShare, k.cloudShare)
	}
	return k
}

func (k environmentKeys) commitments(vault, name string, epoch uint64) policy.Commitments {
	return policy.Commitments{
		Environment: keys.Commit(keys.CommitEnvironment, vault, name, epoch, k.key),
		Names:       keys.Commit(keys.CommitNames, vault, name, epoch, keys.NamesKey(k.key)),
		ID:          keys.Commit(keys.CommitID, vault, name, 0, k.id),
	}
}

// write adds the files of the new policy, and of the keys that changed with it.
func (g *governing) write(ctx context.Context, next *policy.Policy) error {
	files := next.Files
	if g.old != nil {
		files = func() map[string][]byte { return policy.Changed(g.old, next) }
	}
	maps.Copy(g.w.files, files())
	for _, c := range policy.KeyChanges(g.old, next) {
		if err := g.writeKey(ctx, c, next); err != nil {
			return err
		}
	}
	return nil
}

// writeKey adds the files of one key, and drops those of the epoch before.
func (g *governing) writeKey(ctx context.Context, c policy.KeyChange, next *policy.Policy) error {
	if c.Old != 0 && c.Old != c.New {
		folder := policy.KeyFolder(c.Ref, c.Old)
		for f := range g.w.base.Files(strings.TrimSuffix(folder, "/")) {
			if f.Path != folder+"previous" {
				g.w.files[f.Path] = nil
			}
		}
	}
	files := make([][]byte, len(c.Wraps))
	secret := func(k policy.WrapKind) (keys.Key, error) { return g.secret(ctx, c.Ref, k) }
	err := parallelOnce(secret, c.Wraps, func(i int, key keys.Key) error {
		var err error
		files[i], err = g.wrap(c, c.Wraps[i], key)
		return err
	})
	if err != nil {
		return err
	}
	for i, f := range c.Wraps {
		g.w.files[f.Path] = files[i]
	}
	return g.seal(ctx, c, next)
}

// parallelOnce finds the keys that wraps hold, one after the other, and then
// makes the wraps on all cores.
func parallelOnce(secret func(policy.WrapKind) (keys.Key, error), wraps []policy.KeyFile, f func(int, keys.Key) error) error {
	found := map[policy.WrapKind]keys.Key{}
	for _, w := range wraps {
		if _, ok := found[w.Kind]; ok {
			continue
		}
		key, err := secret(w.Kind)
		if err != nil {
			return err
		}
		found[w.Kind] = key
	}
	return parallel(len(wraps), func(i int) error { return f(i, found[wraps[i].Kind]) })
}

// secret is the key that a wrap of this kind holds at the new epoch: one that was
// made now, or the current one.
func (g *governing) secret(ctx context.Context, ref policy.KeyRef, kind policy.WrapKind) (keys.Key, error) {
	v := g.w.v
	env, made := g.envs[ref.Name]
	switch kind {
	case policy.WrapRole:
		if key, ok := g.roles[ref.Name]; ok {
			return key, nil
		}
		k, err := v.role(ctx, ref.Name)
		return k.key, err
	case policy.WrapAudit:
		if !g.audit.IsZero() {
			return g.audit, nil
		}
		k, err := v.audit(ctx)
		return k.key, err
	case policy.WrapNames:
		if made {
			return keys.NamesKey(env.key), nil
		}
		e, _ := g.old.Environment(ref.Name)
		return v.namesKey(ctx, ref.Name, e.Epoch)
	case policy.WrapEnvironment, policy.WrapRoleShare:
		if made {
			return env.roleShare, nil
		}
		e, _ := g.old.Environment(ref.Name)
		return v.roleShare(ctx, v.unlocking(), e)
	case policy.WrapCloudShare:
		if made {
			return env.cloudShare, nil
		}
		e, _ := g.old.Environment(ref.Name)
		return v.cloudShare(ctx, v.unlocking(), e)
	}
	return keys.Key{}, fmt.Errorf("no key of kind %d", kind)
}

// wrap makes one wrap, unless it was made when its cloud key was reached.
func (g *governing) wrap(c policy.KeyChange, f policy.KeyFile, key keys.Key) ([]byte, error) {
	if f.CloudKey != "" {
		data, ok := g.clouds[f.Path]
		if !ok {
			return nil, named(ErrCloud, f.CloudKey)
		}
		return data, nil
	}
	to, err := wrap.ParseRecipient(f.Recipient)
	if err != nil {
		return nil, err
	}
	return wrap.Wrap(to, wrapContext(g.w.v.ID(), c.Ref, f.Kind, c.New), key)
}

func wrapContext(vault string, ref policy.KeyRef, kind policy.WrapKind, epoch uint64) wrap.Context {
	c := wrap.Context{Vault: vault, Name: ref.Name, Epoch: epoch}
	switch kind {
	case policy.WrapRole:
		c.Kind = wrap.Role
	case policy.WrapEnvironment:
		c.Kind = wrap.Environment
	case policy.WrapNames:
		c.Kind = wrap.Names
	case policy.WrapAudit:
		c.Kind = wrap.Audit
	case policy.WrapRoleShare:
		c.Kind = wrap.RoleShare
	case policy.WrapCloudShare:
		c.Kind = wrap.CloudShare
	}
	return c
}

// seal adds the files of a new epoch that are no wraps: the id key, and the key of
// the epoch before.
func (g *governing) seal(ctx context.Context, c policy.KeyChange, next *policy.Policy) error {
	v := g.w.v
	for _, path := range c.Sealed {
		switch {
		case c.Ref.Kind == policy.AuditKey:
			older, err := v.audit(ctx)
			if err != nil {
				return err
			}
			to, err := wrap.ParseRecipient(next.Audit().Recipient)
			if err != nil {
				return err
			}
			if g.w.files[path], err = wrap.Wrap(to, wrap.Context{Kind: wrap.Audit, Vault: v.ID(), Epoch: c.New - 1}, older.key); err != nil {
				return err
			}
		case path == policy.IDKeyPath(c.Ref.Name, c.New):
			k := g.envs[c.Ref.Name]
			g.w.files[path] = keys.Seal(keys.NamesKey(k.key), placeAD("secr/1 id key\n", v.ID(), c.Ref.Name, c.New), k.id.Reveal())
		default:
			older, err := v.environmentKey(ctx, c.Ref.Name, c.Old)
			if err != nil {
				return err
			}
			g.w.files[path] = keys.Seal(g.envs[c.Ref.Name].key, placeAD("secr/1 previous\n", v.ID(), c.Ref.Name, c.New), older.Reveal())
		}
	}
	return nil
}
