package chain_test

import (
	"testing"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/chain/chaintest"
)

// story is a vault with a bit of everything in its history.
func story(t testing.TB) (w *chaintest.World, ben, cleo *chaintest.Actor) {
	t.Helper()
	w = chaintest.New(t)
	w.Commit(w.Set(w.Ana, policy.Production, "DATABASE_URL", "postgres://1"))
	ben = w.Admit("ben", policy.Developer)
	cleo = w.Admit("cleo", policy.Viewer)
	w.Commit(w.Set(ben, policy.Development, "DATABASE_URL", "postgres://2"))
	w.Commit(w.Set(ben, policy.Development, "API_KEY", "k1"))
	w.Commit(w.Set(ben, policy.Development, "API_KEY", "k2"))
	w.Commit(w.Relabel(ben, policy.Development, "API_KEY", "from the dashboard"))
	w.Commit(w.Delete(ben, policy.Development, "DATABASE_URL"))
	w.Commit(w.Rotate(w.Ana, policy.Development))
	w.Commit(w.Set(ben, policy.Development, "DATABASE_URL", "postgres://3"))
	return w, ben, cleo
}

func TestStory(t *testing.T) {
	w, ben, _ := story(t)
	w.Commit(w.Remove(w.Ana, ben))
	w.Commit(w.Draft(w.Ana))
}
