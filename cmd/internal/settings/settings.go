// Package settings reads the user's own settings, which always beat the
// project's. They are a TOML file in the configuration folder:
//
//	environment = "staging"     used when no flag and no SECR_ENV says otherwise
//	remote = "git@host:x.git"   the vault's remote
//	keyring = "file"            where login keeps a new identity: os, file
//	session_cache = true        keep keys in the login session's kernel keyring
//	auto_sync = false           share every change at once
//	refresh = "1h"              fetch in the background, at most that often
//
//	[clouds]                    cloud keys: what may be called, and how
//	allow = ["aws:123456789012", "gcp:my-project", "azure:my-vault.vault.azure.net"]
//	connect = "3s"
//	timeout = "10s"
//	profile = "work"
//	endpoints = { aws = "https://vpce-..." }
//
//	[vault.<id>]                the same environment and remote, for one vault
//	environment = "development"
package settings

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// Name is the file's name in the configuration folder.
const Name = "settings.toml"

// ErrInvalid is a settings file that doesn't mean anything to this version.
var ErrInvalid = errors.New("not a valid settings file")

// Settings is the file with its defaults filled in.
type Settings struct {
	Environment string
	Remote      string
	Keyring     string
	// SessionCache is true unless the file switches it off.
	SessionCache bool
	AutoSync     bool
	// Refresh is 0 when nothing is fetched in the background.
	Refresh time.Duration
	// Clouds is about cloud keys.
	Clouds Clouds
	// Vaults holds what is set for single vaults, by id.
	Vaults map[string]Vault
}

// Vault is what the user set for one vault.
type Vault struct {
	Environment string `toml:"environment"`
	Remote      string `toml:"remote"`
}

type file struct {
	Environment  string           `toml:"environment"`
	Remote       string           `toml:"remote"`
	Keyring      string           `toml:"keyring"`
	SessionCache *bool            `toml:"session_cache"`
	AutoSync     bool             `toml:"auto_sync"`
	Refresh      string           `toml:"refresh"`
	Clouds       cloudsTable      `toml:"clouds"`
	Vaults       map[string]Vault `toml:"vault"`
}

// Read reads the file in folder; without one everything has its default.
func Read(folder string) (Settings, error) {
	path := filepath.Join(folder, Name)
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return Settings{SessionCache: true}, nil
	}
	if err != nil {
		return Settings{}, err
	}
	s, err := Parse(data)
	if err != nil {
		return Settings{}, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// Parse reads the file's bytes. An unknown key is an error: a misspelt setting
// that is silently off would be worse.
func Parse(data []byte) (Settings, error) {
	var f file
	if err := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(&f); err != nil {
		return Settings{}, fmt.Errorf("%w: %s", ErrInvalid, where(err))
	}
	s := Settings{
		Environment: f.Environment, Remote: f.Remote, Keyring: f.Keyring,
		SessionCache: f.SessionCache == nil || *f.SessionCache, AutoSync: f.AutoSync, Vaults: f.Vaults,
	}
	var err error
	if s.Clouds, err = f.Clouds.check(); err != nil {
		return Settings{}, err
	}
	switch f.Keyring {
	case "", "os", "file":
	default:
		return Settings{}, fmt.Errorf("%w: keyring is os or file", ErrInvalid)
	}
	if f.Refresh == "" {
		return s, nil
	}
	s.Refresh, err = time.ParseDuration(f.Refresh)
	if err != nil || s.Refresh < 0 {
		return Settings{}, fmt.Errorf(`%w: refresh is a duration such as "1h"`, ErrInvalid)
	}
	return s, nil
}

// where says what is wrong without the text around it, which could be a password.
func where(err error) string {
	if unknown, ok := errors.AsType[*toml.StrictMissingError](err); ok && len(unknown.Errors) > 0 {
		first := unknown.Errors[0]
		line, _ := first.Position()
		return fmt.Sprintf("line %d: unknown key %q", line, strings.Join(first.Key(), "."))
	}
	if parse, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, _ := parse.Position()
		return "line " + strconv.Itoa(line)
	}
	return "a value has the wrong type"
}

// EnvironmentOf is the user's environment for a vault, empty when not set.
func (s Settings) EnvironmentOf(vault string) string {
	if e := s.Vaults[vault].Environment; e != "" {
		return e
	}
	return s.Environment
}

// RemoteOf is the user's remote for a vault, empty when not set.
func (s Settings) RemoteOf(vault string) string {
	if r := s.Vaults[vault].Remote; r != "" {
		return r
	}
	return s.Remote
}
