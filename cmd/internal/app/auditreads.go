package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/audit"
	"github.com/secr/secr/audit/cloudlog"
	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/cmd/internal/term"
)

func (a *app) auditReadsVerb() *cli.Command {
	return verb{
		name: "reads", short: "Show who read what; compare with a cloud's log",
		long: `The receipts that this machine knows of, oldest first; secr sync brings those of
others. With --cloudtrail, the uses of this vault's cloud keys in a cloud's log instead,
each with the receipt of its reading: one without stands out. Logs of AWS CloudTrail,
Google Cloud (data access audit logs) and Azure Key Vault (AuditEvent) are read as
their tools export them. A reader without a device leaves no receipt; the log is all
there is of it.`,
		example: "secr audit reads --env production --since yesterday\nsecr audit reads --cloudtrail trail.json.gz --cloudtrail more.json",
		flags: append(auditFlags(),
			&cli.StringSliceFlag{Name: "cloudtrail", Aliases: []string{"cloud-log"}, Usage: "a cloud's log `file`, gzipped or not; may be repeated"}),
		most: -1,
		run: func(c *cli.Context) error {
			files := append(c.StringSlice("cloudtrail"), c.Args().Slice()...)
			if len(c.StringSlice("cloudtrail")) == 0 && len(files) > 0 {
				return exit.Usagef("secr audit reads: unexpected argument %q", files[0]).WithHint("--cloudtrail FILE")
			}
			if len(files) > 0 {
				return a.auditUnlocks(c.Context, auditUnlocksOptions{files: files, filter: readAuditFilter(c), json: c.Bool("json")})
			}
			return a.auditLog(c.Context, auditLogOptions{filter: readAuditFilter(c), json: c.Bool("json")})
		},
	}.command()
}

type auditUnlocksOptions struct {
	files  []string
	filter auditFilter
	json   bool
}

type unlocksJSON struct {
	Version int          `json:"version"`
	Vault   string       `json:"vault"`
	Unlocks []unlockJSON `json:"unlocks"`
	Silent  int          `json:"silent"` // unlocks without a receipt
	Other   int          `json:"other"`  // decryptions that are not this vault's
}

type unlockJSON struct {
	Time      string          `json:"time"`
	State     string          `json:"state"` // receipt, cloud, none or refused
	Provider  string          `json:"provider"`
	Key       string          `json:"key"`
	Kind      string          `json:"kind"`
	Name      string          `json:"name"`
	Principal string          `json:"principal"`
	Address   string          `json:"address"`
	Event     string          `json:"event"`
	Failed    string          `json:"failed"`
	Read      *auditEventJSON `json:"read"`
}

// auditUnlocks holds clouds' logs against receipts.
func (a *app) auditUnlocks(ctx context.Context, o auditUnlocksOptions) error {
	if o.filter.env != "" || o.filter.member != "" || o.filter.action != "" || o.filter.secret != "" {
		return exit.Usagef("--env, --member, --action and --secret are for receipts, not for a cloud's log").WithHint("--since, --until and -n limit it")
	}
	if err := o.filter.check(nil); err != nil {
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
	all, other, err := a.unlocks(ctx, s, o.files)
	if err != nil {
		return err
	}
	out := unlocksJSON{Version: 1, Vault: s.vault.ID(), Unlocks: []unlockJSON{}, Other: other}
	for _, x := range all {
		if x.Time < f.Since || f.Until != 0 && x.Time >= f.Until {
			continue
		}
		if x.State == audit.Silent {
			out.Silent++
		}
		out.Unlocks = append(out.Unlocks, describeUnlock(x, names))
	}
	if o.filter.limit > 0 && len(out.Unlocks) > o.filter.limit {
		out.Unlocks = out.Unlocks[len(out.Unlocks)-o.filter.limit:]
	}
	if o.json {
		return writeJSON(a.term.Out, out)
	}
	return a.printUnlocks(out)
}

// unlocks reads clouds' logs and joins them with the receipts.
func (a *app) unlocks(ctx context.Context, s *session, files []string) ([]audit.Unlock, int, error) {
	branch, pending, why, err := a.receipts(ctx, s)
	if why != nil {
		err = why
	}
	if err != nil {
		return nil, 0, err
	}
	a.warnFindings(branch.Findings)
	uses := audit.NewUses(s.vault.ID(), s.vault.Policy())
	for _, name := range files {
		if err := addLog(uses, name); err != nil {
			return nil, 0, err
		}
	}
	all, err := uses.Join(audit.Log(ctx, s.vault, audit.LogOptions{
		Branch: branch, Pending: pending, Skipped: func(f *audit.Finding) { a.warnFindings([]audit.Finding{*f}) },
	}))
	return all, uses.Other(), err
}

func addLog(uses *audit.Uses, name string) error {
	file, err := openInput(name)
	if err != nil {
		return err
	}
	_, err = cloudlog.Read(file, func(e cloudlog.Event) error {
		uses.Add(e)
		return nil
	})
	return errors.Join(exit.Wrap(err, "%s", name), file.Close())
}

func describeUnlock(x audit.Unlock, names secretNames) unlockJSON {
	out := unlockJSON{
		Time: stamp(x.Time), State: string(x.State), Provider: x.Provider, Key: x.Key.Key, Kind: x.Kind, Name: x.Name,
		Principal: x.Principal, Address: x.Address, Event: x.ID, Failed: x.Failed,
	}
	if x.Read != nil {
		read := describeEvent(*x.Read, names)
		out.Read = &read
	}
	return out
}

func (a *app) printUnlocks(doc unlocksJSON) error {
	var rows [][]string
	for _, u := range doc.Unlocks {
		state := map[string]string{"receipt": "receipt", "cloud": "cloud reader", "none": "NO RECEIPT", "refused": "refused"}[u.State]
		who := ""
		if u.Read != nil {
			who = fmt.Sprintf("%s %s %s", u.Read.By, u.Read.Action, u.Read.Environment)
		}
		what := u.Name
		if what == "" {
			what = u.Key
		}
		rows = append(rows, []string{u.Time, state, who, what, u.Principal, u.Address})
	}
	if len(rows) == 0 {
		a.note("no use of this vault's cloud keys in these logs (%s of others)", count(doc.Other, "decryption"))
		return nil
	}
	if err := a.term.Out.Table([]string{"TIME", "STATE", "RECEIPT OF", "OPENED", "PRINCIPAL", "FROM"}, rows); err != nil {
		return err
	}
	if doc.Silent > 0 {
		fmt.Fprintf(a.term.Err, "%s %s without a receipt: a changed client, a receipt that is withheld or not published yet, or nothing was read\n",
			a.term.Err.Paint(term.Yellow, "warning:"), count(doc.Silent, "unlock"))
	}
	return nil
}
