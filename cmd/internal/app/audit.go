package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/audit"
	"github.com/secr/secr/audit/receipt"
	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/vault"
)

func (a *app) auditVerb() *cli.Command {
	return verb{
		name: "audit", short: "See who changed and who read what, and prove it",
		long: `Changes are the vault's signed chain. Readings are the receipts that devices leave
and secr sync publishes; to see them you need audit, or manage. A changed client can
read silently what its keys open; what is known of each check is said.`,
		example: "secr audit log --since yesterday\nsecr audit verify\nsecr audit report",
		sub: []*cli.Command{
			a.auditLogVerb(), a.auditReadsVerb(), a.auditVerifyVerb(), a.auditExportVerb(), a.auditReportVerb(),
		},
	}.command()
}

// auditFilter is what the flags of log and reads say.
type auditFilter struct {
	env, member, action, since, until, secret string
	limit                                     int
}

func auditFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "env", Aliases: []string{"e"}, Usage: "only this `environment`"},
		&cli.StringFlag{Name: "member", Usage: "only by this `handle`"},
		&cli.StringFlag{Name: "action", Usage: "only this `action`: set, delete, label, rotate, member-added, grant-changed, ...; run, get, export, ...; another word lists all"},
		&cli.StringFlag{Name: "since", Usage: "not before this `time` (\"2 days ago\", 2026-11-02)"},
		&cli.StringFlag{Name: "until", Usage: "only before this `time`; a date includes its day"},
		&cli.StringFlag{Name: "secret", Usage: "only this secret, by `name` or id"},
		&cli.IntFlag{Name: "n", Usage: "only the newest that many"},
		jsonFlag(),
	}
}

func readAuditFilter(c *cli.Context) auditFilter {
	return auditFilter{
		env: c.String("env"), member: c.String("member"), action: c.String("action"), since: c.String("since"), until: c.String("until"),
		secret: c.String("secret"), limit: c.Int("n"),
	}
}

// readingActions are what receipts say was done: the verbs that show values.
func readingActions() []string {
	return []string{"run", "get", "export", "inject", "edit", "history", "ls", "diff", "promote", "rollback"}
}

// check holds the flags against what they can be: a filter that can't match is a mistake.
// actions are those that what is filtered can have.
func (o auditFilter) check(actions []string) error {
	if o.limit < 0 {
		return exit.Usagef("-n is a number of entries")
	}
	if o.action != "" && !slices.Contains(actions, o.action) {
		return exit.Usagef("--action: nothing is called %q here", o.action).WithHint("%s", strings.Join(actions, ", "))
	}
	return nil
}

// filter looks up what the flags name.
func (a *app) filter(ctx context.Context, s *session, o auditFilter, names secretNames) (audit.Filter, error) {
	f := audit.Filter{Environment: o.env, Member: o.member, Action: o.action}
	p := s.vault.Policy()
	if _, ok := p.Environment(o.env); o.env != "" && !ok {
		return f, fmt.Errorf("%w: %s", vault.ErrNoEnvironment, o.env)
	}
	if _, ok := p.MemberByHandle(o.member); o.member != "" && !ok {
		return f, exit.New(exit.NotFound, "no member %q, not even a former one", o.member).WithHint("secr member ls --all")
	}
	for _, t := range []struct {
		flag, text string
		into       *int64
	}{{"--since", o.since, &f.Since}, {"--until", o.until, &f.Until}} {
		if t.text == "" {
			continue
		}
		at, ok := parsePeriod(t.text, a.sys.Now())
		if !ok {
			return f, exit.Usagef("%s: %q is no time", t.flag, t.text).WithHint(`"2 days ago", yesterday, 2026-11-02, "2026-11-02 15:04"`)
		}
		*t.into = at.from.Unix()
		if t.into == &f.Until && at.to != at.from {
			*t.into = at.to.Unix() + 1 // that day included
		}
	}
	var err error
	f.Secrets, err = names.ids(s, o.secret, o.env)
	return f, err
}

// secretNames are the names of secrets by environment and id, as far as this
// identity may list; those of deleted secrets too.
type secretNames map[string]map[string]string

// secretNames opens the labels. Who may not list gets none, and sees ids.
func (a *app) namesOf(ctx context.Context, v *vault.Vault) (secretNames, error) {
	out := secretNames{}
	for _, e := range v.Policy().Environments() {
		all, err := v.ListAll(ctx, e.Name)
		var denied *vault.DeniedError
		if errors.As(err, &denied) || errors.Is(err, vault.ErrNoEnvironment) || errors.Is(err, vault.ErrNotMember) || errors.Is(err, vault.ErrNoIdentity) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out[e.Name] = map[string]string{}
		for _, x := range all {
			out[e.Name][x.ID] = x.Label.Name
		}
	}
	return out, nil
}

// name is a secret's name, or what stands for it.
func (n secretNames) name(environment, id string) string {
	if name, ok := n[environment][id]; ok {
		return name
	}
	if len(id) < 8 {
		return id
	}
	return "(" + id[:8] + ")"
}

// ids are the ids of a secret that somebody named.
func (n secretNames) ids(s *session, text, environment string) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	if len(text) == 40 && strings.Trim(text, "0123456789abcdef") == "" {
		return []string{text}, nil
	}
	var out []string
	for env, all := range n {
		for id, name := range all {
			if name == text && (environment == "" || environment == env) {
				out = append(out, id)
			}
		}
	}
	if len(out) > 0 {
		return out, nil
	}
	err := exit.New(exit.NotFound, "no secret %q where this identity may list names", text)
	return nil, err.WithHint("without list, give the secret's id, 40 digits, from secr audit log --json")
}

// receipts are the branch as this machine has it, and what this device has not
// published yet. Both are empty for who may not audit; then why says so.
func (a *app) receipts(ctx context.Context, s *session) (b *audit.Branch, pending []receipt.Entry, why error, err error) {
	if _, why = s.vault.AuditIdentity(ctx, s.vault.Policy().Audit().Epoch); why != nil {
		var denied *vault.DeniedError
		if errors.As(why, &denied) || errors.Is(why, vault.ErrNotMember) || errors.Is(why, vault.ErrNoIdentity) {
			return nil, nil, why, nil
		}
		return nil, nil, nil, why
	}
	known, err := audit.ReadKnown(s.vault)
	if err != nil {
		return nil, nil, nil, err
	}
	if b, err = known.Read(ctx, s.vault); err != nil {
		return nil, nil, nil, err
	}
	log, err := a.ownLog(ctx, s)
	if err != nil {
		return nil, nil, nil, err
	}
	p, err := log.Read(ctx)
	var broken *receipt.ChainError
	if errors.As(err, &broken) { // it shows in audit verify; here as much as possible is told
		a.warn("this machine's own receipts: %s", broken)
		err = nil
	}
	return b, b.Unpublished(p.Entries), nil, err
}

// ownLog is the receipts of this device.
func (a *app) ownLog(ctx context.Context, s *session) (receipt.Log, error) {
	who, err := s.vault.Identity(ctx)
	if err != nil {
		return receipt.Log{}, err
	}
	return receipt.NewLog(s.vault.Local(), who.Device.ID, s.who.kept.Receipts)
}

// warnFindings tells what is wrong with receipts, beside what was asked for.
func (a *app) warnFindings(findings []audit.Finding) {
	for _, f := range findings {
		if f.Note {
			a.note("note: %s", f.Error())
			continue
		}
		a.warn("%s", f.Error())
	}
	if len(findings) > 0 {
		a.note("secr audit verify shows the proof")
	}
}

// clock is a time as a log shows it: UTC, to the second. --since and --until read it.
func clock(unix int64) string { return time.Unix(unix, 0).UTC().Format("2006-01-02 15:04:05Z") }
