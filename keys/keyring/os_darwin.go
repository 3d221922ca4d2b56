package keyring

import (
	"errors"
	"fmt"
	"os/exec"
	"time"
)

// What the security program ends with, of macOS's error codes the lowest byte.
const (
	exitInteraction = 36  // errSecInteractionNotAllowed: locked, and no window to ask in
	exitAuthFailed  = 51  // errSecAuthFailed
	exitCancelled   = 128 // errSecUserCanceled
)

func (o OS) reachable() error { return nil }

func (o OS) late(deadline time.Duration) error {
	return fmt.Errorf("%w: nobody unlocked it within %v", ErrLocked, deadline)
}

func (o OS) classifyHere(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		switch exit.ExitCode() {
		case exitInteraction, exitAuthFailed, exitCancelled:
			return fmt.Errorf("%w: %w", ErrLocked, err)
		}
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
