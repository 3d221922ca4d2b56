package app

import (
	"context"
	"io"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/audit"
	"github.com/secr/secr/cmd/internal/report"
)

func (a *app) auditReportVerb() *cli.Command {
	return verb{
		name: "report", short: "Write a page to look at: who can read what, and what happened",
		long: `One HTML file that needs no network and runs nothing, so that it can be mailed: who
can read what now and how that came to be, changes and readings over time, values that
people who left could have seen, stale secrets, what was verified. It holds no value.
What this identity may not see is said on it.`,
		example: "secr audit report\nsecr audit report --output acme.html --cloudtrail trail.json.gz",
		flags: []cli.Flag{
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Value: "secr-report.html", Usage: "the `file` to write; - is standard output"},
			&cli.BoolFlag{Name: "force", Usage: "replace the file if it is there"},
			&cli.StringSliceFlag{Name: "cloudtrail", Aliases: []string{"cloud-log"}, Usage: "a cloud's log `file`, as for secr audit reads; may be repeated"},
		},
		run: func(c *cli.Context) error {
			return a.auditReport(c.Context, auditReportOptions{file: c.String("output"), force: c.Bool("force"), logs: c.StringSlice("cloudtrail")})
		},
	}.command()
}

type auditReportOptions struct {
	file  string
	force bool
	logs  []string
}

func (a *app) auditReport(ctx context.Context, o auditReportOptions) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	r := report.Options{Vault: s.vault, Project: filepath.Base(s.project.Folder), Now: a.sys.Now(), Logs: len(o.logs) > 0}
	vo := audit.VerifyOptions{All: true}
	if who, err := s.vault.Identity(ctx); err == nil {
		r.By = who.Member.Handle
		log, err := a.ownLog(ctx, s)
		if err != nil {
			return err
		}
		vo.Log = &log
	}
	if r.Verdict, err = audit.Verify(ctx, s.vault, vo); err != nil {
		return err
	}
	var why error
	if r.Branch, r.Pending, why, err = a.receipts(ctx, s); err != nil {
		return err
	}
	if why != nil {
		r.WhyNoReadings = why.Error()
	}
	if len(o.logs) > 0 {
		if r.Unlocks, _, err = a.unlocks(ctx, s, o.logs); err != nil {
			return err
		}
	}
	page, err := report.Make(ctx, r)
	if err != nil {
		return err
	}
	err = a.writeOut(o.file, o.force, func(w io.Writer) error { return page.Write(w) })
	if err == nil && o.file != "-" {
		a.note("wrote %s: open it in a browser", o.file)
	}
	return err
}
