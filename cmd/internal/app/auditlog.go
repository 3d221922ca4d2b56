package app

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/audit"
	"github.com/secr/secr/cmd/internal/term"
)

func (a *app) auditLogVerb() *cli.Command {
	return verb{
		name: "log", short: "Show changes and readings as one stream",
		long: `Oldest first: every change with what it did, and every reading that this machine
knows of (secr sync brings the receipts). Times are UTC (Z) and what authors and machines
said; the order of changes, and of each device's readings, is proved. Without the right
to audit only changes are shown.`,
		example: "secr audit log --since '7 days ago'\nsecr audit log --env production --secret STRIPE_KEY\nsecr audit log --member ben -n 20 --json",
		flags:   auditFlags(),
		run: func(c *cli.Context) error {
			return a.auditLog(c.Context, auditLogOptions{filter: readAuditFilter(c), changes: true, json: c.Bool("json")})
		},
	}.command()
}

type auditLogOptions struct {
	filter  auditFilter
	changes bool
	json    bool
}

// auditEventJSON is a change or a reading.
type auditEventJSON struct {
	Type   string `json:"type"` // change or read
	Time   string `json:"time"`
	By     string `json:"by"`
	Device string `json:"device"`
	Change uint64 `json:"change"` // its number; of a reading, the one whose state was read

	Commit     string               `json:"commit,omitempty"`
	Subject    string               `json:"subject,omitempty"`
	Operations []auditOperationJSON `json:"operations,omitempty"`

	*auditReadJSON
}

type auditOperationJSON struct {
	Action        string `json:"action"`
	Environment   string `json:"environment,omitempty"`
	Name          string `json:"name,omitempty"` // of the secret, where this identity may list
	ID            string `json:"id,omitempty"`
	SecretVersion uint64 `json:"secret_version,omitempty"`
	About         string `json:"about,omitempty"` // handle, role, environment or id
	Field         string `json:"field,omitempty"`
	From          string `json:"from,omitempty"`
	To            string `json:"to,omitempty"`
}

type auditReadJSON struct {
	Receipt     uint64            `json:"receipt"` // its number
	Action      string            `json:"action"`
	Environment string            `json:"environment"`
	All         bool              `json:"all"`
	Secrets     []auditSecretJSON `json:"secrets"`
	Reason      string            `json:"reason"`
	Program     string            `json:"program"`
	Host        string            `json:"host"`
	Addresses   []string          `json:"addresses"`
	SSH         string            `json:"ssh"`
	CI          string            `json:"ci"`
	Agent       string            `json:"agent"`
	Published   bool              `json:"published"`
}

type auditSecretJSON struct {
	ID            string `json:"id"`
	Name          string `json:"name,omitempty"`
	SecretVersion uint64 `json:"secret_version"`
}

func (a *app) auditLog(ctx context.Context, o auditLogOptions) error {
	actions := readingActions()
	if o.changes {
		actions = append(audit.Actions(), actions...)
	}
	if err := o.filter.check(actions); err != nil {
		return err
	}
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	names, err := a.namesOf(ctx, s.vault)
	if err != nil {
		return err
	}
	f, err := a.filter(ctx, s, o.filter, names)
	if err != nil {
		return err
	}
	branch, pending, why, err := a.receipts(ctx, s)
	if err != nil {
		return err
	}
	if why != nil && !o.changes {
		return why
	}
	if why != nil {
		a.note("changes only: %s", why)
	} else {
		a.warnFindings(branch.Findings)
	}
	events := audit.Log(ctx, s.vault, audit.LogOptions{
		Filter: f, Changes: o.changes, Branch: branch, Pending: pending,
		Skipped: func(f *audit.Finding) { a.warnFindings([]audit.Finding{*f}) },
	})
	if events, err = newest(events, o.filter.limit); err != nil {
		return err
	}
	if o.json {
		return a.writeEvents(s.vault.ID(), why == nil, events, names)
	}
	return a.printEvents(events, names)
}

// newest is the last events of a stream; n = 0 is all. Only those are kept.
func newest(events iter.Seq2[audit.Event, error], n int) (iter.Seq2[audit.Event, error], error) {
	if n == 0 {
		return events, nil
	}
	ring := make([]audit.Event, 0, min(n, 1024))
	at := 0
	for e, err := range events {
		if err != nil {
			return nil, err
		}
		if len(ring) < n {
			ring = append(ring, e)
			continue
		}
		ring[at] = e
		at = (at + 1) % n
	}
	return func(yield func(audit.Event, error) bool) {
		for i := range ring {
			if !yield(ring[(at+i)%len(ring)], nil) {
				return
			}
		}
	}, nil
}

// writeEvents writes one JSON document as the events come. When one can't be read the
// document is cut short, and the command fails.
func (a *app) writeEvents(vaultID string, readings bool, events iter.Seq2[audit.Event, error], names secretNames) error {
	out := bufio.NewWriter(a.term.Out)
	fmt.Fprintf(out, "{\n  \"version\": 1,\n  \"vault\": %q,\n  \"readings\": %t,\n  \"events\": [", vaultID, readings)
	separator := "\n    "
	for e, err := range events {
		if err != nil {
			out.Flush()
			return err
		}
		data, err := json.Marshal(describeEvent(e, names))
		if err != nil {
			return err
		}
		out.WriteString(separator)
		out.Write(term.CleanJSON(data))
		separator = ",\n    "
	}
	out.WriteString("\n  ]\n}\n")
	return out.Flush()
}

func describeEvent(e audit.Event, names secretNames) auditEventJSON {
	out := auditEventJSON{Type: "change", Time: stamp(e.Time), By: e.Handle, Device: e.Device}
	if c := e.Change; c != nil {
		out.Change, out.Commit, out.Subject = c.Seq, hex.EncodeToString(c.ID[:]), c.Subject
		for _, o := range c.Operations {
			x := auditOperationJSON{
				Action: o.Action, Environment: o.Environment, ID: o.Secret, SecretVersion: o.Version, About: o.Subject, Field: o.Field, From: o.From, To: o.To,
			}
			if o.Secret != "" {
				x.Name = names[o.Environment][o.Secret]
			}
			out.Operations = append(out.Operations, x)
		}
		return out
	}
	r := e.Read
	out.Type, out.Change = "read", r.Seq
	out.auditReadJSON = &auditReadJSON{
		Receipt: r.Number, Action: r.Action, Environment: r.Environment, All: r.All, Secrets: []auditSecretJSON{}, Reason: r.Reason, Program: r.Program, Host: r.Host,
		Addresses: append([]string{}, r.Addresses...), SSH: r.SSH, CI: r.CI, Agent: r.Agent, Published: !r.Batch.IsZero(),
	}
	for _, s := range r.Secrets {
		out.Secrets = append(out.Secrets, auditSecretJSON{s.ID, names[r.Environment][s.ID], s.Version})
	}
	return out
}

// printEvents writes one line an event, as they come.
func (a *app) printEvents(events iter.Seq2[audit.Event, error], names secretNames) error {
	out := bufio.NewWriter(a.term.Out)
	n := 0
	for e, err := range events {
		if err != nil {
			out.Flush()
			return err
		}
		fmt.Fprintf(out, "%s  %-10s  %s\n", clock(e.Time), term.Clean(e.Handle), term.Clean(sentence(e, names)))
		n++
	}
	if n == 0 {
		a.note("nothing matches")
	}
	return out.Flush()
}

// sentence tells an event in words, not cleaned yet.
func sentence(e audit.Event, names secretNames) string {
	if e.Change != nil {
		return fmt.Sprintf("#%d %s", e.Change.Seq, changeWords(e.Change, names))
	}
	r := e.Read
	var b strings.Builder
	fmt.Fprintf(&b, "read %s: ", r.Environment)
	switch {
	case r.All:
		b.WriteString("everything")
	case len(r.Secrets) == 0:
		b.WriteString("nothing")
	}
	for i, s := range r.Secrets {
		if i == 4 {
			fmt.Fprintf(&b, " and %d more", len(r.Secrets)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(names.name(r.Environment, s.ID))
	}
	fmt.Fprintf(&b, " (%s)", r.Action)
	for _, part := range []struct{ word, text string }{
		{"for", r.Program}, {"on", r.Host}, {"from", r.SSH}, {"in", r.CI}, {"by", r.Agent}, {"because:", r.Reason},
	} {
		if part.text != "" {
			b.WriteString(" " + part.word + " " + part.text)
		}
	}
	if r.Batch.IsZero() {
		b.WriteString(" [not published yet]")
	}
	return b.String()
}

// changeWords tells what a change did, its first parts.
func changeWords(c *audit.Change, names secretNames) string {
	if len(c.Operations) == 0 || c.Seq == 1 {
		return c.Subject
	}
	var parts []string
	for i, o := range c.Operations {
		if i == 4 {
			parts = append(parts, fmt.Sprintf("and %d more", len(c.Operations)-i))
			break
		}
		parts = append(parts, operationWords(o, names))
	}
	return strings.Join(parts, "; ")
}

func operationWords(o audit.Operation, names secretNames) string {
	if o.Secret != "" {
		return fmt.Sprintf("%s %s/%s (version %d)", o.Action, o.Environment, names.name(o.Environment, o.Secret), o.Version)
	}
	words := []string{strings.ReplaceAll(o.Action, "-", " ")}
	if o.Action == "rotate" {
		return strings.TrimSpace(fmt.Sprintf("rotate the %s %s to epoch %d", o.Field, o.Subject, o.Version))
	}
	if o.Subject != "" {
		words = append(words, o.Subject)
	}
	if o.Field != "" {
		words = append(words, o.Field)
	}
	switch {
	case o.From != "" && o.To != "":
		words = append(words, "from", o.From, "to", o.To)
	case o.To != "":
		words = append(words, o.To)
	}
	return strings.Join(words, " ")
}
