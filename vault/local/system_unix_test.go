//go:build unix

package local

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
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

// TestTheHeadIsReadWhereNobodyElseLeads: who could plant a link could show an older head.
func TestTheHeadIsReadWhereNobodyElseLeads(t *testing.T) {
	for name, plant := range map[string]func(t *testing.T, path, real string) error{
		"a folder": func(t *testing.T, path, real string) error { return nil },
		"the user's own link": func(t *testing.T, path, real string) error {
			if err := os.Rename(path, real); err != nil {
				t.Fatal(err)
			}
			return os.Symlink(real, path)
		},
		"another's link": func(t *testing.T, path, real string) error {
			if err := os.Rename(path, real); err != nil {
				t.Fatal(err)
			}
			defer giveAway(t, path)
			return os.Symlink(real, path)
		},
		"another's folder": func(t *testing.T, path, real string) error {
			giveAway(t, path)
			return nil
		},
		"a link to another's": func(t *testing.T, path, real string) error {
			if err := os.Rename(path, real); err != nil {
				t.Fatal(err)
			}
			giveAway(t, real)
			return os.Symlink(real, path)
		},
	} {
		for _, which := range []string{"state", "the vault's"} {
			t.Run(name+" as "+which, func(t *testing.T) {
				v := testVault(t)
				if err := v.MakeFolders(); err != nil {
					t.Fatal(err)
				}
				if err := v.WriteHead(Head{Seq: 1}); err != nil {
					t.Fatal(err)
				}
				folder := v.State()
				if which == "state" {
					folder = v.home.State
				}
				if err := plant(t, folder, filepath.Join(t.TempDir(), "real")); err != nil {
					t.Fatal(err)
				}
				_, err := v.ReadHead()
				if refused := errors.As(err, new(*FileError)); refused != strings.Contains(name, "another") || !refused && err != nil {
					t.Error(err)
				}
			})
		}
	}
}
