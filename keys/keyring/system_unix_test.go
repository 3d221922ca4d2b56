//go:build unix

package keyring_test

import (
	"os"
	"syscall"
	"testing"
)

// dup is a descriptor of its own, which whoever gets it closes.
func dup(t *testing.T, f *os.File) uintptr {
	t.Helper()
	fd, err := syscall.Dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	return uintptr(fd)
}
