package vault_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/secr/secr/vault/repo"
	"github.com/secr/secr/vault/vaulttest"
)

// TestPacksStayFewAndHistoryWhole makes more changes than there may be packs.
func TestPacksStayFewAndHistoryWhole(t *testing.T) {
	ana := vaulttest.NewMachine(t)
	v := ana.Init(t)
	const changes = 60
	for i := range changes {
		vaulttest.Set(t, v, "development", "A", fmt.Sprint("value ", i))
	}
	if err := v.Maintain(t.Context(), repo.Maintenance{}); err != nil {
		t.Fatal(err)
	}
	packs, err := filepath.Glob(filepath.Join(v.Repo().Dir(), "objects/pack/*.idx"))
	if err != nil || len(packs) > 40 {
		t.Errorf("%d packs after %d changes: %v", len(packs), changes, err)
	}
	history, err := ana.Open(t, v.ID()).History(t.Context(), "development", "A")
	if err != nil || len(history) != changes {
		t.Errorf("%d versions: %v", len(history), err)
	}
}
