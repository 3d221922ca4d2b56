package app

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/change"
	"github.com/secr/secr/vault/repo"
)

func atFlag() cli.Flag {
	return &cli.StringFlag{Name: "at", Usage: "as it was at a `CHANGE` (its number or commit) or time (\"2 days ago\", 2026-11-02, 15:04)"}
}

// look turns the session to the vault as it was at a change or time; "" is now.
func (a *app) look(ctx context.Context, s *session, at string) error {
	if at == "" {
		return nil
	}
	seq, err := a.changeAt(ctx, s.vault, at)
	if err != nil {
		return err
	}
	return s.turn(ctx, seq)
}

// lookBefore is look at how it was before a day or another time began.
func (a *app) lookBefore(ctx context.Context, s *session, since string) error {
	at, ok := parsePeriod(since, a.sys.Now())
	if !ok {
		return a.look(ctx, s, since)
	}
	seq, err := a.newestUntil(ctx, s.vault, at.from.Add(-time.Second), since)
	if err != nil {
		return err
	}
	return s.turn(ctx, seq)
}

// turn turns the session to the vault as a change left it.
func (s *session) turn(ctx context.Context, seq uint64) error {
	if seq == s.vault.Head().Seq {
		return nil
	}
	old, err := s.vault.At(ctx, seq)
	if err == nil {
		s.vault, s.past = old, true
	}
	return err
}

// changeAt is the number of the change that text means: a number, the start of a
// commit's id, or the newest change that is not after a time; of a day, its end.
func (a *app) changeAt(ctx context.Context, v *vault.Vault, text string) (uint64, error) {
	if seq, err := strconv.ParseUint(strings.TrimPrefix(text, "#"), 10, 64); err == nil && len(text) < 8 {
		if seq == 0 || seq > v.Head().Seq {
			return 0, exit.New(exit.NotFound, "no change %d: the newest is %d", seq, v.Head().Seq).WithHint("secr log")
		}
		return seq, nil
	}
	if at, ok := parsePeriod(text, a.sys.Now()); ok {
		return a.newestUntil(ctx, v, at.to, text)
	}
	if len(text) >= 6 && strings.Trim(text, "0123456789abcdef") == "" {
		return commitNumber(ctx, v, text)
	}
	return 0, exit.Usagef("%q is neither a change nor a time", text).
		WithHint(`a number, a commit, "2 days ago", yesterday, 2026-11-02, "2026-11-02 15:04"`)
}

// errBefore is a time before the vault was founded.
var errBefore = errors.New("the vault has no change as old as that")

// newestUntil is the newest change at a time. Times are what authors said: order
// is the changes' number, so the search goes from the newest down.
func (a *app) newestUntil(ctx context.Context, v *vault.Vault, at time.Time, text string) (uint64, error) {
	var found uint64
	err := v.Changes(ctx, func(c change.Change, _ repo.Hash) bool {
		if c.Time <= at.Unix() {
			found = c.Seq
		}
		return found == 0
	})
	if err == nil && found == 0 {
		err = &exit.Error{Code: exit.NotFound, What: strconv.Quote(text), Hint: "secr log", Err: errBefore}
	}
	return found, err
}

func commitNumber(ctx context.Context, v *vault.Vault, text string) (uint64, error) {
	var found []uint64
	for seq := v.Head().Seq; seq > 0; seq-- {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if link, ok := v.State().Link(seq); ok && strings.HasPrefix(repo.Hash(link.ID).String(), text) {
			found = append(found, seq)
		}
	}
	switch len(found) {
	case 0:
		return 0, exit.New(exit.NotFound, "no change has a commit %s", text).WithHint("secr log --json")
	case 1:
		return found[0], nil
	}
	return 0, exit.Usagef("%s is the start of several commits", text)
}

// period is the time that a text means: a day from its first second to its last, a minute
// likewise, everything else one moment.
type period struct{ from, to time.Time }

// parsePeriod reads a time as people write it. Without a zone it is local.
func parsePeriod(text string, now time.Time) (period, bool) {
	moment := func(t time.Time) (period, bool) { return period{t, t}, true }
	switch text {
	case "now":
		return moment(now)
	case "yesterday":
		return moment(now.AddDate(0, 0, -1))
	case "last week":
		return moment(now.AddDate(0, 0, -7))
	}
	if span, ok := strings.CutSuffix(text, " ago"); ok {
		at, ok := ago(span, now)
		return period{at, at}, ok
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05"} {
		if at, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return moment(at)
		}
	}
	if minute, err := time.ParseInLocation("2006-01-02 15:04", text, now.Location()); err == nil {
		return period{minute, minute.Add(time.Minute - time.Second)}, true
	}
	if day, err := time.ParseInLocation(time.DateOnly, text, now.Location()); err == nil {
		return period{day, day.AddDate(0, 0, 1).Add(-time.Second)}, true
	}
	if clock, err := time.ParseInLocation("15:04", text, now.Location()); err == nil {
		return parsePeriod(now.Format(time.DateOnly)+clock.Format(" 15:04"), now)
	}
	return period{}, false
}

// ago reads "2 days", "3h", "90 minutes".
func ago(span string, now time.Time) (time.Time, bool) {
	if d, err := parseSpan(span); err == nil {
		return now.Add(-d), true
	}
	number, unit, ok := strings.Cut(span, " ")
	n, err := strconv.Atoi(number)
	if !ok || err != nil || n < 0 {
		return time.Time{}, false
	}
	switch strings.TrimSuffix(unit, "s") {
	case "second":
		return now.Add(-time.Duration(n) * time.Second), true
	case "minute":
		return now.Add(-time.Duration(n) * time.Minute), true
	case "hour":
		return now.Add(-time.Duration(n) * time.Hour), true
	case "day":
		return now.AddDate(0, 0, -n), true
	case "week":
		return now.AddDate(0, 0, -7*n), true
	case "month":
		return now.AddDate(0, -n, 0), true
	case "year":
		return now.AddDate(-n, 0, 0), true
	}
	return time.Time{}, false
}

// masked shows that there is a value, and tells it from others.
func masked(m vault.Mark) string {
	if m == "" {
		return ""
	}
	return "•••••• " + m.Short()
}
