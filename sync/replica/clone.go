package replica

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/local"
	"github.com/secr/secr/vault/repo"
)

// CloneOptions say what to get, and what it must be.
type CloneOptions struct {
	Vault     vault.Options // the ID, if it is known, is what the remote must have
	Transport remote.Transport
	URL       remote.URL
	Branch    string
	Clock     func() time.Time
	Limits    remote.Limits
	Floor     chain.Point // what the head must descend from; the zero Point is no demand
}

// Clone gets a vault that this machine hasn't got, verified from its founding change. The
// id of the vault and a floor, told by somebody else than the host, make it the right one;
// without them the caller shows the head to a person. A vault of that id that is here
// already is synced into instead.
func Clone(ctx context.Context, o CloneOptions) (*vault.Vault, error) {
	if o.Branch == "" {
		o.Branch = Branch
	}
	nursery, err := newNursery(o.Vault.Home)
	if err != nil {
		return nil, err
	}
	defer nursery.discard()
	state, err := nursery.fill(ctx, o)
	if err != nil {
		return nil, err
	}
	place, err := o.Vault.Home.Vault(state.VaultID())
	if err != nil {
		return nil, err
	}
	if err := nursery.move(ctx, place); err != nil {
		return nil, err
	}
	v, err := vault.Establish(ctx, o.Vault, state)
	ahead := errors.Is(err, vault.ErrNotDescendant)
	if err != nil && !ahead {
		return nil, err
	}
	r := New(Options{Vault: v, Transport: o.Transport, URL: o.URL, Branch: o.Branch, Clock: o.Clock, Limits: o.Limits})
	if o.Floor.Seq > 0 {
		if err := r.addFloor(ctx, o.Floor); err != nil {
			return v, err
		}
	}
	if ahead {
		// The vault was here already, with changes that the remote hasn't got: a pull
		// judges what it shows, and makes them again on top if they are to be.
		_, err := r.Pull(ctx)
		return v, err
	}
	if err := r.pin(ctx, state.Head()); err != nil {
		return v, err
	}
	r.remember(state)
	return v, nil
}

func (r *Replica) addFloor(ctx context.Context, p chain.Point) error {
	lock, err := r.place.Lock(ctx, "clone")
	if err != nil {
		return err
	}
	defer lock.Unlock()
	return r.place.AddFloor(local.Floor{Seq: p.Seq, Sum: p.Sum})
}

// nursery is a repository for a vault whose id isn't known yet.
type nursery struct {
	dir  string
	repo *repo.Repo
}

func newNursery(home local.Home) (*nursery, error) {
	var name [8]byte
	rand.Read(name[:])
	dir := filepath.Join(home.Data, ".clone-"+hex.EncodeToString(name[:]))
	if err := local.MakeFolder(dir); err != nil {
		return nil, err
	}
	r, err := repo.Create(filepath.Join(dir, "repo.git"))
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &nursery{dir: dir, repo: r}, nil
}

func (n *nursery) discard() {
	n.repo.Close()
	os.RemoveAll(n.dir) // what is left is a temporary folder
}

// fill fetches and verifies.
func (n *nursery) fill(ctx context.Context, o CloneOptions) (*chain.State, error) {
	q, err := n.repo.Quarantine(ctx)
	if err != nil {
		return nil, err
	}
	tip, err := o.Transport.Fetch(ctx, remote.Fetch{URL: o.URL, Ref: o.Branch, Into: q, Limits: o.Limits})
	if err != nil {
		return nil, errors.Join(err, q.Discard())
	}
	state, err := vault.Verify(ctx, q.Repo(), nil, tip)
	if err == nil {
		err = o.accepts(state)
	}
	if err != nil {
		return nil, errors.Join(o.refuse(tip, state, err), q.Discard())
	}
	return state, q.Commit(ctx)
}

func (o CloneOptions) accepts(s *chain.State) error {
	if o.Vault.ID != "" && s.VaultID() != o.Vault.ID {
		return errOtherVault
	}
	return s.CheckDescends(o.Floor)
}

// refuse is the error for a head that is not taken; errors of this machine pass.
func (o CloneOptions) refuse(tip remote.Hash, s *chain.State, verdict error) error {
	e := &BadHeadError{Remote: o.URL.String(), Tip: tip, Err: verdict, Kind: Invalid}
	var broken *chain.Error
	isBroken := errors.As(verdict, &broken)
	switch {
	case errors.Is(verdict, errOtherVault):
		e.Kind = OtherVault
	case isBroken && broken.Class == chain.NewerFormat:
		return verdict
	case isBroken && broken.Class == chain.Rewind && s.Head().Seq < o.Floor.Seq:
		e.Kind = Rewound
	case isBroken && broken.Class == chain.Rewind:
		e.Kind = Forked
	case isBroken, isMalformed(verdict):
	default:
		return verdict
	}
	return e
}

// move gives the repository its place. If there is one already, what was fetched goes
// into it.
func (n *nursery) move(ctx context.Context, place local.Vault) error {
	if err := place.MakeFolders(); err != nil {
		return err
	}
	lock, err := place.Lock(ctx, "clone")
	if err != nil {
		return err
	}
	defer lock.Unlock()
	to := place.Repository()
	if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
		n.repo.Close()
		var disk local.Disk
		if err := disk.Rename(n.repo.Dir(), to); err != nil {
			return err
		}
		return disk.SyncFolder(filepath.Dir(to))
	}
	return n.pour(ctx, to)
}

// pour copies the packs into a repository that is there.
func (n *nursery) pour(ctx context.Context, to string) error {
	r, err := repo.Open(to)
	if err != nil {
		return err
	}
	defer r.Close()
	q, err := r.Quarantine(ctx)
	if err != nil {
		return err
	}
	from, into := filepath.Join(n.repo.Dir(), "objects", "pack"), filepath.Join(q.Dir(), "objects", "pack")
	entries, err := os.ReadDir(from)
	for _, e := range entries {
		if err == nil {
			err = os.Rename(filepath.Join(from, e.Name()), filepath.Join(into, e.Name()))
		}
	}
	if err != nil {
		return errors.Join(err, q.Discard())
	}
	return q.Commit(ctx)
}
