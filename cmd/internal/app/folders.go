package app

import "path/filepath"

// sameFolder compares two folders by what they really are.
func sameFolder(a, b string) bool {
	real, err := filepath.EvalSymlinks(b)
	return err == nil && filepath.Clean(a) == filepath.Clean(real)
}
