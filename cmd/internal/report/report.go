// Package report makes the page that secr audit report writes: one HTML file for a
// person who would rather look than read. It needs no network, no script and nothing
// beside itself, so that it works from a mail attachment; its content security policy
// allows its own style, by hash, and nothing else.
//
// Everything on it that somebody else wrote (names, notes, programs, hosts, reasons,
// a cloud's principals) is cleaned of control and direction characters and then
// escaped by html/template. Values are never on it: nothing here could open one.
package report

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"github.com/secr/secr/audit"
	"github.com/secr/secr/audit/receipt"
	"github.com/secr/secr/cmd/internal/term"
	"github.com/secr/secr/keys"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/team"
)

//go:embed page.html
var pageHTML string

//go:embed style.css
var styleCSS string

// Options are what a report is made of.
type Options struct {
	Vault   *vault.Vault
	Project string // what people call it
	By      string // handle of who makes the report, empty if unknown
	Now     time.Time
	Verdict audit.Verdict
	// Branch and Pending are the readings; WhyNoReadings says why there are none.
	Branch        *audit.Branch
	Pending       []receipt.Entry
	WhyNoReadings string
	// Unlocks are from clouds' logs, if Logs were given.
	Unlocks []audit.Unlock
	Logs    bool
}

// Page is all that the page shows, as text and numbers.
type Page struct {
	Project, Vault, By, Made string
	Head                     Head
	Founded                  string
	Tiles                    []Tile

	Environments []string
	Members      []Member
	Lanes        []Lanes

	Plots         []Plot
	Readers       []Reader
	WhyNoReadings string

	Losses      []Loss
	Outstanding []Exposed
	Left        int // of Outstanding, not shown

	Ages     Plot
	Stale    []Stale
	WhyStale string

	Unlocks   []Unlock
	Logs      bool
	CloudKeys int

	Checks   []audit.Check
	Findings []Finding
	Good     bool

	Changes, Readings []Line

	style string
}

// Head names the last change that the page knows of.
type Head struct {
	Number             uint64
	Words, Floor, Time string
}

// Tile is one number at the top.
type Tile struct {
	Label, Value, Note string
	Tone               string // plain, good or bad
	To                 string // id of the section
}

// Finding is one thing that verification found.
type Finding struct {
	Class, What, Who, Change string
	Note                     bool
	Proof                    []string
}

// Line is one change or reading.
type Line struct {
	Time, Who, What string
	Number          uint64
}

// Make works out a report.
func Make(ctx context.Context, o Options) (*Page, error) {
	m := &maker{o: o, page: &Page{style: styleCSS}}
	for _, step := range []func(context.Context) error{m.head, m.access, m.activity, m.exposure, m.stale, m.unlocks, m.verdict, m.tiles} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return m.page, nil
}

// maker collects a page.
type maker struct {
	o      Options
	page   *Page
	ledger *team.Ledger
	names  map[string]map[string]string // of secrets, by environment and id
	seen   activity
	sums   map[string]int // for the tiles
}

// Write writes the page.
func (p *Page) Write(w io.Writer) error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"style":  func() template.CSS { return template.CSS(p.style) },
		"policy": func() string { return p.policy() },
		"clean":  term.Clean,
	}).Parse(pageHTML)
	if err != nil {
		return err
	}
	return t.Execute(w, p)
}

// policy allows the page's own style and nothing else.
func (p *Page) policy() string {
	sum := sha256.Sum256([]byte(p.style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
}

func (m *maker) head(context.Context) error {
	h := m.o.Vault.Head()
	first, _ := m.o.Vault.State().Link(1)
	p := m.page
	p.Project, p.Vault, p.By, p.Made = term.Clean(m.o.Project), m.o.Vault.ID(), m.o.By, m.o.Now.UTC().Format("2006-01-02 15:04 UTC")
	p.Head = Head{Number: h.Seq, Words: keys.Words(h.Sum[:], 6), Floor: h.Point().String(), Time: stamp(h.Time)}
	p.Founded = day(first.Time)
	p.WhyNoReadings = term.Clean(m.o.WhyNoReadings)
	m.sums = map[string]int{}
	return nil
}

func (m *maker) verdict(context.Context) error {
	p := m.page
	p.Good = m.o.Verdict.Broken() == nil
	for _, c := range m.o.Verdict.Checks {
		c.What, c.Skipped = term.Clean(c.What), term.Clean(c.Skipped)
		p.Checks = append(p.Checks, c)
	}
	for _, f := range m.o.Verdict.Findings {
		x := Finding{Class: string(f.Class), What: term.Clean(f.What), Who: term.Clean(f.Handle), Note: f.Note}
		if f.Seq != 0 {
			x.Change = fmt.Sprint(f.Seq)
		}
		for _, proof := range f.Proof {
			x.Proof = append(x.Proof, term.Clean(proof))
		}
		p.Findings = append(p.Findings, x)
	}
	return nil
}

// tiles are the numbers that somebody sees first.
func (m *maker) tiles(context.Context) error {
	tone := func(bad bool) string {
		if bad {
			return "bad"
		}
		return "good"
	}
	verified := Tile{Label: "verification", Value: "good", Note: fmt.Sprintf("%d changes, all signed", m.page.Head.Number), Tone: "good", To: "verification"}
	if !m.page.Good {
		verified.Value, verified.Tone, verified.Note = "BROKEN", "bad", "see what was found"
	}
	p := m.page
	p.Tiles = []Tile{
		verified,
		{Label: "people and machines", Value: fmt.Sprint(m.sums["members"]), Note: many(m.sums["managers"], "manages", "manage"), Tone: "plain", To: "access"},
		{Label: "secrets", Value: fmt.Sprint(m.sums["secrets"]), Note: fmt.Sprintf("in %d environments", len(p.Environments)), Tone: "plain", To: "age"},
		{Label: "changes, 30 days", Value: fmt.Sprint(m.sums["changes"]), Note: fmt.Sprintf("%d in all", p.Head.Number), Tone: "plain", To: "activity"},
	}
	readings := Tile{Label: "readings, 30 days", Value: fmt.Sprint(m.sums["readings"]), Note: fmt.Sprintf("%d receipts in all", m.sums["receipts"]), Tone: "plain", To: "activity"}
	if p.WhyNoReadings != "" {
		readings.Value, readings.Note = "not seen", p.WhyNoReadings
	}
	p.Tiles = append(p.Tiles, readings,
		Tile{Label: "exposed values", Value: fmt.Sprint(m.sums["exposed"]), Note: "seen by somebody who lost access", Tone: tone(m.sums["exposed"] > 0), To: "exposure"},
		Tile{Label: "stale secrets", Value: fmt.Sprint(m.sums["stale"]), Note: "expired, or over their rotation time", Tone: tone(m.sums["stale"] > 0), To: "age"})
	unlocks := Tile{Label: "unlocks without receipt", Value: fmt.Sprint(m.sums["silent"]), Note: "in the clouds' logs", Tone: tone(m.sums["silent"] > 0), To: "unlocks"}
	if !p.Logs {
		unlocks.Value, unlocks.Note, unlocks.Tone = "not asked", "no cloud's log was given", "plain"
	}
	p.Tiles = append(p.Tiles, unlocks)
	return nil
}

func many(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

func day(unix int64) string   { return time.Unix(unix, 0).UTC().Format(time.DateOnly) }
func stamp(unix int64) string { return time.Unix(unix, 0).UTC().Format("2006-01-02 15:04") }

// short keeps a text to what fits a cell.
func short(text string, limit int) string {
	text = term.Clean(text)
	runes := []rune(text)
	if len(runes) <= limit {
		return text
	}
	return strings.TrimSpace(string(runes[:limit-1])) + "…"
}
