package vault

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/wrap"
	"github.com/secr/secr/policy"
)

// InviteKey opens the key under which answers to an open invite are proved. It
// needs manage.
func (v *Vault) InviteKey(ctx context.Context, id string) (keys.Key, error) {
	i, ok := v.unlocking().Policy().Invite(id)
	if !ok {
		return keys.Key{}, fmt.Errorf("no open invite %s", id)
	}
	return v.inviteKey(ctx, i)
}

func (v *Vault) inviteKey(ctx context.Context, i policy.Invite) (keys.Key, error) {
	who, err := v.holder(ctx)
	if err != nil {
		return keys.Key{}, err
	}
	role, ok := managingRole(v.unlocking().Policy(), who.Member)
	if !ok {
		return keys.Key{}, &DeniedError{Handle: who.Member.Handle, Manage: true}
	}
	o, err := v.role(ctx, role)
	if err != nil {
		return keys.Key{}, err
	}
	path := policy.InvitePath(i.ID)
	file, err := hex.DecodeString(i.Verifier)
	if err != nil {
		return keys.Key{}, v.blame(path, "its verifier is no hex", err)
	}
	data, err := o.identity.OpenFrom(file)
	if err != nil {
		return keys.Key{}, v.blame(path, "its verifier does not open for who manages", err)
	}
	defer clear(data)
	key, err := keys.KeyFromBytes(data)
	if err != nil {
		return keys.Key{}, v.blame(path, "its verifier holds no key", err)
	}
	return key, nil
}

// renewInvites keeps open invites right when the roles that manage change. When
// the key of one turned, somebody who knew the invites' keys may be gone, and
// could answer in the invited's place: the invites close. A new managing role gets
// them sealed to it too. It returns the handles of the invites that it closed.
func (g *governing) renewInvites(ctx context.Context, turned []policy.KeyRef) ([]string, error) {
	managing := g.draft.ManagingRoles()
	lost := slices.ContainsFunc(turned, func(ref policy.KeyRef) bool {
		was, ok := g.old.Role(ref.Name)
		return ref.Kind == policy.RoleKey && ok && was.Manage
	}) || slices.ContainsFunc(g.old.ManagingRoles(), func(was policy.Role) bool {
		is, ok := g.draft.Role(was.Name)
		return !ok || !is.Active() || !is.Manage
	})
	var closed []string
	var to []wrap.Recipient
	grown := false
	for _, r := range managing {
		was, ok := g.old.Role(r.Name)
		grown = grown || !ok || !was.Manage || !was.Active()
		recipient, err := wrap.ParseRecipient(r.Recipient)
		if err != nil {
			return nil, err
		}
		to = append(to, recipient)
	}
	for _, i := range g.draft.Invites() {
		_, before := g.old.Invite(i.ID)
		switch {
		case !before:
		case lost:
			g.draft.DropInvite(i.ID)
			closed = append(closed, i.Handle)
		case grown:
			key, err := g.w.v.inviteKey(ctx, i)
			if err != nil {
				return nil, err
			}
			file, err := wrap.SealTo(to, key.Reveal())
			if err != nil {
				return nil, err
			}
			i.Verifier = hex.EncodeToString(file)
			g.draft.PutInvite(i)
		}
	}
	return closed, nil
}
