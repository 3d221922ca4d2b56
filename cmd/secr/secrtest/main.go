//go:build secrtest

// Command secrtest is secr for its own test scripts: the same program, but
// passphrase files are sealed with little work, the system's keyring may be as
// slow as a loaded machine, and the login session remembers only as long as
// TEST_SESSION says, so that tests leave nothing in it. TEST_NOW stops the clock,
// TEST_PATIENCE ends races early. It is built with -tags secrtest alone, so that nobody installs it by accident.
package main

import (
	"context"
	"os"
	"time"

	"github.com/secr/secr/cmd/internal/app"
	"github.com/secr/secr/cmd/internal/system"
)

func main() {
	sys := system.OS()
	sys.Work, sys.Keyring = 4, time.Minute
	sys.Session, _ = time.ParseDuration(os.Getenv("TEST_SESSION"))
	sys.Patience, _ = time.ParseDuration(os.Getenv("TEST_PATIENCE"))
	if now, err := time.Parse(time.RFC3339, os.Getenv("TEST_NOW")); err == nil {
		sys.Now = func() time.Time { return now }
	}
	os.Exit(app.Run(context.Background(), os.Args, sys))
}
