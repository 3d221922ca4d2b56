package vault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/local"
	"github.com/secr/secr/vault/repo"
)

// ErrHeadLost says that a vault's repository is on this machine and its head file is
// not: changes that nobody else has may be in it, so it is no first use.
var ErrHeadLost = errors.New("this machine has the vault's repository, and its head file is lost")

// Lost says whether the head file is missing while the repository still shows a head
// to stock git.
func Lost(place local.Vault) bool {
	if _, err := place.ReadHead(); !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	_, err := shadow(place)
	return err == nil
}

// shadow is the head that the repository shows to stock git.
func shadow(place local.Vault) (repo.Hash, error) {
	if _, err := os.Stat(place.Repository()); err != nil {
		return repo.Hash{}, err
	}
	r, err := repo.Open(place.Repository())
	if err != nil {
		return repo.Hash{}, err
	}
	defer r.Close()
	at, err := r.Ref(branch)
	if err == nil && at == (repo.Hash{}) {
		err = fs.ErrNotExist
	}
	return at, err
}

// Restore writes a lost or damaged head file again, from the head that the repository shows:
// every change is verified from the founder's on, and it must contain the floors and
// whatever was seen at remotes. It does nothing to a head file that is good.
func Restore(ctx context.Context, o Options) (chain.Head, error) {
	v, err := o.vault(o.ID)
	if err != nil {
		return chain.Head{}, err
	}
	if _, err := v.local.ReadHead(); err == nil {
		return chain.Head{}, errors.New("the head file is there and not damaged")
	}
	at, err := shadow(v.local)
	if err != nil {
		return chain.Head{}, fmt.Errorf("nothing here shows what the head was: %w", err)
	}
	if v.repo, err = repo.OpenOn(v.disk, v.local.Repository()); err != nil {
		return chain.Head{}, err
	}
	defer v.repo.Close()
	s, err := Verify(ctx, v.repo, nil, at)
	if err != nil {
		return chain.Head{}, err
	}
	if err := v.vouched(s); err != nil {
		return chain.Head{}, err
	}
	lock, err := v.local.Lock(ctx, "restore")
	if err != nil {
		return chain.Head{}, err
	}
	return s.Head(), errors.Join(v.moveHead(ctx, s, nil), lock.Unlock())
}

// vouched holds a state against everything that this machine remembers of the vault.
func (v *Vault) vouched(s *chain.State) error {
	if s.VaultID() != v.ID() {
		return ErrNotDescendant
	}
	floors, err := v.local.Floors()
	if err != nil {
		return err
	}
	for _, f := range floors {
		if err := s.CheckDescends(chain.Point(f)); err != nil {
			return err
		}
	}
	pins, err := v.local.Pins()
	if err != nil {
		return err
	}
	for _, p := range pins {
		if err := s.CheckDescends(chain.Point{Seq: p.Head.Seq, Sum: p.Head.Sum}); err != nil {
			return err
		}
	}
	return nil
}
