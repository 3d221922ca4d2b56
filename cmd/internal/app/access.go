package app

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/team"
)

func (a *app) canVerb() *cli.Command {
	return verb{
		name: "can", args: "NAME ENVIRONMENT[/KEY]", short: "Say what somebody may do, and why",
		long: `Prints write, read, list or none. Exit 3 on none. All of it is from the vault's
verified state: by which role, granted in which change, by whom.`,
		example: "secr can ben production\nsecr can ben staging/DATABASE_URL --why",
		flags:   []cli.Flag{&cli.BoolFlag{Name: "why", Usage: "by which roles, since which changes"}, jsonFlag()}, least: 2, most: 2,
		run: func(c *cli.Context) error {
			environment, key, _ := strings.Cut(c.Args().Get(1), "/")
			return a.can(c.Context, canOptions{handle: c.Args().First(), environment: environment, key: key, why: c.Bool("why"), json: c.Bool("json")})
		},
	}.command()
}

type canOptions struct {
	handle, environment, key string
	why, json                bool
}

type canJSON struct {
	Version     int          `json:"version"`
	Handle      string       `json:"handle"`
	Environment string       `json:"environment"`
	Level       string       `json:"level"`
	Reasons     []reasonJSON `json:"reasons"`
}

type reasonJSON struct {
	Role    string     `json:"role"`
	Level   string     `json:"level"`
	Manages bool       `json:"manages"` // the level follows from managing
	Member  sourceJSON `json:"member"`  // the change that gave the role
	Grant   sourceJSON `json:"grant"`   // the change that made the role's grant
}

type sourceJSON struct {
	Change uint64 `json:"change"`
	Time   string `json:"time"`
	By     string `json:"by"`
}

func describeSource(s team.Source) sourceJSON {
	return sourceJSON{Change: s.Seq, Time: stamp(s.Time), By: s.By}
}

func (a *app) can(ctx context.Context, o canOptions) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	access, err := team.Can(ctx, s.vault, o.handle, o.environment)
	if err != nil {
		return err
	}
	if o.key != "" {
		if err := hasSecret(ctx, s.vault, o.environment, o.key); err != nil {
			return err
		}
	}
	if err := a.sayAccess(access, o); err != nil {
		return err
	}
	if access.Level == policy.None {
		return exit.Status(exit.Denied)
	}
	return nil
}

// hasSecret looks for a name where this identity may list.
func hasSecret(ctx context.Context, v *vault.Vault, environment, name string) error {
	entries, err := v.List(ctx, environment)
	if err != nil {
		return exit.Wrap(err, "look for the secret")
	}
	if !slices.ContainsFunc(entries, func(e vault.Entry) bool { return e.Label.Name == name }) {
		return &vault.NoSecretError{Environment: environment, Name: name}
	}
	return nil
}

func (a *app) sayAccess(access team.Access, o canOptions) error {
	if o.json {
		doc := canJSON{Version: 1, Handle: o.handle, Environment: o.environment, Level: access.Level.String(), Reasons: []reasonJSON{}}
		for _, r := range access.Reasons {
			doc.Reasons = append(doc.Reasons, reasonJSON{
				Role: r.Role, Level: r.Level.String(), Manages: r.Manages, Member: describeSource(r.Member), Grant: describeSource(r.Grant),
			})
		}
		return writeJSON(a.term.Out, doc)
	}
	if _, err := fmt.Fprintln(a.term.Out, access.Level); err != nil || !o.why {
		return err
	}
	for _, r := range access.Reasons {
		how := "which grants " + r.Level.String() + " on " + o.environment
		if r.Manages {
			how = "which manages, and so reads everything,"
		}
		if _, err := fmt.Fprintf(a.term.Out, "%s has the role %s since change %d by %s, %s since change %d by %s\n",
			o.handle, r.Role, r.Member.Seq, r.Member.By, how, r.Grant.Seq, r.Grant.By); err != nil {
			return err
		}
	}
	if len(access.Reasons) == 0 {
		_, err := fmt.Fprintf(a.term.Out, "no role of %s has a grant on %s\n", o.handle, o.environment)
		return err
	}
	return nil
}

func (a *app) whoVerb() *cli.Command {
	return verb{
		name: "who", args: "ENVIRONMENT", short: "Say whose keys open an environment",
		long: `Every device and cloud key that can open it now; with --ever also those that could
once, from which change to which. Computed from the verified chain.`,
		example: "secr who production\nsecr who production --ever --json",
		flags:   []cli.Flag{&cli.BoolFlag{Name: "ever", Usage: "those who could once, too"}, jsonFlag()}, least: 1, most: 1,
		run: func(c *cli.Context) error {
			return a.who(c.Context, whoOptions{environment: c.Args().First(), ever: c.Bool("ever"), json: c.Bool("json")})
		},
	}.command()
}

type whoOptions struct {
	environment string
	ever, json  bool
}

type whoJSON struct {
	Version     int        `json:"version"`
	Environment string     `json:"environment"`
	Holders     []spanJSON `json:"holders"`
}

type spanJSON struct {
	Handle string `json:"handle"` // empty for a cloud key
	Holder string `json:"holder"` // name of the device, or full name of the cloud key
	ID     string `json:"id"`
	Level  string `json:"level"`
	From   uint64 `json:"from"` // first change
	To     uint64 `json:"to"`   // last change, 0 is still
}

func (a *app) who(ctx context.Context, o whoOptions) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	spans, once, err := team.Who(ctx, s.vault, o.environment)
	if err != nil {
		return err
	}
	if o.ever {
		spans = append(spans, once...)
	}
	doc := whoJSON{Version: 1, Environment: o.environment, Holders: []spanJSON{}}
	var rows [][]string
	for _, x := range spans {
		doc.Holders = append(doc.Holders, spanJSON{
			Handle: x.Holder.Handle, Holder: x.Holder.Name, ID: x.Holder.ID, Level: x.Level.String(), From: x.From, To: x.To,
		})
		until := "now"
		if x.To != 0 {
			until = "change " + strconv.FormatUint(x.To, 10)
		}
		handle := x.Holder.Handle
		if handle == "" {
			handle = "(cloud key)"
		}
		rows = append(rows, []string{handle, x.Holder.Name, x.Level.String(), "change " + strconv.FormatUint(x.From, 10), until})
	}
	if o.json {
		return writeJSON(a.term.Out, doc)
	}
	return a.term.Out.Table([]string{"MEMBER", "HOLDER", "LEVEL", "FROM", "TO"}, rows)
}
