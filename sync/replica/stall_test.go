package replica

import (
	"errors"
	"testing"
	"time"

	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/vault/chain"
)

func TestARaceWithoutAWinnerIsStalled(t *testing.T) {
	moved := &remote.Error{Kind: remote.Moved, URL: "u", Message: "m"}
	here, there := chain.Head{Seq: 1}, chain.Head{Seq: 2}
	var s stall
	for i, step := range []struct {
		at   chain.Head
		err  error
		want bool
	}{
		{here, moved, false}, {here, moved, false}, {there, moved, false}, // somebody won
		{there, moved, false}, {there, errRaced, false}, {there, moved, true},
	} {
		if got := s.lasts(step.at, step.err); got != step.want {
			t.Errorf("step %d: %v", i, got)
		}
	}
	patient := stall{most: time.Hour}
	for range 10 {
		if patient.lasts(here, moved) {
			t.Fatal("it didn't wait")
		}
	}
	err := locked(moved)
	if remote.KindOf(err) != remote.Locked || !errors.Is(err, moved) || err.Error() != "u: the branch is locked: m" {
		t.Error(err)
	}
}
