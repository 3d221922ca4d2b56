package app

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/vault"
)

func (a *app) lsVerb() *cli.Command {
	return verb{
		name: "ls", short: "List an environment's secrets",
		long: `Lists names, versions, times and notes. Values are shown with --reveal alone.`,
		example: `secr ls
secr ls --env production --json`,
		flags: []cli.Flag{
			envFlag(), &cli.BoolFlag{Name: "reveal", Usage: "show the values too"},
			&cli.StringFlag{Name: "tag", Usage: "only secrets with this tag"}, atFlag(), reasonFlag(), jsonFlag(),
		},
		filled: []string{"at"},
		run: func(c *cli.Context) error {
			return a.ls(c.Context, lsOptions{
				env: c.String("env"), reveal: c.Bool("reveal"), tag: c.String("tag"), at: c.String("at"), reason: c.String("reason"), json: c.Bool("json"),
			})
		},
	}.command()
}

type lsOptions struct {
	env          string
	reveal, json bool
	tag, reason  string
	at           string
}

type lsJSON struct {
	Version     int          `json:"version"`
	Environment string       `json:"environment"`
	Secrets     []secretJSON `json:"secrets"`
}

func (a *app) ls(ctx context.Context, o lsOptions) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	if err := a.look(ctx, s, o.at); err != nil {
		return err
	}
	env, err := a.environment(s, o.env)
	if err != nil {
		return err
	}
	values, err := a.listed(ctx, s, env, o)
	if err != nil {
		return err
	}
	if o.json {
		out := lsJSON{Version: 1, Environment: env, Secrets: []secretJSON{}}
		for _, v := range values {
			if o.reveal {
				out.Secrets = append(out.Secrets, describeValue(v))
			} else {
				out.Secrets = append(out.Secrets, describe(v.Entry))
			}
		}
		return writeJSON(a.term.Out, out)
	}
	if len(values) == 0 {
		of := ""
		if o.tag != "" {
			of = " with the tag " + o.tag
		}
		a.note("no secrets in %s%s", env, of)
		return nil
	}
	return a.lsTable(values, o.reveal)
}

// listed gives the entries that were asked for, with their values if so.
func (a *app) listed(ctx context.Context, s *session, env string, o lsOptions) ([]vault.Value, error) {
	var all []vault.Value
	if o.reveal {
		names, err := a.taggedNames(ctx, s, env, o.tag)
		if err != nil || names != nil && len(names) == 0 {
			return nil, err
		}
		return a.reveal(ctx, s, vault.Request{Environment: env, Names: names, Action: "ls", Reason: o.reason})
	}
	entries, err := s.vault.List(ctx, env)
	for _, e := range entries {
		if o.tag == "" || hasTag(e, o.tag) {
			all = append(all, vault.Value{Entry: e})
		}
	}
	return all, err
}

// taggedNames is nil, all, without a tag.
func (a *app) taggedNames(ctx context.Context, s *session, env, tag string) ([]string, error) {
	if tag == "" {
		return nil, nil
	}
	entries, err := s.vault.List(ctx, env)
	names := []string{}
	for _, e := range entries {
		if hasTag(e, tag) {
			names = append(names, e.Label.Name)
		}
	}
	return names, err
}

func hasTag(e vault.Entry, tag string) bool {
	for _, t := range e.Label.Tags {
		if t == tag {
			return true
		}
	}
	return false
}

func (a *app) lsTable(values []vault.Value, reveal bool) error {
	header := []string{"NAME", "VERSION", "UPDATED", "BY"}
	if reveal {
		header = append(header, "VALUE")
	}
	noted, expiring, tagged := false, false, false
	for _, v := range values {
		noted = noted || v.Label.Note != ""
		expiring = expiring || v.Label.Expires != 0
		tagged = tagged || len(v.Label.Tags) > 0
	}
	var rows [][]string
	for _, v := range values {
		row := []string{v.Label.Name, strconv.FormatUint(v.Version, 10), a.ago(v.Time), v.By}
		if reveal {
			row = append(row, string(v.Secret.Reveal()))
		}
		if expiring {
			row = append(row, day(v.Label.Expires))
		}
		if tagged {
			row = append(row, strings.Join(v.Label.Tags, " "))
		}
		if noted {
			row = append(row, v.Label.Note)
		}
		rows = append(rows, row)
	}
	header = appendIf(header, expiring, "EXPIRES")
	header = appendIf(header, tagged, "TAGS")
	header = appendIf(header, noted, "NOTE")
	return a.term.Out.Table(header, rows)
}

func appendIf(list []string, yes bool, s string) []string {
	if yes {
		return append(list, s)
	}
	return list
}

func day(unix int64) string {
	if unix == 0 {
		return ""
	}
	return time.Unix(unix, 0).UTC().Format(time.DateOnly)
}

// ago tells a time as people do: exact when it is long past or yet to come.
func (a *app) ago(unix int64) string {
	d := a.sys.Now().Sub(time.Unix(unix, 0))
	switch {
	case d < -time.Minute || d > 30*24*time.Hour:
		return day(unix)
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return count(int(d.Minutes()), "minute") + " ago"
	case d < 24*time.Hour:
		return count(int(d.Hours()), "hour") + " ago"
	}
	return count(int(d.Hours()/24), "day") + " ago"
}
