// Package freshness is what a reading says and does about the age of what it reads:
// run never waits for a network, so it tells when the remote was last seen, and
// where the user's settings say so it starts a fetch that nobody waits for.
package freshness

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/secr/secr/cmd/internal/system"
	"github.com/secr/secr/vault/local"
)

// Verb is the hidden command that fetches in the background.
const Verb = "background-fetch"

// Age says when the remote was last seen, if that is more than a day ago; "" says
// that there is nothing to say. A vault that was never shared has no age.
func Age(v local.Vault, now time.Time) string {
	pins, err := v.Pins()
	if err != nil {
		return "" // what is wrong with the pins is for commands that need them
	}
	var last int64
	for _, p := range pins {
		last = max(last, p.Fetched)
	}
	age := now.Sub(time.Unix(last, 0))
	if last == 0 || age < 24*time.Hour {
		return ""
	}
	return fmt.Sprintf("secr: the remote was last seen %d days ago: secr sync", int(age/(24*time.Hour)))
}

// Refresh starts a detached fetch, at most one each period: only for a person at a
// terminal, never in CI, never with a token. The fetch has no terminal, asks nothing
// and ends after 30 seconds. That it can't be started is no reason to fail.
func Refresh(sys system.System, v local.Vault, period time.Duration) {
	if period <= 0 || sys.Getenv("CI") != "" || !person(sys) {
		return
	}
	for _, name := range []string{"SECR_TOKEN", "SECR_TOKEN_FILE", "SECR_TOKEN_FD"} {
		if sys.Getenv(name) != "" {
			return
		}
	}
	mark := filepath.Join(v.State(), "refreshed")
	if info, err := os.Stat(mark); err == nil && sys.Now().Sub(info.ModTime()) < period {
		return
	}
	if err := local.WriteFile(mark, nil); err != nil {
		return
	}
	_ = detach(sys)
}

// person says whether somebody at a terminal sees this.
func person(sys system.System) bool {
	info, err := sys.Stderr.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull) // a device for characters, too
	return err != nil || !os.SameFile(info, null)
}
