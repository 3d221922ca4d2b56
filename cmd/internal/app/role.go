package app

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/cmd/internal/project"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/team"
)

func (a *app) roleVerb() *cli.Command {
	return verb{
		name: "role", short: "Roles: ls, show, set, retire",
		long: `A role is a named set of grants: list, read or write on an environment, each with the
ones before; manage and audit on the vault.`,
		example: "secr role set deploy --grant production=read",
		sub:     []*cli.Command{a.roleLsVerb(), a.roleShowVerb(), a.roleSetVerb(), a.roleRetireVerb()},
	}.command()
}

type roleJSON struct {
	Name    string            `json:"name"`
	Epoch   uint64            `json:"epoch"`
	Grants  map[string]string `json:"grants"`
	Manage  bool              `json:"manage"`
	Audit   bool              `json:"audit"`
	Members []string          `json:"members"`
	Retired bool              `json:"retired"`
}

type roleListJSON struct {
	Version int        `json:"version"`
	Roles   []roleJSON `json:"roles"`
}

func describeRole(p *policy.Policy, r policy.Role) roleJSON {
	out := roleJSON{Name: r.Name, Epoch: r.Epoch, Grants: map[string]string{}, Manage: r.Manage, Audit: r.Audit, Members: []string{}, Retired: r.Retired}
	for env, level := range r.Grants {
		out.Grants[env] = level.String()
	}
	for _, m := range p.Members() {
		if m.Active() && m.Has(r.Name) {
			out.Members = append(out.Members, m.Handle)
		}
	}
	slices.Sort(out.Members)
	return out
}

// words is what a role may do, for a table.
func (r roleJSON) words() string {
	var out []string
	if r.Manage {
		out = append(out, "manage")
	}
	if r.Audit {
		out = append(out, "audit")
	}
	return strings.Join(append(out, grantWords(r.Grants)...), ", ")
}

func (a *app) roleLsVerb() *cli.Command {
	return verb{
		name: "ls", short: "List the roles", long: "Shows what each may do and who has it.", example: "secr role ls",
		flags: []cli.Flag{&cli.BoolFlag{Name: "all", Usage: "retired ones too"}, jsonFlag()},
		run:   func(c *cli.Context) error { return a.roleLs(c.Context, c.Bool("all"), c.Bool("json")) },
	}.command()
}

func (a *app) roleLs(ctx context.Context, all, asJSON bool) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	doc := roleListJSON{Version: 1, Roles: []roleJSON{}}
	var rows [][]string
	for _, r := range s.vault.Policy().Roles() {
		if r.Retired && !all {
			continue
		}
		d := describeRole(s.vault.Policy(), r)
		doc.Roles = append(doc.Roles, d)
		rows = append(rows, []string{r.Name, d.words(), strings.Join(d.Members, ", ")})
	}
	if asJSON {
		return writeJSON(a.term.Out, doc)
	}
	return a.term.Out.Table([]string{"ROLE", "MAY", "MEMBERS"}, rows)
}

func (a *app) roleShowVerb() *cli.Command {
	return verb{
		name: "show", args: "NAME", short: "Show one role", long: "Shows its grants, its members and the epoch of its key.",
		example: "secr role show developer", flags: []cli.Flag{jsonFlag()}, least: 1, most: 1,
		run: func(c *cli.Context) error { return a.roleShow(c.Context, c.Args().First(), c.Bool("json")) },
	}.command()
}

func (a *app) roleShow(ctx context.Context, name string, asJSON bool) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	r, ok := s.vault.Policy().Role(name)
	if !ok {
		return noRole(name)
	}
	d := describeRole(s.vault.Policy(), r)
	if asJSON {
		return writeJSON(a.term.Out, struct {
			Version int `json:"version"`
			roleJSON
		}{1, d})
	}
	return a.term.Out.Table([]string{"WHAT", "VALUE"}, [][]string{
		{"role", d.Name}, {"may", d.words()}, {"members", strings.Join(d.Members, ", ")},
		{"epoch", strconv.FormatUint(d.Epoch, 10)}, {"retired", yesNo(d.Retired)},
	})
}

type roleOptions struct {
	name          string
	grants        []string
	manage, audit *bool
	dryRun        bool
	noSync        bool
}

func (a *app) roleSetVerb() *cli.Command {
	return verb{
		name: "set", args: "NAME", short: "Make a role, or change one",
		long: `Only what is named changes. Taking something away makes new keys at once, in the same
change. --dry-run shows who would gain and lose what.`,
		example: "secr role set deploy --grant production=read\nsecr role set developer --grant staging=none --dry-run",
		flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "grant", Usage: "ENVIRONMENT=list, read, write or none, again for several"},
			&cli.BoolFlag{Name: "manage", Usage: "change policy, and so read everything (--manage=false: not)"},
			&cli.BoolFlag{Name: "audit", Usage: "read receipts (--audit=false: not)"},
			&cli.BoolFlag{Name: "dry-run", Usage: "show what would change, and change nothing"}, noSyncFlag(),
		},
		least: 1, most: 1,
		run: func(c *cli.Context) error {
			return a.roleSet(c.Context, roleOptions{
				name: c.Args().First(), grants: c.StringSlice("grant"), dryRun: c.Bool("dry-run"), noSync: c.Bool("no-sync"),
				manage: given(c, "manage"), audit: given(c, "audit"),
			})
		},
	}.command()
}

// given is a flag that was set, nil for one that wasn't.
func given(c *cli.Context, name string) *bool {
	if !c.IsSet(name) {
		return nil
	}
	yes := c.Bool(name)
	return &yes
}

func (a *app) roleSet(ctx context.Context, o roleOptions) error {
	if !project.IsName(o.name) {
		return exit.Usagef("%q is no name of a role: a-z, 0-9 and -, at most 32", o.name)
	}
	grants, err := parseGrants(o.grants)
	if err != nil {
		return err
	}
	return a.govern(ctx, governing{subject: "set role " + o.name, dryRun: o.dryRun, noSync: o.noSync, edit: func(p *policy.Policy) error {
		role := team.Role{Name: o.name, Grants: map[string]policy.Level{}}
		if was, ok := p.Role(o.name); ok {
			role.Manage, role.Audit = was.Manage, was.Audit
			for env, level := range was.Grants {
				if e, ok := p.Environment(env); ok && e.Active() {
					role.Grants[env] = level
				}
			}
		}
		for env, level := range grants {
			role.Grants[env] = level
		}
		if o.manage != nil {
			role.Manage = *o.manage
		}
		if o.audit != nil {
			role.Audit = *o.audit
		}
		return team.PutRole(role)(p)
	}})
}

func (a *app) roleRetireVerb() *cli.Command {
	return verb{
		name: "retire", args: "NAME", short: "End a role", long: "Who had it loses what it gave, and the keys turn. Its name is never used again.",
		example: "secr role retire contractor --dry-run", least: 1, most: 1,
		flags: []cli.Flag{&cli.BoolFlag{Name: "dry-run", Usage: "show what would change, and change nothing"}, noSyncFlag()},
		run: func(c *cli.Context) error {
			name := c.Args().First()
			return a.govern(c.Context, governing{
				subject: "retire role " + name, edit: team.RetireRole(name), dryRun: c.Bool("dry-run"), noSync: c.Bool("no-sync"),
			})
		},
	}.command()
}

func noRole(name string) error {
	return exit.New(exit.NotFound, "no role %q", name).WithHint("secr role ls")
}

// cloudKeyName is what its provider calls the cloud key of an id.
func cloudKeyName(id string, policies ...*policy.Policy) string {
	for _, p := range policies {
		if p == nil {
			continue
		}
		if k, ok := p.CloudKey(id); ok {
			return k.Key
		}
	}
	return id
}

// showShifts says who gains and loses what, so many of them at most.
func (a *app) showShifts(before, after *policy.Policy, most int) {
	all := policy.Changes(before, after).Shifts
	if len(all) > most {
		defer a.note("and %d more: secr audit log", len(all)-most)
		all = all[:most]
	}
	for _, s := range all {
		if s.Cloud {
			s.Who = cloudKeyName(s.Who, before, after)
		}
		verb := "loses"
		if s.Gains() {
			verb = "gains"
		}
		switch {
		case s.Right.Manage:
			a.note("%s %s the right to manage", s.Who, verb)
		case s.Right.Audit:
			a.note("%s %s the right to audit", s.Who, verb)
		default:
			a.note("%s %s access to %s: was %s, is %s", s.Who, verb, s.Right.Environment, s.From, s.To)
		}
	}
}
