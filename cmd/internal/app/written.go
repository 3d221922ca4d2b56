package app

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/cmd/internal/special"
	"github.com/secr/secr/cmd/internal/term"
	"github.com/secr/secr/vault"
)

// checkNames refuses names that no environment may have, and special ones that
// this one doesn't allow.
func (s *session) checkNames(env string, names ...string) error {
	if err := validNames(names); err != nil {
		return err
	}
	for _, name := range names {
		if s.bars(env, name) {
			return exit.New(exit.Denied, "%s is a special name: it would run code or redirect traffic on a colleague's machine", name).
				WithHint("secr env set %s --allow %s, if that is what you want", env, name)
		}
	}
	return nil
}

// validNames refuses what can't be a name. It never quotes it: people paste a
// value where a name belongs.
func validNames(names []string) error {
	for i, name := range names {
		if !special.Valid(name) {
			return exit.Usagef("name %d of %d is no name of a secret: letters, digits and _, no digit first, at most 128", i+1, len(names))
		}
	}
	return nil
}

// bars says whether a name is special and not allowed in an environment. Today's policy
// says so, of values of an older state, too.
func (s *session) bars(env, name string) bool {
	return special.Name(name, foldsCase()) && !s.allows(env, name)
}

// allows says whether policy allows a special name in an environment.
func (s *session) allows(env, name string) bool {
	e, ok := s.vault.Newest().Environment(env)
	if !ok {
		return false
	}
	for _, allowed := range e.AllowNames {
		if allowed == name {
			return true
		}
	}
	return false
}

type writtenJSON struct {
	Version   int           `json:"version"`
	Changed   bool          `json:"changed"`
	Written   []writtenItem `json:"written"`
	Unchanged []writtenItem `json:"unchanged"`
}

type writtenItem struct {
	Environment string `json:"environment"`
	Name        string `json:"name"`
	Version     uint64 `json:"version"`
	Deleted     bool   `json:"deleted"`
}

// reportWritten says what a draft did to secrets.
func (a *app) reportWritten(done string, r vault.Report, asJSON bool) error {
	if asJSON {
		out := writtenJSON{Version: 1, Changed: r.Changed(), Written: items(r.Written), Unchanged: items(r.Unchanged)}
		return writeJSON(a.term.Out, out)
	}
	for _, e := range r.Written {
		did := done
		if e.Deleted {
			did = "deleted"
		}
		fmt.Fprintf(a.term.Err, "%s %s in %s, version %d\n", did, term.Clean(e.Label.Name), e.Environment, e.Version)
	}
	for _, e := range r.Unchanged {
		fmt.Fprintf(a.term.Err, "%s in %s is that already, version %d\n", term.Clean(e.Label.Name), e.Environment, e.Version)
	}
	a.noteDropped(r)
	return nil
}

// noteDropped tells what a new value didn't take over from the one before.
func (a *app) noteDropped(r vault.Report) {
	for _, e := range r.Dropped {
		var what []string
		if e.Label.Expires != 0 {
			what = append(what, "expiry on "+day(e.Label.Expires))
		}
		if hasTag(e, vault.RotatedTag) {
			what = append(what, "tag "+vault.RotatedTag)
		}
		a.note("%s has a new value without the old one's %s", e.Label.Name, strings.Join(what, " and "))
	}
}

func items(entries []vault.Entry) []writtenItem {
	out := []writtenItem{}
	for _, e := range entries {
		out = append(out, writtenItem{e.Environment, e.Label.Name, e.Version, e.Deleted})
	}
	return out
}

// once drops repetitions; nil stays nil, which means all.
func once(names []string) []string {
	if names == nil {
		return nil
	}
	names = slices.Clone(names)
	slices.Sort(names)
	return slices.Compact(names)
}

// count is "1 secret", "2 secrets".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// parseExpiry reads a date, a time from now in days or hours, or never.
func parseExpiry(text string, now time.Time) (int64, error) {
	if text == "never" || text == "" {
		return 0, nil
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day.Unix(), nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at.Unix(), nil
	}
	d, err := parseSpan(text)
	if err != nil || d == 0 {
		return 0, exit.Usagef("%q is no date and no time from now", text).WithHint("2027-05-01, 90d, 12h or never")
	}
	return now.Add(d).Unix(), nil
}

// parseSpan reads 90d, 12h, 30m.
func parseSpan(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err
	}
	d, err := time.ParseDuration(text)
	if err == nil && d < 0 {
		return 0, fmt.Errorf("%q is negative", text)
	}
	return d, err
}
