package report

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/secr/secr/audit"
	"github.com/secr/secr/cmd/internal/term"
)

// Reader is how much one member has read.
type Reader struct {
	Handle       string
	Month, Total int
	Last         string
	Environments string
	Share        int // of the most diligent reader's, in percent
}

// recent is how many changes and readings the page lists.
const recent = 100

// activity is what going over all changes and readings leaves.
type activity struct {
	changes, readings *buckets
	readers           map[string]*readerSum
	lastRead          map[[2]string]int64 // by handle and environment
	live              map[[2]string]bool  // secrets, by environment and id
	counts            map[string]int      // of live secrets, by environment
	watch             map[uint64]map[string]int
}

type readerSum struct {
	month, total int
	last         int64
	environments map[string]bool
}

const policySeries = "policy and keys"

// activity goes once over everything that happened.
func (m *maker) activity(ctx context.Context) error {
	environments := m.page.Environments
	m.seen = activity{
		changes: m.newBuckets(append(slices.Clone(environments), policySeries)), readings: m.newBuckets(environments),
		readers: map[string]*readerSum{}, lastRead: map[[2]string]int64{}, live: map[[2]string]bool{}, counts: map[string]int{},
		watch: m.watched(),
	}
	events := audit.Log(ctx, m.o.Vault, audit.LogOptions{
		Changes: true, Branch: m.o.Branch, Pending: m.o.Pending,
		Skipped: func(*audit.Finding) {}, // the verdict tells of it
	})
	for e, err := range events {
		if err != nil {
			return err
		}
		if e.Change != nil {
			m.noteChange(e)
		} else {
			m.reading(e)
		}
	}
	m.page.Changes, m.page.Readings = newest(m.page.Changes), newest(m.page.Readings)
	m.page.Plots = []Plot{m.seen.changes.plot("changes", "Changes over time", "changes")}
	if m.page.WhyNoReadings == "" {
		m.page.Plots = append(m.page.Plots, m.seen.readings.plot("readings", "Readings over time", "readings"))
	}
	m.page.Readers = m.readers()
	m.lastReadings()
	return nil
}

func (m *maker) month() int64 { return m.o.Now.Add(-30 * 24 * time.Hour).Unix() }

func (m *maker) noteChange(e audit.Event) {
	series := policySeries
	for _, o := range e.Change.Operations {
		if o.Secret == "" {
			continue
		}
		series = o.Environment
		at := [2]string{o.Environment, o.Secret}
		was := m.seen.live[at]
		m.seen.live[at] = o.Action != "delete"
		switch {
		case was && o.Action == "delete":
			m.seen.counts[o.Environment]--
		case !was && o.Action == "set":
			m.seen.counts[o.Environment]++
		}
	}
	if _, ok := m.seen.watch[e.Change.Seq]; ok {
		m.seen.watch[e.Change.Seq] = maps.Clone(m.seen.counts)
	}
	m.seen.changes.add(e.Time, series)
	if e.Time >= m.month() {
		m.sums["changes"]++
	}
	m.page.Changes = keep(m.page.Changes, Line{Time: stamp(e.Time), Who: term.Clean(e.Handle), What: short(m.changeWords(e.Change), 160), Number: e.Change.Seq})
}

func (m *maker) reading(e audit.Event) {
	r := e.Read
	m.sums["receipts"]++
	m.seen.readings.add(e.Time, r.Environment)
	s := m.seen.readers[e.Handle]
	if s == nil {
		s = &readerSum{environments: map[string]bool{}}
		m.seen.readers[e.Handle] = s
	}
	s.total++
	s.last = max(s.last, e.Time)
	s.environments[r.Environment] = true
	if e.Time >= m.month() {
		s.month++
		m.sums["readings"]++
	}
	at := [2]string{e.Handle, r.Environment}
	m.seen.lastRead[at] = max(m.seen.lastRead[at], e.Time)
	m.page.Readings = keep(m.page.Readings, Line{Time: stamp(e.Time), Who: term.Clean(e.Handle), What: short(m.readWords(r), 200)})
}

// keep holds the last lines.
func keep(lines []Line, l Line) []Line {
	if lines = append(lines, l); len(lines) >= 2*recent {
		lines = slices.Delete(lines, 0, len(lines)-recent)
	}
	return lines
}

// newest is the last lines, the newest first.
func newest(lines []Line) []Line {
	slices.Reverse(lines)
	return lines[:min(len(lines), recent)]
}

func (m *maker) changeWords(c *audit.Change) string {
	if c.Seq == 1 || len(c.Operations) == 0 {
		return c.Subject
	}
	var parts []string
	for i, o := range c.Operations {
		if i == 3 {
			parts = append(parts, fmt.Sprintf("and %d more", len(c.Operations)-i))
			break
		}
		words := strings.ReplaceAll(o.Action, "-", " ")
		switch {
		case o.Secret != "":
			words += " " + o.Environment + "/" + m.name(o.Environment, o.Secret)
		case o.Action == "rotate":
			words += fmt.Sprintf(" the %s %s", o.Field, o.Subject)
		default:
			words += " " + strings.TrimSpace(o.Subject+" "+o.Field+" "+o.To)
		}
		parts = append(parts, words)
	}
	return strings.Join(parts, "; ")
}

func (m *maker) readWords(r *audit.Read) string {
	what := "everything"
	if !r.All {
		var names []string
		for i, s := range r.Secrets {
			if i == 4 {
				names = append(names, fmt.Sprintf("and %d more", len(r.Secrets)-i))
				break
			}
			names = append(names, m.name(r.Environment, s.ID))
		}
		what = strings.Join(names, ", ")
	}
	s := r.Action + " " + r.Environment + ": " + what
	for _, part := range []struct{ word, text string }{{"for", r.Program}, {"on", r.Host}, {"in", r.CI}, {"by", r.Agent}, {"because:", r.Reason}} {
		if part.text != "" {
			s += " " + part.word + " " + part.text
		}
	}
	return s
}

// readers are the members by how much they read.
func (m *maker) readers() []Reader {
	var out []Reader
	most := 1
	for handle, s := range m.seen.readers {
		most = max(most, s.total)
		out = append(out, Reader{
			Handle: term.Clean(handle), Month: s.month, Total: s.total, Last: stamp(s.last),
			Environments: strings.Join(slices.Sorted(maps.Keys(s.environments)), ", "),
		})
	}
	slices.SortFunc(out, func(a, b Reader) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(a.Handle, b.Handle))
	})
	for i := range out {
		out[i].Share = max(1, out[i].Total*100/most)
	}
	return out[:min(len(out), 100)]
}

// lastReadings says in the table of access who has used what he may.
func (m *maker) lastReadings() {
	if m.page.WhyNoReadings != "" {
		return
	}
	for i := range m.page.Members {
		x := &m.page.Members[i]
		for j := range x.Cells {
			c := &x.Cells[j]
			if c.Level != "read" && c.Level != "write" || strings.HasPrefix(x.Kind, "cloud") {
				continue
			}
			if t := m.seen.lastRead[[2]string{x.Handle, m.page.Environments[j]}]; t != 0 {
				c.Last = day(t)
			} else {
				c.Never = true
			}
		}
	}
}
