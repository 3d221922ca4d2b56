package app

import (
	"context"

	"github.com/secr/secr/cmd/internal/exit"
)

// waiting is where a request was found.
type waiting struct{}

type waitingItemJSON struct {
	Handle string `json:"handle"`
}

func (a *app) waitingAs(ctx context.Context, s *session, w way, o admitOptions) (candidate, error) {
	return candidate{}, exit.New(exit.NotFound, "nobody asks to join as %s", o.handle).WithHint("--request reads what secr join printed")
}

func (a *app) answered(ctx context.Context, s *session, w way, c candidate) error { return nil }
