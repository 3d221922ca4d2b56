package vault

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/local"
	"github.com/secr/secr/vault/repo"
)

// cacheLimit bounds the file of the verified state, and of a page of links: larger is
// damage.
const cacheLimit = 1 << 30

func (v *Vault) cachePath() string { return filepath.Join(v.local.Cache(), "state") }

// cached is the verified state of an earlier run; nil when there is none, or a
// damaged one.
func (v *Vault) cached() *chain.State { return v.ReadCache(v.cachePath()) }

// ReadCache reads a state of this vault from a file that WriteCache or CopyCache made; nil
// when there is none, or a damaged one.
func (v *Vault) ReadCache(path string) *chain.State {
	data, err := local.ReadFile(path, cacheLimit)
	if err != nil {
		return nil
	}
	s, err := chain.Decode(data, chain.Store{
		Page:   func(sum [32]byte) ([]byte, error) { return local.ReadFile(v.pagePath(sum), cacheLimit) },
		Keep:   v.keepPage,
		Commit: func(id [20]byte) ([]byte, error) { return v.repo.Commit(repo.Hash(id)) },
		Blob:   func(id [20]byte) ([]byte, error) { return v.repo.Blob(repo.Hash(id)) },
	})
	if err != nil || s.VaultID() != v.ID() {
		return nil
	}
	return s
}

// WriteCache keeps a verified state in a file. Its pages of links are files of their own,
// which states that follow each other have in common.
func (v *Vault) WriteCache(s *chain.State, path string) error {
	data, err := s.Encode(v.keepPage)
	if err != nil {
		return err
	}
	return v.writeCached(path, data)
}

func (v *Vault) keepPage(sum [32]byte, links []byte) error {
	return v.writeCached(v.pagePath(sum), links)
}

func (v *Vault) pagePath(sum [32]byte) string {
	return filepath.Join(v.local.Cache(), "links-"+hex.EncodeToString(sum[:16]))
}

// writeCache is WriteCache of this vault's own state. It is a cache: a folder that can't be
// written costs time at the next run, and nothing else.
func (v *Vault) writeCache(s *chain.State) { _ = v.WriteCache(s, v.cachePath()) }

// CopyCache gives the cached form of this vault's state, if s is that state, a second
// place. It saves writing the same once more.
func (v *Vault) CopyCache(s *chain.State, to string) error {
	if v.state != s {
		return ErrMoved
	}
	aside := to + ".new"
	if err := os.Remove(aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Link(v.cachePath(), aside); err != nil {
		return err
	}
	return os.Rename(aside, to)
}
