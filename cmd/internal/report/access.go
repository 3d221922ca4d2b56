package report

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/secr/secr/cmd/internal/term"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/team"
)

// Member is one row of who can read what now: a person, a service or a cloud key.
type Member struct {
	Handle, Name, Kind string
	Rights             string // manage, audit
	Devices            int
	Expires            string
	Cells              []Cell // one an environment
}

// Cell is what a member may do in one environment.
type Cell struct {
	Level string // write, read, list or none
	Via   string // the roles
	Since string // the change that began it, when and by whom
	Last  string // the last reading that is known, or never
	Never bool   // may read, and no reading is known
}

// Lanes is how access to one environment came to be: a bar for each stretch of time
// over which somebody's keys opened it.
type Lanes struct {
	Environment string
	Width       int
	Height      int
	Ticks       []Tick
	Lanes       []Lane
	Rows        []LaneRow
	Left        int // lanes that are not shown
}

// Lane is one holder's line.
type Lane struct {
	Name string
	Y    int
	Bars []Bar
}

// LaneRow is the same in words.
type LaneRow struct {
	Who, Level, From, To, By string
}

const (
	maxLanes = 40
	maxRows  = 400
)

// access works out who can open what, and since when.
func (m *maker) access(ctx context.Context) error {
	v := m.o.Vault
	p := v.Policy()
	for _, e := range p.Environments() {
		if e.Active() {
			m.page.Environments = append(m.page.Environments, e.Name)
		}
	}
	var err error
	if m.ledger, err = team.ReadLedger(ctx, v); err != nil {
		return err
	}
	if err := m.readNames(ctx); err != nil {
		return err
	}
	for _, x := range p.Members() {
		if x.Active() {
			m.page.Members = append(m.page.Members, m.member(p, x))
		}
	}
	for _, c := range p.CloudKeys() {
		if c.Active() {
			m.page.Members = append(m.page.Members, m.cloudKey(p, c))
		}
	}
	for _, e := range m.page.Environments {
		m.page.Lanes = append(m.page.Lanes, m.lanes(e))
	}
	return nil
}

// readNames opens the labels that this identity may see; also those of deleted
// secrets.
func (m *maker) readNames(ctx context.Context) error {
	m.names = map[string]map[string]string{}
	for _, name := range m.page.Environments {
		all, err := m.o.Vault.ListAll(ctx, name)
		if unseen(err) {
			continue
		}
		if err != nil {
			return err
		}
		m.names[name] = map[string]string{}
		for _, e := range all {
			m.names[name][e.ID] = e.Label.Name
		}
	}
	return nil
}

// unseen says that an error is the lack of a right, which a report lives with.
func unseen(err error) bool {
	var denied *vault.DeniedError
	return errors.As(err, &denied) || errors.Is(err, vault.ErrNotMember) || errors.Is(err, vault.ErrNoIdentity) || errors.Is(err, vault.ErrNoEnvironment)
}

func (m *maker) name(environment, id string) string {
	if name, ok := m.names[environment][id]; ok {
		return term.Clean(name)
	}
	return "(" + id[:min(8, len(id))] + ")"
}

func (m *maker) member(p *policy.Policy, x policy.Member) Member {
	out := Member{Handle: x.Handle, Name: short(x.Name, 40), Kind: string(x.Kind)}
	for _, d := range x.Devices {
		if d.Active() {
			out.Devices++
		}
	}
	var rights []string
	if p.Manages(x.ID) {
		rights = append(rights, "manages")
		m.sums["managers"]++
	}
	if p.Audits(x.ID) && !p.Manages(x.ID) {
		rights = append(rights, "audits")
	}
	out.Rights = strings.Join(rights, ", ")
	if x.Expires != 0 {
		out.Expires = day(x.Expires)
	}
	m.sums["members"]++
	for _, e := range m.page.Environments {
		level := max(p.Level(x.ID, e), p.Reads(x.ID, e))
		c := Cell{Level: level.String(), Since: m.since(x.ID, "", e)}
		var via []string
		for _, r := range p.Explain(x.ID, e) {
			via = append(via, r.Role)
		}
		slices.Sort(via)
		c.Via = strings.Join(slices.Compact(via), ", ")
		out.Cells = append(out.Cells, c)
	}
	return out
}

func (m *maker) cloudKey(p *policy.Policy, c policy.CloudKey) Member {
	out := Member{Handle: short(c.Key, 60), Kind: "cloud key of " + string(c.Provider)}
	m.page.CloudKeys++
	for _, name := range m.page.Environments {
		level := policy.None
		var via []string
		for _, role := range c.Roles {
			r, ok := p.Role(role)
			if !ok || !r.Active() || slices.Contains(c.Waiting, role) {
				continue
			}
			got := r.Grants[name]
			if r.Manage {
				got = max(got, policy.Read)
			}
			if got != policy.None {
				level, via = max(level, min(got, policy.Read)), append(via, role)
			}
		}
		out.Cells = append(out.Cells, Cell{Level: level.String(), Via: strings.Join(via, ", "), Since: m.since("", c.ID, name)})
	}
	return out
}

// since is the change from which on a member or cloud key has what it has.
func (m *maker) since(member, holder, environment string) string {
	from := uint64(0)
	for _, s := range m.ledger.Spans {
		if s.To == 0 && s.Environment == environment && s.Holder.Member == member && (holder == "" || s.Holder.ID == holder) && (from == 0 || s.From < from) {
			from = s.From
		}
	}
	return m.change(from)
}

// change names a change: its number, day and author.
func (m *maker) change(seq uint64) string {
	link, ok := m.o.Vault.State().Link(seq)
	if !ok {
		return ""
	}
	by, _, _ := m.o.Vault.Policy().Device(link.Device)
	return fmt.Sprintf("#%d, %s, by %s", seq, day(link.Time), by.Handle)
}

// lanes draws the history of one environment's readers.
func (m *maker) lanes(environment string) Lanes {
	byHolder := map[string][]team.Span{}
	var order []string
	for _, s := range m.ledger.Spans {
		if s.Environment != environment {
			continue
		}
		who := holderName(s.Holder)
		if _, ok := byHolder[who]; !ok {
			order = append(order, who)
		}
		byHolder[who] = append(byHolder[who], s)
	}
	out := Lanes{Environment: environment, Width: plotWidth}
	x := m.axis(laneLeft, plotWidth-8)
	for i, who := range order {
		if i == maxLanes {
			out.Left = len(order) - i
			break
		}
		lane := Lane{Name: short(who, 22), Y: laneTop + i*laneStep}
		for _, s := range byHolder[who] {
			lane.Bars = append(lane.Bars, m.laneBar(x, lane.Y, s))
		}
		out.Lanes = append(out.Lanes, lane)
	}
	out.Height = laneTop + len(out.Lanes)*laneStep + 26
	out.Ticks = x.ticks(out.Height - 8)
	spans := slices.Clone(m.ledger.Spans)
	slices.SortStableFunc(spans, func(a, b team.Span) int { return cmp.Compare(b.From, a.From) })
	for _, s := range spans {
		if s.Environment == environment && len(out.Rows) < maxRows {
			row := LaneRow{Who: short(holderName(s.Holder)+" ("+s.Holder.Name+")", 60), Level: s.Level.String(), From: m.change(s.From), To: "still"}
			if s.To != 0 {
				row.To = m.change(s.To + 1)
			}
			out.Rows = append(out.Rows, row)
		}
	}
	return out
}

func holderName(h team.Holder) string {
	if h.Handle != "" {
		return h.Handle
	}
	return h.Name
}

func (m *maker) laneBar(x axis, y int, s team.Span) Bar {
	from, _ := m.o.Vault.State().Link(s.From)
	to := m.o.Now.Unix()
	until := "still"
	if s.To != 0 {
		end, _ := m.o.Vault.State().Link(s.To + 1)
		to, until = end.Time, "until "+m.change(s.To+1)
	}
	left, right := x.at(from.Time), x.at(to)
	return Bar{
		X: left, Y: float64(y) + 3, W: max(right-left, 2), H: laneStep - 6, Class: "level-" + s.Level.String(),
		Title: fmt.Sprintf("%s: %s from %s, %s", term.Clean(holderName(s.Holder)), s.Level, m.change(s.From), until),
	}
}
