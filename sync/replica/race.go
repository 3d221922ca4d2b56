package replica

import (
	"math/rand/v2"
	"time"
)

// pause is how long a loser waits before he tries again. Who lost often waits less than
// who lost once, so that nobody starves: a newcomer leaves the others a head start.
func pause(attempt int) time.Duration {
	most := max(80*time.Millisecond>>min(attempt-1, 4), 5*time.Millisecond)
	return rand.N(most)
}
