// Package local keeps what a vault leaves on this machine outside its
// repository: where everything lies, the head file, the pin of each remote,
// floors, the lock, and which project folder belongs to which vault.
//
// Nothing here is secret and nothing here is trusted blindly: a file of ours
// is read only if it is a plain file, of this user, of a sane size and in the
// one spelling that we write; anything else is a [FileError]. Every write is
// durable: a temporary file in the same folder, sync, rename, sync of the
// folder. Files are 0600, folders 0700. The formats are in docs/spec/local.md.
//
// The package belongs to the fast path of "secr run" and imports only the
// standard library and golang.org/x/sys.
package local

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
)

// Home is the five folders in which secr keeps things for one user of one
// machine. They need not exist yet.
type Home struct {
	Config string // settings and links: the user's own, small, worth a backup
	Data   string // the repositories
	State  string // heads, pins, floors, receipts not yet sent
	Cache  string // what can be computed again
}

// ErrNoHome means that neither the environment nor the user's account names
// a folder in which secr could keep anything.
var ErrNoHome = errors.New("no home folder: set HOME, or SECR_HOME to an absolute path")

// NewHome finds the folders. SECR_HOME puts them all below one folder;
// otherwise the XDG variables count on every system, and without those the
// system's own convention below userHome. It creates nothing.
func NewHome(getenv func(string) string, userHome string) (Home, error) {
	return newHome(runtime.GOOS, getenv, userHome)
}

func newHome(system string, getenv func(string) string, userHome string) (Home, error) {
	if all := getenv("SECR_HOME"); all != "" {
		if !filepath.IsAbs(all) {
			return Home{}, fmt.Errorf("SECR_HOME is %q: it must be an absolute path", all)
		}
		return Home{
			Config: filepath.Join(all, "config"),
			Data:   filepath.Join(all, "data"),
			State:  filepath.Join(all, "state"),
			Cache:  filepath.Join(all, "cache"),
		}, nil
	}
	h := conventional(system, getenv, userHome)
	for _, folder := range []struct {
		variable string
		to       *string
	}{
		{"XDG_CONFIG_HOME", &h.Config},
		{"XDG_DATA_HOME", &h.Data},
		{"XDG_STATE_HOME", &h.State},
		{"XDG_CACHE_HOME", &h.Cache},
	} {
		// The XDG specification says that a relative path is to be ignored.
		if v := getenv(folder.variable); filepath.IsAbs(v) {
			*folder.to = filepath.Join(v, "secr")
		}
		if !filepath.IsAbs(*folder.to) {
			return Home{}, ErrNoHome
		}
	}
	return h, nil
}

func conventional(system string, getenv func(string) string, userHome string) Home {
	in := func(parts ...string) string {
		if !filepath.IsAbs(parts[0]) {
			return ""
		}
		return filepath.Join(parts...)
	}
	switch system {
	case "darwin":
		support := in(userHome, "Library", "Application Support", "secr")
		return Home{
			Config: in(support, "config"),
			Data:   in(support, "data"),
			State:  in(support, "state"),
			Cache:  in(userHome, "Library", "Caches", "secr"),
		}
	case "windows":
		roaming, machine := getenv("APPDATA"), getenv("LOCALAPPDATA")
		if roaming == "" {
			roaming = in(userHome, "AppData", "Roaming")
		}
		if machine == "" {
			machine = in(userHome, "AppData", "Local")
		}
		return Home{
			Config: in(roaming, "secr"),
			Data:   in(machine, "secr", "data"),
			State:  in(machine, "secr", "state"),
			Cache:  in(machine, "secr", "cache"),
		}
	}
	return Home{
		Config: in(userHome, ".config", "secr"),
		Data:   in(userHome, ".local", "share", "secr"),
		State:  in(userHome, ".local", "state", "secr"),
		Cache:  in(userHome, ".cache", "secr"),
	}
}

// Settings is the path of the user's settings file.
func (h Home) Settings() string { return filepath.Join(h.Config, "settings.toml") }

// Vault names the places of one vault. It fails on anything that is not a
// vault id, because ids come from project files that nobody has checked and
// become parts of paths here.
func (h Home) Vault(id string) (Vault, error) {
	if !ValidID(id) {
		return Vault{}, fmt.Errorf("%q is not a vault id: 26 characters of a-z and 2-7", cut(id))
	}
	return Vault{ID: id, home: h}, nil
}

// ValidID reports whether id has the shape of a vault id.
func ValidID(id string) bool {
	if len(id) != 26 {
		return false
	}
	for _, c := range id {
		if (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}

// cut keeps a stranger's text short enough for an error.
func cut(s string) string {
	if len(s) > 40 {
		return s[:40] + "..."
	}
	return s
}

// Vault is the places of one vault on this machine.
type Vault struct {
	// ID is the vault's id.
	ID   string
	home Home
}

// Repository is the folder of the vault's bare Git repository.
func (v Vault) Repository() string { return filepath.Join(v.home.Data, v.ID, "repo.git") }

// State is the folder of the head file, the pins, the floors, the lock and
// the receipts that have not been sent.
func (v Vault) State() string { return filepath.Join(v.home.State, v.ID) }

// Cache is the folder of what can be computed again: snapshots and verified
// state.
func (v Vault) Cache() string { return filepath.Join(v.home.Cache, v.ID) }

// MakeFolders creates the vault's folders, private to the user.
func (v Vault) MakeFolders() error {
	for _, folder := range []string{v.home.Config, filepath.Dir(v.Repository()), v.State(), v.Cache()} {
		if err := MakeFolder(folder); err != nil {
			return err
		}
	}
	return nil
}
