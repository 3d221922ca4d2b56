//go:build unix

package project

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/secr/secr/vault/local"
)

func TestAFileOfAnotherUserIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	folder := t.TempDir()
	write(t, filepath.Join(folder, Name), `vault = "`+vaultID+`"`)
	if err := os.Chown(filepath.Join(folder, Name), 12345, 12345); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(folder); !errors.Is(err, local.ErrForeign) {
		t.Errorf("got %v", err)
	}
}
