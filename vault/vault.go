// Package vault is a vault on this machine: it opens one, lists and reveals its
// secrets, and writes changes to it.
//
// Everything read is verified first. The head file names this machine's newest
// change; every change up to it was checked by package chain, once, and what that
// left is kept in a cache. Content is read by hashes that the verified state
// fixes, keys are checked against the commitments in it, and names against ids.
//
//	v, err := vault.Open(ctx, vault.Options{Home: home, ID: id, Seed: seed, Clock: time.Now})
//	values, err := v.Reveal(ctx, witness, vault.Request{Environment: "development"})
//
//	d := v.Draft()
//	d.Set("development", "DATABASE_URL", value, vault.Meta{})
//	head, err := d.Commit(ctx, "set 1 secret in development")
//
// A value leaves through [Vault.Reveal] only, and the witness is told before. The
// way into the vault is a [Draft], which takes the lock, reads the head again and
// works on that, so that no draft is lost to another.
package vault

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/wrap"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/local"
	"github.com/secr/secr/vault/repo"
)

// Options say where a vault is and who opens it.
type Options struct {
	// Home is this machine's folders, ID the vault's id. Init makes the id itself.
	Home local.Home
	ID   string
	// Seed returns who this is. It is called once, when the first key is needed;
	// nil is nobody: what needs no key works all the same.
	Seed func(ctx context.Context) (keys.Seed, error)
	// Clock is the time of changes, and what expiry is compared with.
	Clock func() time.Time
	// Clouds reaches cloud keys; nil reaches none.
	Clouds Clouds
	// Disk is what the vault is written to; the zero Disk is the machine's.
	Disk local.Disk
}

// Clouds reaches cloud keys.
type Clouds interface {
	// Cloud returns the cloud's side of a key for one wrap: it binds what it
	// encrypts and decrypts to the context. An error that is context.Canceled is a
	// person's who ended it all; any other leaves that cloud key out.
	Cloud(ctx context.Context, key policy.CloudKey, c wrap.Context) (wrap.Cloud, error)
}

// Vault is an open vault. One goroutine may use it at a time.
type Vault struct {
	local  local.Vault
	repo   *repo.Repo
	clock  func() time.Time
	clouds Clouds
	disk   local.Disk
	state  *chain.State
	ring   *ring
	head   *chain.State // of a view: the newest state, which unlocks; nil otherwise
	// pending is what a rebase has not written yet; nil otherwise.
	pending *repo.View
}

// Open opens a vault of this machine at its head. It fails with [ErrNoVault] when
// there is none, with a *chain.Error when a change is not valid, and with a
// *local.FileError when the head file is damaged.
func Open(ctx context.Context, o Options) (*Vault, error) {
	v, err := o.vault(o.ID)
	if err != nil {
		return nil, err
	}
	if _, err := v.local.ReadHead(); errors.Is(err, fs.ErrNotExist) {
		return nil, named(ErrNoVault, o.ID)
	} else if err != nil {
		return nil, err
	}
	if v.repo, err = repo.OpenOn(v.disk, v.local.Repository()); err != nil {
		return nil, err
	}
	if err := v.Refresh(ctx); err != nil {
		v.repo.Close()
		return nil, err
	}
	return v, v.healRef(ctx)
}

// Establish makes a verified state the head of a vault that this machine had not,
// and opens it: what follows a first fetch. The state's objects are in the
// vault's repository. A vault that is there already is opened as it is, which is
// an error unless the state descends from its head.
func Establish(ctx context.Context, o Options, s *chain.State) (*Vault, error) {
	o.ID = s.VaultID()
	v, err := o.vault(o.ID)
	if err != nil {
		return nil, err
	}
	if err := v.local.MakeFolders(); err != nil {
		return nil, err
	}
	lock, err := v.local.Lock(ctx, "clone")
	if err != nil {
		return nil, err
	}
	_, err = v.local.ReadHead()
	if errors.Is(err, fs.ErrNotExist) {
		if v.repo, err = repo.OpenOn(v.disk, v.local.Repository()); err == nil {
			err = v.moveHead(ctx, s, nil)
		}
		return v, errors.Join(err, lock.Unlock())
	}
	if err := errors.Join(err, lock.Unlock()); err != nil {
		return nil, err
	}
	if v, err = Open(ctx, o); err != nil {
		return nil, err
	}
	return v, v.Adopt(ctx, s)
}

// vault is the frame of a vault, with no repository and no state.
func (o Options) vault(id string) (*Vault, error) {
	place, err := o.Home.Vault(id)
	if err != nil {
		return nil, err
	}
	return &Vault{local: place, clock: o.Clock, clouds: o.Clouds, disk: o.Disk, ring: newRing(o.Seed)}, nil
}

// Close gives back the files that reading the repository keeps open.
func (v *Vault) Close() { v.repo.Close() }

// ID is the vault's id.
func (v *Vault) ID() string { return v.local.ID }

// State is what the verified changes up to the head left, as last read.
func (v *Vault) State() *chain.State { return v.state }

// Policy is the policy of [Vault.State]. It must not be changed.
func (v *Vault) Policy() *policy.Policy { return v.state.Policy() }

// Newest is the policy of the newest state, which decides what may be done; of a view
// of an older state, too. It must not be changed.
func (v *Vault) Newest() *policy.Policy { return v.unlocking().Policy() }

// Head is the newest change of [Vault.State].
func (v *Vault) Head() chain.Head { return v.state.Head() }

// Repo is the vault's repository.
func (v *Vault) Repo() *repo.Repo { return v.repo }

// Local is the vault's places on this machine.
func (v *Vault) Local() local.Vault { return v.local }

// Identity is who this process is in the vault.
type Identity struct {
	Member policy.Member
	Device policy.Device
	Active bool // neither member nor device is retired
}

// Identity says who this process is in the vault, at the newest state. It fails
// with [ErrNoIdentity] without a seed and with [ErrNotMember] when the seed is no
// device's of any member.
func (v *Vault) Identity(ctx context.Context) (Identity, error) {
	me, err := v.me(ctx)
	if err != nil {
		return Identity{}, err
	}
	return me.Identity, nil
}
