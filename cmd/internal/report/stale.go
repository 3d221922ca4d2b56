package report

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/secr/secr/audit"
	"github.com/secr/secr/cmd/internal/term"
)

// Stale is a secret that should have been changed.
type Stale struct {
	Environment, Name, Why, Since string
	days                          int64
}

// Unlock is one use of a cloud key.
type Unlock struct {
	Time, State, Who, Opened, Principal, Address string
	Bad                                          bool
}

const maxListed = 200

// ageNames are the steps in which the page tells how old values are.
func ageNames() ([]string, []int64) {
	return []string{"under 30 days", "30 to 90 days", "90 to 180 days", "180 days to a year", "over a year"}, []int64{30, 90, 180, 365}
}

// stale tells how old values are, which needs no key, and which are over their time,
// which needs list.
func (m *maker) stale(ctx context.Context) error {
	now := m.o.Now.Unix()
	names, limits := ageNames()
	counts := make([]int, len(names))
	for _, e := range m.page.Environments {
		for _, x := range m.o.Vault.State().Secrets(e) {
			link, ok := m.o.Vault.State().Link(x.Since)
			if x.Deleted || !ok {
				continue
			}
			m.sums["secrets"]++
			days := max(0, now-link.Time) / 86400
			at, _ := slices.BinarySearchFunc(limits, days+1, func(limit, d int64) int { return cmp.Compare(limit, d) })
			counts[at]++
		}
	}
	m.page.Ages = agePlot(names, counts)
	var hidden []string
	for _, e := range m.page.Environments {
		list, err := m.o.Vault.List(ctx, e)
		if unseen(err) {
			hidden = append(hidden, e)
			continue
		}
		if err != nil {
			return err
		}
		for _, x := range list {
			s := Stale{Environment: e, Name: term.Clean(x.Label.Name), Since: m.change(x.Since)}
			due := x.Time + int64(x.Label.RotateDays)*86400
			switch {
			case x.Label.Expires != 0 && x.Label.Expires <= now:
				s.Why, s.days = "expired on "+day(x.Label.Expires), (now-x.Label.Expires)/86400
			case x.Label.RotateDays > 0 && due <= now:
				s.days = (now - due) / 86400
				s.Why = fmt.Sprintf("to be changed every %d days: %d over", x.Label.RotateDays, s.days)
			default:
				continue
			}
			m.page.Stale = append(m.page.Stale, s)
		}
	}
	m.sums["stale"] = len(m.page.Stale)
	slices.SortStableFunc(m.page.Stale, func(a, b Stale) int { return cmp.Compare(b.days, a.days) })
	m.page.Stale = m.page.Stale[:min(len(m.page.Stale), maxListed)]
	if len(hidden) > 0 {
		m.page.WhyStale = "Names, notes and expiry of " + strings.Join(hidden, ", ") + " are not seen: whoever made this report may not list there."
	}
	return nil
}

// agePlot is bars that lie: one a step of age.
func agePlot(names []string, counts []int) Plot {
	p := Plot{ID: "ages", Title: "How old the values are", Unit: "secrets", Width: plotWidth, Height: laneTop + laneStep*len(names) + 6, Series: []string{"secrets"}}
	top := 1
	for _, n := range counts {
		top = max(top, n)
	}
	p.Empty = sum(counts) == 0
	for i, n := range counts {
		y := float64(laneTop + i*laneStep)
		p.Levels = append(p.Levels, Tick{X: laneLeft - 8, Y: y + laneStep/2, Text: names[i]})
		p.Bars = append(p.Bars, Bar{
			X: laneLeft, Y: y + 3, W: float64(plotWidth-laneLeft-60) * float64(n) / float64(top), H: laneStep - 6,
			Class: fmt.Sprintf("age-%d", i), Title: fmt.Sprintf("%s: %d secrets", names[i], n),
		})
		p.Ticks = append(p.Ticks, Tick{X: laneLeft + float64(plotWidth-laneLeft-60)*float64(n)/float64(top) + 6, Y: y + laneStep/2, Text: fmt.Sprint(n)})
		p.Rows = append(p.Rows, PlotRow{Label: names[i], Counts: []int{n}, Sum: n})
	}
	return p
}

// unlocks puts what clouds' logs say beside the receipts.
func (m *maker) unlocks(context.Context) error {
	m.page.Logs = m.o.Logs
	words := map[audit.UnlockState]string{audit.Receipted: "receipt", audit.ByCloud: "cloud reader", audit.Silent: "no receipt", audit.Refused: "refused"}
	for _, x := range m.o.Unlocks {
		u := Unlock{
			Time: stamp(x.Time), State: words[x.State], Opened: short(x.Name, 40), Principal: short(x.Principal, 80), Address: short(x.Address, 40),
			Bad: x.State == audit.Silent,
		}
		if u.Opened == "" {
			u.Opened = short(x.Key.Key, 60)
		}
		if x.Read != nil {
			u.Who = term.Clean(x.Read.Handle)
		}
		if u.Bad {
			m.sums["silent"]++
		}
		m.page.Unlocks = append(m.page.Unlocks, u)
	}
	slices.SortStableFunc(m.page.Unlocks, func(a, b Unlock) int {
		switch {
		case a.Bad && !b.Bad:
			return -1
		case b.Bad && !a.Bad:
			return 1
		}
		return cmp.Compare(b.Time, a.Time)
	})
	m.page.Unlocks = m.page.Unlocks[:min(len(m.page.Unlocks), maxListed)]
	return nil
}
