package vault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

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

// RestoreFloors writes a damaged file of floors again: the lines of it that are whole, and
// this machine's head, from which on the vault only goes forward. So nothing that was a
// floor is given up but a line that can't be read, of a change after the head. Every change
// is verified from the founder's on, and the head must contain what was seen at remotes and
// the lines that it has passed; otherwise nothing is written.
func RestoreFloors(ctx context.Context, o Options) ([]local.Floor, error) {
	v, err := o.vault(o.ID)
	if err != nil {
		return nil, err
	}
	if _, err := v.local.Floors(); !errors.Is(err, local.ErrDamaged) {
		return nil, errors.Join(errors.New("the floors are not damaged"), err)
	}
	head, err := v.local.ReadHead()
	if err != nil {
		return nil, err
	}
	if v.repo, err = repo.OpenOn(v.disk, v.local.Repository()); err != nil {
		return nil, err
	}
	defer v.repo.Close()
	s, err := Verify(ctx, v.repo, nil, head.ID)
	if err != nil {
		return nil, err
	}
	lock, err := v.local.Lock(ctx, "restore")
	if err != nil {
		return nil, err
	}
	floors, err := v.restoredFloors(s)
	if err == nil {
		err = v.local.SetFloors(floors)
	}
	return floors, errors.Join(err, lock.Unlock())
}

// restoredFloors are the whole lines of a damaged file and the head of a state that they
// agree with.
func (v *Vault) restoredFloors(s *chain.State) ([]local.Floor, error) {
	if err := v.vouchedByPins(s); err != nil {
		return nil, err
	}
	floors, err := v.local.WholeFloors()
	if err != nil {
		return nil, err
	}
	head := local.Floor{Seq: s.Head().Seq, Sum: s.Head().Sum}
	for _, f := range floors {
		if f.Seq > head.Seq {
			continue // told by somebody who has seen more
		}
		if err := s.CheckDescends(chain.Point(f)); err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
	}
	if !slices.Contains(floors, head) {
		floors = append(floors, head)
	}
	return floors, nil
}

// vouched holds a state against everything that this machine remembers of the vault.
func (v *Vault) vouched(s *chain.State) error {
	floors, err := v.local.Floors()
	if err != nil {
		return err
	}
	for _, f := range floors {
		if err := s.CheckDescends(chain.Point(f)); err != nil {
			return err
		}
	}
	return v.vouchedByPins(s)
}

// vouchedByPins holds a state against the vault's id and what was seen at remotes.
func (v *Vault) vouchedByPins(s *chain.State) error {
	if s.VaultID() != v.ID() {
		return ErrNotDescendant
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
