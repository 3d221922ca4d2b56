package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/cmd/internal/special"
	"github.com/secr/secr/cmd/internal/term"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/team"
)

func (a *app) envSetVerb() *cli.Command {
	return verb{
		name: "set", args: "NAME", short: "Change an environment's settings and grants",
		long: `--allow lets a special name (one that runs code or redirects traffic) be set and
injected here. Taking a grant away makes new keys at once.`,
		example: `secr env set development --allow NODE_OPTIONS
secr env set production --grant developer=none --require-reason --receipts required`,
		flags: []cli.Flag{
			grantFlag(),
			&cli.StringSliceFlag{Name: "allow", Usage: "allow a special `KEY` here, again for several"},
			&cli.StringSliceFlag{Name: "disallow", Usage: "take that back"},
			&cli.BoolFlag{Name: "require-reason", Usage: "reading needs --reason (--require-reason=false: not)"},
			&cli.StringFlag{Name: "max-age", Usage: "refuse a state whose newest change is older (24h, 7d; 0 is any)"},
			&cli.StringSliceFlag{Name: "require-kms", Usage: "a cloud `KEY` that must open it too, again for several of which any will do"},
			&cli.BoolFlag{Name: "no-require-kms", Usage: "take that back"},
			&cli.StringFlag{Name: "receipts", Usage: "best, required or off"}, noSyncFlag(),
		},
		least: 1, most: 1,
		run: func(c *cli.Context) error {
			o := envOptions{
				name: c.Args().First(), grants: c.StringSlice("grant"), allow: c.StringSlice("allow"),
				disallow: c.StringSlice("disallow"), receipts: c.String("receipts"),
				requireKMS: c.StringSlice("require-kms"), noRequireKMS: c.Bool("no-require-kms"), noSync: c.Bool("no-sync"),
			}
			if c.IsSet("require-reason") {
				yes := c.Bool("require-reason")
				o.reason = &yes
			}
			if c.IsSet("max-age") {
				text := c.String("max-age")
				o.maxAge = &text
			}
			return a.envSet(c.Context, o)
		},
	}.command()
}

func (a *app) envSet(ctx context.Context, o envOptions) error {
	grants, err := parseGrants(o.grants)
	if err != nil {
		return err
	}
	for _, name := range slices.Concat(o.allow, o.disallow) {
		if !special.Valid(name) {
			return exit.Usagef("%q is no name of a secret", name)
		}
	}
	change, err := o.settings()
	if err != nil {
		return err
	}
	return a.govern(ctx, governing{subject: "change environment " + o.name, noSync: o.noSync, edit: func(p *policy.Policy) error {
		e, ok := p.Environment(o.name)
		if !ok || e.Retired {
			return noEnvironment(o.name)
		}
		change(&e)
		if err := o.setRequired(p, &e); err != nil {
			return err
		}
		p.PutEnvironment(e)
		return applyGrants(p, o.name, grants)
	}})
}

// setRequired changes which cloud keys an environment needs as its second lock.
func (o envOptions) setRequired(p *policy.Policy, e *policy.Environment) error {
	if o.noRequireKMS {
		e.RequireKMS = nil
	}
	for _, name := range o.requireKMS {
		at := slices.IndexFunc(p.CloudKeys(), func(k policy.CloudKey) bool { return k.Active() && (k.Key == name || k.ID == name) })
		if at < 0 {
			return noCloudKey(name).WithHint("secr kms add enters it, with a role that it may open")
		}
		e.RequireKMS = append(e.RequireKMS, p.CloudKeys()[at].ID)
	}
	slices.Sort(e.RequireKMS)
	e.RequireKMS = slices.Compact(e.RequireKMS)
	return nil
}

// settings checks the flags and gives what they do to an environment.
func (o envOptions) settings() (func(*policy.Environment), error) {
	maxAge := int64(-1)
	if o.maxAge != nil {
		d, err := parseSpan(*o.maxAge)
		if err != nil && *o.maxAge != "0" {
			return nil, exit.Usagef("%q is no time", *o.maxAge).WithHint("24h, 7d or 0")
		}
		maxAge = int64(d / time.Second)
	}
	switch policy.Receipts(o.receipts) {
	case "", policy.ReceiptsBest, policy.ReceiptsRequired, policy.ReceiptsOff:
	default:
		return nil, exit.Usagef("receipts are best, required or off")
	}
	return func(e *policy.Environment) {
		e.AllowNames = slices.Concat(e.AllowNames, o.allow)
		slices.Sort(e.AllowNames)
		e.AllowNames = slices.Compact(e.AllowNames)
		e.AllowNames = slices.DeleteFunc(e.AllowNames, func(n string) bool { return slices.Contains(o.disallow, n) })
		if o.reason != nil {
			e.RequireReason = *o.reason
		}
		if maxAge >= 0 {
			e.MaxAge = maxAge
		}
		if o.receipts != "" {
			e.Receipts = policy.Receipts(o.receipts)
		}
	}, nil
}

func (a *app) envRetireVerb() *cli.Command {
	return verb{
		name: "retire", args: "NAME", short: "End an environment", long: `Nothing in it can be read or changed again, at no earlier change either: secr export
first what is still needed. The audit log keeps what was done in it, and its name is
never used again.`,
		example: "secr env retire preview --yes", flags: []cli.Flag{yesFlag(), noSyncFlag()}, least: 1, most: 1,
		run: func(c *cli.Context) error {
			return a.envRetire(c.Context, c.Args().First(), c.Bool("yes"), c.Bool("no-sync"))
		},
	}.command()
}

func (a *app) envRetire(ctx context.Context, name string, sure, noSync bool) error {
	g := governing{subject: "retire environment " + name, noSync: noSync, edit: retireEnvironment(name)}
	if !sure {
		g.confirm = func(ctx context.Context) error {
			yes, err := a.term.Confirm(ctx, term.Question{
				Text: fmt.Sprintf("Retire the environment %s for ever?", name), What: "a yes to retiring " + name, Flag: "--yes",
			})
			if err == nil && !yes {
				err = exit.New(exit.Stopped, "nothing retired")
			}
			return err
		}
	}
	return a.govern(ctx, g)
}

// retireEnvironment ends an environment, and the grants on it.
func retireEnvironment(name string) team.Edit {
	return together(team.RetireEnvironment(name), func(p *policy.Policy) error {
		for _, r := range p.Roles() {
			if _, granted := r.Grants[name]; granted && !r.Retired {
				setGrant(p, r, name, policy.None)
			}
		}
		return nil
	})
}

// warnWaiting names cloud keys that have no access.
func (a *app) warnWaiting(all []vault.Waiting) {
	for _, w := range all {
		why := ""
		if w.Why != nil {
			why = ": " + w.Why.Error()
		}
		a.warn("%s can't open %s until secr kms rewrap reaches it%s", w.Key, strings.Join(w.Roles, ", "), why)
	}
}

// reportTurned says which keys advanced, and what that did.
func (a *app) reportTurned(r vault.Report) {
	if !r.Changed() {
		a.note("nothing to change")
		return
	}
	for _, ref := range r.Turned {
		if ref.Kind != policy.NamesKey { // it turns with its environment
			a.note("new key: %s", ref)
		}
	}
	if r.Resealed > 0 {
		a.note("%s sealed again", count(r.Resealed, "secret"))
	}
	a.warnWaiting(r.Waiting)
	for _, name := range r.Due {
		a.warn("environment %s must turn its key and could not: secr rotate-key --env %s", name, name)
	}
}
