//go:build !linux && !((dragonfly || freebsd) && cgo) && !netbsd && !openbsd && !darwin

package keyring

import (
	"fmt"
	"time"
)

func (o OS) reachable() error { return nil }

func (o OS) late(deadline time.Duration) error {
	return fmt.Errorf("%w: no answer within %v", ErrUnavailable, deadline)
}

func (o OS) classifyHere(err error) error { return fmt.Errorf("%w: %w", ErrUnavailable, err) }
