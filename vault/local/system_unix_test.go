//go:build unix

package local

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func makePipe(t *testing.T, path string) {
	t.Helper()
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
}

// another is the number of a user who is not the tests'.
const another = 12345

func foreignFile(t *testing.T, path string) string {
	t.Helper()
	put(t, path, "x", 0o644)
	giveAway(t, path)
	return path
}

func foreignFolder(t *testing.T, path string) string {
	t.Helper()
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	giveAway(t, path)
	return path
}

func giveAway(t *testing.T, path string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file to another user")
	}
	if err := os.Lchown(path, another, another); err != nil {
		t.Skipf("this machine lets nobody give files away: %v", err)
	}
}
