// Package session remembers small secrets until the login session's machine is
// switched off or their time is up, so that a passphrase is asked for once a day
// and not once a command. On Linux it is the kernel's keyring of the user: never
// on a disk, readable by processes of this user only, gone at the expiry. On
// other systems, and wherever the kernel says no (many containers do), nothing
// is kept: everything that goes wrong in [Get] is a miss.
//
// Malware of the same user can read it, as it can read the process that asks.
package session

import (
	"errors"
	"time"
)

var (
	// ErrMiss says that nothing is kept under a name, for whatever reason.
	ErrMiss = errors.New("session: nothing kept")
	// ErrUnavailable says that nothing can be kept here.
	ErrUnavailable = errors.New("session: no kernel keyring")
)

const (
	maxName = 200
	maxData = 32767 // the kernel's own limit
)

// Get returns what was kept under name, or [ErrMiss].
func Get(name string) ([]byte, error) {
	if !validName(name) {
		return nil, ErrMiss
	}
	return get(name)
}

// Put keeps data under name for life, rounded down to seconds. It replaces what
// was there. When it fails ([ErrUnavailable]), nothing is kept under name.
func Put(name string, data []byte, life time.Duration) error {
	if !validName(name) || len(data) == 0 || len(data) > maxData || life < time.Second {
		return errors.New("session: a name of 1 to 200 plain characters, 1 to 32767 bytes and at least a second are needed")
	}
	return put(name, data, life)
}

// Delete forgets what was kept under name, if anything was.
func Delete(name string) error {
	if !validName(name) {
		return nil
	}
	return remove(name)
}

func validName(name string) bool {
	for _, r := range name {
		if r <= ' ' || r > '~' {
			return false
		}
	}
	return name != "" && len(name) <= maxName
}
