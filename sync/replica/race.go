package replica

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/vault/chain"
)

// pause is how long a loser waits before he tries again. Who lost often waits less than
// who lost once, so that nobody starves: a newcomer leaves the others a head start, which
// is as long as a try takes, as that is when they can win.
func pause(attempt int, took time.Duration) time.Duration {
	most := min(max(took, 80*time.Millisecond), 2*time.Second) >> min(attempt-1, 4)
	return rand.N(max(most, 5*time.Millisecond))
}

// stallTries is how often a push must have failed before it counts as stalled.
const stallTries = 3

// stall notices that a race has no winner: pushes fail as if somebody were faster, and
// the branch stays where it is. A process that was killed on the host may have left its lock.
type stall struct {
	most  time.Duration
	at    chain.Head
	tries int
	over  <-chan time.Time
}

// lasts is told where the branch stood when a push failed.
func (s *stall) lasts(at chain.Head, err error) bool {
	if remote.KindOf(err) != remote.Moved {
		return false
	}
	if s.tries == 0 || at != s.at {
		s.at, s.tries, s.over = at, 0, time.After(s.most)
	}
	if s.tries++; s.tries < stallTries {
		return false
	}
	select {
	case <-s.over:
		return true
	default:
		return false
	}
}

// locked is the error of a stalled race.
func locked(err error) error {
	e, _ := errors.AsType[*remote.Error](err)
	return &remote.Error{Kind: remote.Locked, URL: e.URL, Message: e.Message, Err: err}
}
