package replica

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/vault/chain"
)

// pause is how long a loser waits before he tries again: up to twice as long as a try
// took. With many losers most of them then leave the machine and the host to a few, whose
// tries are short enough to win; without it all tries get longer and the one who won last,
// who needs to fetch nothing, wins again. Who lost often waits half as long.
func pause(attempt int, took time.Duration) time.Duration {
	most := 2 * min(max(took, 40*time.Millisecond), 2*time.Second)
	if attempt >= oftenLost {
		most /= 2
	}
	return rand.N(most)
}

const oftenLost = 8

const (
	crowdAge   = 10 * time.Second // within which changes of two devices are a crowd
	crowdDepth = 8                // changes that are looked at
)

// crowded reports whether this device won the last race, just now, and has more to
// publish, while others publish too.
func crowded(here *chain.State, tip chain.Head, now time.Time) bool {
	own, _ := here.Link(here.Head().Seq)
	for seq := tip.Seq; seq > 0 && seq+crowdDepth > tip.Seq; seq-- {
		link, ok := here.Link(seq)
		switch {
		case !ok, tip == here.Head(), now.Sub(time.Unix(link.Time, 0)).Abs() > crowdAge:
			return false
		case link.Device != own.Device:
			return seq != tip.Seq
		}
	}
	return false
}

// giveWay waits for about as long as a try of others takes. Who won the last race needs to
// fetch nothing: without it he would win the next one too, and so on until he has nothing
// more to say. One look at the remote is a quarter of a try, or less; it seems to take no
// time if somebody else had looked already.
func giveWay(ctx context.Context, look time.Duration) error {
	look = min(max(look, 100*time.Millisecond), time.Second)
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(2*look + rand.N(4*look+1)):
		return nil
	}
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
