// Package identity keeps this machine's profiles: who a person is here and
// where the seed is kept. A profile holds no secret. Most people have one and
// never see the word.
package identity

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/secr/secr/vault/local"
)

// Default is the name of the profile that nobody had to name.
const Default = "default"

// Kept says where a profile's seed is.
type Kept string

// The places of a seed.
const (
	KeptOS   Kept = "os"   // the operating system's keyring
	KeptFile Kept = "file" // a file sealed with a passphrase
	KeptKMS  Kept = "kms"  // a file sealed by a cloud key
)

// Words names the place for people.
func (k Kept) Words() string {
	switch k {
	case KeptOS:
		return "the system's keyring"
	case KeptKMS:
		return "a file sealed by a cloud key"
	}
	return "a file sealed with a passphrase"
}

// Errors of this package. All of them end in exit code 7.
var (
	ErrNone    = errors.New("no identity on this machine")
	ErrUnknown = errors.New("no such identity on this machine")
	ErrSeveral = errors.New("several identities on this machine, and none was chosen")
	ErrExists  = errors.New("this identity exists already")
)

// Profile is one identity of this machine.
type Profile struct {
	// Name is the profile's, [a-z0-9][a-z0-9-]{0,31}.
	Name string `json:"-"`
	// Person and Email are what a vault shows of its member.
	Person string `json:"name"`
	Email  string `json:"email"`
	// Kept is where the seed is.
	Kept Kept `json:"keyring"`
	// Created is when the seed was made, Unix seconds.
	Created int64 `json:"created"`
}

const (
	suffix   = ".json"
	limit    = 4096
	textSize = 200
)

// Folder is where profiles lie, sealed seeds beside them.
func Folder(home local.Home) string { return filepath.Join(home.Config, "identities") }

func path(home local.Home, name string) string { return filepath.Join(Folder(home), name+suffix) }

// List gives all profiles, by name.
func List(home local.Home) ([]Profile, error) {
	entries, err := os.ReadDir(Folder(home))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []Profile
	for _, e := range entries {
		name, found := strings.CutSuffix(e.Name(), suffix)
		if !found || local.IsTemp(e.Name()) {
			continue
		}
		p, err := Load(home, name)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// Load reads one profile.
func Load(home local.Home, name string) (Profile, error) {
	if !IsName(name) {
		return Profile{}, fmt.Errorf("%w: %q is not the name of a profile", ErrUnknown, name)
	}
	data, err := local.ReadFile(path(home, name), limit)
	if errors.Is(err, fs.ErrNotExist) {
		return Profile{}, fmt.Errorf("%w: %s", ErrUnknown, name)
	}
	if err != nil {
		return Profile{}, err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	p := Profile{Name: name}
	if err := d.Decode(&p); err != nil || p.Check() != nil {
		return Profile{}, &local.FileError{Path: path(home, name), Err: local.ErrDamaged}
	}
	return p, nil
}

// Save writes a profile durably.
func Save(home local.Home, p Profile) error {
	if err := p.Check(); err != nil {
		return err
	}
	if err := local.MakeFolder(Folder(home)); err != nil {
		return err
	}
	data, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	return local.WriteFile(path(home, p.Name), append(data, '\n'))
}

// Remove takes a profile away. The seed is its keyring's to delete.
func Remove(home local.Home, name string) error { return os.Remove(path(home, name)) }

// Check says what is wrong with a profile that was typed, or read from a file
// that somebody damaged.
func (p Profile) Check() error {
	switch {
	case !IsName(p.Name):
		return fmt.Errorf("%q is not the name of a profile: a-z, 0-9 and -, at most 32", p.Name)
	case !isText(p.Person):
		return fmt.Errorf("a name is one line of text of at most %d bytes", textSize)
	case !isText(p.Email):
		return fmt.Errorf("an e-mail address is one line of text of at most %d bytes", textSize)
	case p.Kept != KeptOS && p.Kept != KeptFile && p.Kept != KeptKMS:
		return errors.New("a keyring is os, file or kms")
	}
	return nil
}

func isText(s string) bool {
	return len(s) <= textSize && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// IsName says whether s can name a profile.
func IsName(s string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789-"
	return s != "" && len(s) <= 32 && s[0] != '-' && strings.Trim(s, letters) == ""
}

// Choose gives the profile of that name. Without a name it is the only one, or
// the one called default.
func Choose(home local.Home, name string) (Profile, error) {
	if name != "" {
		return Load(home, name)
	}
	all, err := List(home)
	if err != nil {
		return Profile{}, err
	}
	if len(all) == 1 {
		return all[0], nil
	}
	if i := slices.IndexFunc(all, func(p Profile) bool { return p.Name == Default }); i >= 0 {
		return all[i], nil
	}
	if len(all) == 0 {
		return Profile{}, ErrNone
	}
	return Profile{}, ErrSeveral
}

// HasHandle says that a person's name has what a handle can be made of.
func HasHandle(person string) bool {
	return strings.ContainsFunc(strings.ToLower(person), func(r rune) bool { return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' })
}

// Handle makes a member's handle of a person's name: "Ada Lovelace" is
// ada-lovelace. It is "me" when nothing is left of it.
func Handle(person string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(person) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() == 32 {
			break
		}
	}
	if handle := strings.Trim(b.String(), "-"); handle != "" {
		return handle
	}
	return "me"
}
