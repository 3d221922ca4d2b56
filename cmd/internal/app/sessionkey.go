package app

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/secr/secr/cmd/internal/fast"
	"github.com/secr/secr/vault/local"
)

// remember has the login session keep what the fast path needs of an identity.
func (a *app) remember(home local.Home, profile string, k fast.Keys) {
	if chosen, err := readSettings(home); err == nil && chosen.SessionCache && a.sys.Session > 0 {
		fast.Remember(home, profile, k, a.sys.Session)
	}
}

// forget takes away what this machine made with an identity: what the login
// session remembers, and the snapshots of the vaults that it opened.
func (a *app) forget(home local.Home, profile string) error {
	errs := []error{fast.Forget(home, profile)}
	links, err := home.Links()
	errs = append(errs, err)
	for _, l := range links {
		if l.Profile != profile {
			continue
		}
		place, err := home.Vault(l.Vault)
		if err != nil {
			return err
		}
		errs = append(errs, removeSnapshots(place.Cache()))
	}
	return errors.Join(errs...)
}

func removeSnapshots(folder string) error {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "snapshot-") {
			err = errors.Join(err, os.Remove(filepath.Join(folder, e.Name())))
		}
	}
	return err
}
