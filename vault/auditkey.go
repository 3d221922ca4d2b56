package vault

import (
	"context"
	"fmt"

	"github.com/secr/secr/keys/sign"
	"github.com/secr/secr/keys/wrap"
	"github.com/secr/secr/policy"
)

// Signer is what this process signs with in the vault, as the device of a member
// who is not retired. It is for what a device publishes beside the chain; changes of
// the vault are made by a [Draft] alone.
func (v *Vault) Signer(ctx context.Context) (Identity, sign.Signer, error) {
	who, err := v.holder(ctx)
	if err != nil {
		return Identity{}, sign.Signer{}, err
	}
	return who.Identity, who.signer, nil
}

// AuditIdentity opens receipts that were sealed at an epoch of the audit key. It
// needs audit, or manage.
func (v *Vault) AuditIdentity(ctx context.Context, epoch uint64) (wrap.Identity, error) {
	o, err := v.auditAt(ctx, epoch)
	return o.identity, err
}

// auditAt unlocks the audit key of an epoch, from the current one backwards.
func (v *Vault) auditAt(ctx context.Context, epoch uint64) (opened, error) {
	a := v.unlocking().Policy().Audit()
	if epoch == 0 || epoch > a.Epoch {
		return opened{}, fmt.Errorf("the audit key has no epoch %d", epoch)
	}
	o, err := v.audit(ctx)
	for at := a.Epoch; err == nil && at > epoch; at-- {
		o, err = v.previousAudit(a, at, o)
	}
	return o, err
}

// previousAudit opens what is sealed to the audit key of an epoch: the one before it.
func (v *Vault) previousAudit(a policy.Audit, epoch uint64, newer opened) (opened, error) {
	if o, ok := v.ring.audits.get(epoch - 1); ok {
		return o, nil
	}
	path := policy.PreviousPath(policy.KeyRef{Kind: policy.AuditKey}, epoch)
	key, err := v.unwrap(v.unlocking(), path, newer.identity, wrap.Context{Kind: wrap.Audit, Vault: v.ID(), Epoch: epoch - 1})
	if err != nil {
		return opened{}, err
	}
	identity, err := wrap.NewIdentity(key)
	if err != nil {
		return opened{}, err
	}
	if policy.RecipientSum(identity.Recipient()) != a.Earlier[epoch-2] {
		return opened{}, v.blame(path, "it holds another key than the policy says", nil)
	}
	o := opened{key, identity}
	v.ring.audits.put(epoch-1, o)
	return o, nil
}
