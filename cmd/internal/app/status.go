package app

import (
	"context"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/sync/joining"
	"github.com/secr/secr/sync/replica"
)

func (a *app) statusVerb() *cli.Command {
	return verb{
		name: "status", short: "Show where this machine and the remote stand",
		long: `Asks nobody: says what is not shared yet, what was set aside, when the remote was last
seen, who waits to be let in, and what a departed member could have read.`,
		example: "secr status\nsecr status --json",
		flags: []cli.Flag{
			remoteFlag(), &cli.BoolFlag{Name: "exposed", Usage: "list every value that a departed member could have read"}, jsonFlag(),
		},
		run: func(c *cli.Context) error {
			return a.status(c.Context, statusOptions{remote: c.String("remote"), exposed: c.Bool("exposed"), json: c.Bool("json")})
		},
	}.command()
}

type statusOptions struct {
	remote        string
	exposed, json bool
}

type statusJSON struct {
	Version int            `json:"version"`
	Vault   string         `json:"vault"`
	Head    uint64         `json:"head"`
	Remote  string         `json:"remote"`
	Known   bool           `json:"known"`
	Fetched string         `json:"fetched"`
	Ahead   uint64         `json:"ahead"`
	Behind  uint64         `json:"behind"`
	Aside   []asideJSON    `json:"aside"`
	Waiting []waitingJSON  `json:"waiting"`
	Exposed *[]exposedJSON `json:"exposed,omitempty"` // what was asked for, even if it is empty
	Notes   []string       `json:"notes"`
}

func (a *app) status(ctx context.Context, o statusOptions) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	w, err := a.way(ctx, s, o.remote)
	if err != nil {
		return err
	}
	doc := statusJSON{Version: 1, Vault: s.vault.ID(), Head: s.vault.Head().Seq, Aside: []asideJSON{}, Waiting: []waitingJSON{}, Notes: []string{}}
	var stand replica.Status
	if !w.url.IsZero() {
		if stand, err = a.replica(s, w, syncOptions{}).Status(); err != nil {
			return err
		}
		doc.Remote, doc.Known, doc.Ahead, doc.Behind = w.address(), stand.Known, stand.Ahead, stand.Behind
		doc.Fetched, doc.Aside = stamp(stand.Fetched), describeAside(stand.Aside)
	}
	if err := a.fillStatus(ctx, s, &doc, o); err != nil {
		return err
	}
	if o.json {
		return writeJSON(a.term.Out, doc)
	}
	return a.sayStatus(doc, stand)
}

func (a *app) sayStatus(doc statusJSON, stand replica.Status) error {
	rows := [][]string{{"vault", doc.Vault}, {"change", fmt.Sprint(doc.Head)}}
	switch {
	case doc.Remote == "":
		rows = append(rows, []string{"remote", "none: the vault is on this machine alone"})
	case !doc.Known:
		rows = append(rows, []string{"remote", doc.Remote}, []string{"shared", "never: secr sync"})
	default:
		rows = append(rows, []string{"remote", doc.Remote}, []string{"seen", a.ago(stand.Fetched)},
			[]string{"to share", count(int(doc.Ahead), "change")})
		if doc.Behind > 0 {
			rows = append(rows, []string{"to get", count(int(doc.Behind), "change")})
		}
	}
	for _, x := range doc.Aside {
		rows = append(rows, []string{"set aside", fmt.Sprintf("%s: %s", x.Subject, x.Reason)})
	}
	for _, x := range doc.Waiting {
		rows = append(rows, []string{"waiting", x.words()})
	}
	if err := a.term.Out.Table([]string{"WHAT", "STATE"}, rows); err != nil {
		return err
	}
	for _, note := range doc.Notes {
		a.warn("%s", note)
	}
	return nil
}

// fillStatus adds what has nothing to do with the remote's head: who waits, what
// nags, whose expiry is near.
func (a *app) fillStatus(ctx context.Context, s *session, doc *statusJSON, o statusOptions) error {
	kept, err := joining.Kept(s.vault)
	if err != nil {
		return err
	}
	doc.Waiting = describeWaiting(s, kept)
	n, err := nag(ctx, s.vault)
	if err != nil {
		return err
	}
	doc.Notes = append(doc.Notes, n.words()...)
	for _, e := range s.vault.Policy().Environments() {
		if e.Active() && e.Due {
			doc.Notes = append(doc.Notes, fmt.Sprintf("environment %s must turn its key: secr rotate-key --due", e.Name))
		}
	}
	doc.Notes = append(doc.Notes, a.expiries(s)...)
	standing, err := receiptWarnings(s.vault)
	if err != nil {
		standing = []string{"receipts: " + err.Error()}
	}
	doc.Notes = append(doc.Notes, standing...)
	if !o.exposed {
		return nil
	}
	exposed := describeExposed(n.exposed)
	doc.Exposed = &exposed
	if o.json {
		return nil
	}
	return a.printExposed(a.term.Out, n.exposed)
}

// soon is how early an end is announced.
const soonExpires = 7 * 24 * time.Hour

// expiries says whose time is over or will be soon.
func (a *app) expiries(s *session) []string {
	var out []string
	horizon := a.sys.Now().Add(soonExpires).Unix()
	for _, m := range s.vault.Policy().Members() {
		if !m.Active() || m.Expires == 0 || m.Expires > horizon {
			continue
		}
		if m.Expired(a.sys.Now().Unix()) {
			out = append(out, fmt.Sprintf("the time of %s is over; what ends reading is: secr offboard %s", m.Handle, m.Handle))
			continue
		}
		out = append(out, fmt.Sprintf("the time of %s ends on %s", m.Handle, day(m.Expires)))
	}
	return out
}
