package app

import (
	"context"
	"time"
	"unicode/utf8"

	"github.com/secr/secr/audit/receipt"
	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/vault"
)

// reveal is every verb's way to values: it holds policy's max_age, which needs
// a clock, and has the witness told.
func (a *app) reveal(ctx context.Context, s *session, r vault.Request) ([]vault.Value, error) {
	if len(r.Reason) > receipt.MaxReason || !utf8.ValidString(r.Reason) {
		return nil, exit.Usagef("--reason is text of %d bytes at most", receipt.MaxReason)
	}
	if !s.past { // whoever asks for an old state means it
		if err := a.fresh(s, r.Environment); err != nil {
			return nil, err
		}
	}
	return s.vault.Reveal(ctx, a.witness(s, s.program), r)
}

// fresh refuses a state that is older than the environment's policy allows: a
// remote may be withholding a removal, or a new value.
func (a *app) fresh(s *session, environment string) error {
	e, ok := s.vault.Policy().Environment(environment)
	if !ok || e.MaxAge == 0 {
		return nil
	}
	age := a.sys.Now().Unix() - s.vault.Head().Time
	if age <= e.MaxAge {
		return nil
	}
	return exit.New(exit.Offline, "the newest change here is %s old, and %s allows %s",
		time.Duration(age)*time.Second, environment, time.Duration(e.MaxAge)*time.Second).WithHint("secr sync")
}
