package keyring_test

import (
	"os"
	"testing"
)

func dup(t *testing.T, _ *os.File) uintptr {
	t.Helper()
	t.Skip("descriptors are not handed on here")
	return 0
}
