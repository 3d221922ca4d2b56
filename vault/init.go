package vault

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/change"
	"github.com/secr/secr/vault/repo"
)

// InitOptions say who founds a vault. The ID of Options is not used.
type InitOptions struct {
	Options
	Handle, Name, Email string // of the founder
	Device              string // name of this machine's device
}

// Init founds a vault with the default environments and roles, and its founder as
// the one member. Each call makes another vault. A crash leaves a whole vault or
// none that anything points to.
func Init(ctx context.Context, o InitOptions) (*Vault, error) {
	if o.Seed == nil {
		return nil, ErrNoIdentity
	}
	if o.Clock == nil {
		return nil, errors.New("a change needs a clock")
	}
	ring := newRing(o.Seed)
	seed, err := ring.secret(ctx)
	if err != nil {
		return nil, err
	}
	f, d, err := foundingFile(seed, o.Clock().Unix())
	if err != nil {
		return nil, err
	}
	file, err := f.Bytes()
	if err != nil {
		return nil, err
	}
	v, err := o.vault(keys.VaultID(file))
	if err != nil {
		return nil, err
	}
	ring.device = d
	v.ring = ring
	return v, v.init(ctx, o, f, file)
}

// foundingFile makes the founding file and the founder's device.
func foundingFile(seed keys.Seed, created int64) (policy.Founding, *device, error) {
	f := policy.Founding{Format: policy.Format, Created: created}
	rand.Read(f.Nonce[:]) // never fails: it ends the program instead
	d, err := newDevice(seed, f.Nonce)
	if err != nil {
		return policy.Founding{}, nil, err
	}
	f.Sign, f.Recipient = d.signer.Public(), d.age.Recipient()
	f.Join = policy.Hex64(d.signer.Join(f.NonceHex(), "", f.Recipient))
	return f, d, nil
}

func (v *Vault) init(ctx context.Context, o InitOptions, f policy.Founding, file []byte) error {
	if err := v.local.MakeFolders(); err != nil {
		return err
	}
	lock, err := v.local.Lock(ctx, "init")
	if err != nil {
		return err
	}
	defer lock.Unlock()
	if v.repo, err = repo.CreateOn(v.disk, v.local.Repository()); err != nil {
		return err
	}
	w := v.writer(nil)
	w.files = map[string][]byte{policy.FoundingPath: file}
	founder := policy.Founder(f, policy.About{Handle: o.Handle, Name: o.Name, Email: o.Email, Device: o.Device})
	if err := w.foundPolicy(ctx, founder); err != nil {
		return err
	}
	who := me{Identity{founder, founder.Devices[0], true}, v.ring.device}
	var op change.Op
	rand.Read(op[:])
	s, err := w.sign(who, "found the vault", op)
	if err != nil {
		return err
	}
	if err := w.batch.Flush(ctx); err != nil {
		return err
	}
	return v.moveHead(ctx, s, nil)
}

// foundPolicy adds the files of a new vault's policy and keys.
func (w *writer) foundPolicy(ctx context.Context, founder policy.Member) error {
	g := &governing{w: w, roles: map[string]keys.Key{}, envs: map[string]environmentKeys{}}
	fresh := policy.Fresh{Roles: map[string]string{}, Environments: map[string]policy.Commitments{}}
	for _, r := range policy.DefaultRoles() {
		made, err := newPair()
		if err != nil {
			return err
		}
		g.roles[r.Name], fresh.Roles[r.Name] = made.key, made.identity.Recipient()
	}
	for _, e := range policy.DefaultEnvironments() {
		k := newEnvironmentKeys(false, keys.NewKey())
		g.envs[e.Name], fresh.Environments[e.Name] = k, k.commitments(w.v.ID(), e.Name, 1)
	}
	made, err := newPair()
	if err != nil {
		return err
	}
	g.audit, fresh.Audit = made.key, made.identity.Recipient()
	p, err := policy.Default(founder, fresh)
	if err != nil {
		return err
	}
	return g.write(ctx, p)
}
