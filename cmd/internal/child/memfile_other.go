//go:build !linux

package child

import "github.com/secr/secr/keys"

// MemoryFile is for Linux; here it fails with ErrNoMemoryFile.
func MemoryFile(keys.Secret) (string, error) { return "", ErrNoMemoryFile }
