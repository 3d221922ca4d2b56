package app

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/sync/joining"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/team"
)

func (a *app) memberVerb() *cli.Command {
	return verb{
		name: "member", short: "Members: ls, show, add, refuse, role, set, remove",
		long: `A member is a person or a service with at least one device. Each member has roles,
and the roles have the grants.`,
		example: "secr member ls\nsecr member add ben\nsecr member role ben --add admin",
		sub: []*cli.Command{
			a.memberLsVerb(), a.memberShowVerb(), a.memberAddVerb(), a.memberRefuseVerb(), a.memberRoleVerb(), a.memberSetVerb(), a.memberRemoveVerb(),
		},
	}.command()
}

type memberListJSON struct {
	Version int              `json:"version"`
	Members []teamMemberJSON `json:"members"`
	Waiting []waitingJSON    `json:"waiting"`
}

// teamMemberJSON is a member for scripts.
type teamMemberJSON struct {
	ID      string       `json:"id"`
	Handle  string       `json:"handle"`
	Name    string       `json:"name"`
	Email   string       `json:"email"`
	Kind    string       `json:"kind"`
	Roles   []string     `json:"roles"`
	Expires string       `json:"expires"`
	Expired bool         `json:"expired"`
	Removed bool         `json:"removed"`
	Devices []deviceJSON `json:"devices"`
}

func (a *app) describeMember(m policy.Member) teamMemberJSON {
	out := teamMemberJSON{
		ID: m.ID, Handle: m.Handle, Name: m.Name, Email: m.Email, Kind: string(m.Kind), Roles: append([]string{}, m.Roles...),
		Expires: stamp(m.Expires), Expired: m.Expired(a.sys.Now().Unix()), Removed: m.Retired, Devices: []deviceJSON{},
	}
	for _, d := range m.Devices {
		out.Devices = append(out.Devices, a.describeDevice(m, d))
	}
	return out
}

// state is what there is to say of a member besides name and roles.
func (m teamMemberJSON) state(expires int64) string {
	switch {
	case m.Removed:
		return "removed"
	case m.Expired:
		return "expired"
	case expires != 0:
		return until(expires)
	}
	return ""
}

func (a *app) memberLsVerb() *cli.Command {
	return verb{
		name: "ls", short: "List the members",
		long:    "Shows everybody's roles, and who asks to join as far as the last sync knew.",
		example: "secr member ls", flags: []cli.Flag{&cli.BoolFlag{Name: "all", Usage: "removed ones too"}, jsonFlag()},
		run: func(c *cli.Context) error { return a.memberLs(c.Context, c.Bool("all"), c.Bool("json")) },
	}.command()
}

func (a *app) memberLs(ctx context.Context, all, asJSON bool) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	waiting, err := joining.Kept(s.vault)
	if err != nil {
		return err
	}
	doc := memberListJSON{Version: 1, Members: []teamMemberJSON{}, Waiting: describeWaiting(s, waiting)}
	var rows [][]string
	for _, m := range s.vault.Policy().Members() {
		if m.Retired && !all {
			continue
		}
		d := a.describeMember(m)
		doc.Members = append(doc.Members, d)
		devices := 0
		for _, x := range m.Devices {
			if x.Active() {
				devices++
			}
		}
		rows = append(rows, []string{m.Handle, m.Name, strings.Join(m.Roles, ", "), count(devices, "device"), d.state(m.Expires)})
	}
	if asJSON {
		return writeJSON(a.term.Out, doc)
	}
	a.sayWaiting(s, waiting)
	return a.term.Out.Table([]string{"MEMBER", "NAME", "ROLES", "DEVICES", ""}, rows)
}

func (a *app) memberShowVerb() *cli.Command {
	return verb{
		name: "show", args: "NAME", short: "Show one member", long: "Shows roles, devices and what they may do in each environment.",
		example: "secr member show ben", flags: []cli.Flag{jsonFlag()}, least: 1, most: 1,
		run: func(c *cli.Context) error { return a.memberShow(c.Context, c.Args().First(), c.Bool("json")) },
	}.command()
}

func (a *app) memberShow(ctx context.Context, handle string, asJSON bool) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	m, ok := s.vault.Policy().MemberByHandle(handle)
	if !ok {
		return fmt.Errorf("%w: %s", team.ErrNoMember, handle)
	}
	d := a.describeMember(m)
	if asJSON {
		return writeJSON(a.term.Out, struct {
			Version int `json:"version"`
			teamMemberJSON
		}{1, d})
	}
	rows := [][]string{
		{"member", m.Handle}, {"name", m.Name}, {"email", m.Email}, {"kind", string(m.Kind)}, {"roles", strings.Join(m.Roles, ", ")},
		{"state", cmp.Or(d.state(m.Expires), "active")},
	}
	for _, x := range d.Devices {
		rows = append(rows, []string{"device " + x.Name, strings.TrimSpace(x.Kind + " " + x.Fingerprint + " " + x.state())})
	}
	for _, e := range s.vault.Policy().Environments() {
		if level := s.vault.Policy().Level(m.ID, e.Name); e.Active() && level != policy.None {
			rows = append(rows, []string{e.Name, level.String()})
		}
	}
	if s.vault.Policy().Manages(m.ID) {
		rows = append(rows, []string{"manages", "yes, and so reads everything"})
	}
	return a.term.Out.Table([]string{"WHAT", ""}, rows)
}

func (a *app) memberRoleVerb() *cli.Command {
	return verb{
		name: "role", args: "NAME [ROLE...]", short: "Change a member's roles",
		long: `Gives the member exactly the roles that follow, or adds and drops single ones. Keys
that the member loses turn in the same change, and --dry-run shows which.`,
		example: "secr member role ben developer\nsecr member role ben --add auditor --drop developer --dry-run",
		flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "add", Usage: "one more `role`, again for several"},
			&cli.StringSliceFlag{Name: "drop", Usage: "a `role` less, again for several"},
			dryRunFlag(), noSyncFlag(),
		},
		least: 1, most: -1,
		run: func(c *cli.Context) error {
			return a.memberRole(c.Context, memberRoleOptions{
				handle: c.Args().First(), exactly: c.Args().Tail(), add: c.StringSlice("add"), drop: c.StringSlice("drop"),
				dryRun: c.Bool("dry-run"), noSync: c.Bool("no-sync"),
			})
		},
	}.command()
}

func dryRunFlag() cli.Flag {
	return &cli.BoolFlag{Name: "dry-run", Usage: "show what would change, and change nothing"}
}

type memberRoleOptions struct {
	handle             string
	exactly, add, drop []string
	dryRun, noSync     bool
}

func (a *app) memberRole(ctx context.Context, o memberRoleOptions) error {
	single := len(o.add)+len(o.drop) > 0
	if single == (len(o.exactly) > 0) {
		return exit.Usagef("say which roles: all of them, or --add and --drop single ones").WithHint("secr member role %s --add developer", o.handle)
	}
	return a.govern(ctx, governing{subject: "change the roles of " + o.handle, edit: o.edit(), dryRun: o.dryRun, noSync: o.noSync})
}

func (o memberRoleOptions) edit() team.Edit {
	if len(o.exactly) > 0 {
		return team.SetRoles(o.handle, o.exactly...)
	}
	var edits []team.Edit
	for _, r := range o.add {
		edits = append(edits, team.AddRole(o.handle, r))
	}
	for _, r := range o.drop {
		edits = append(edits, team.DropRole(o.handle, r))
	}
	return together(edits...)
}

// together is several edits in one.
func together(edits ...team.Edit) team.Edit {
	return func(p *policy.Policy) error {
		for _, edit := range edits {
			if err := edit(p); err != nil {
				return err
			}
		}
		return nil
	}
}

func (a *app) memberSetVerb() *cli.Command {
	return verb{
		name: "set", args: "NAME", short: "Change a member's expiry, name or e-mail",
		long: `When the time is over, honest clients refuse what the member does at once; what they
could read stays readable to them until the keys turn. The handle never changes.`,
		example: "secr member set ben --expires 90d\nsecr member set ben --expires never --email ben@example.org",
		flags: []cli.Flag{
			&cli.StringFlag{Name: "expires", Usage: "when the membership ends: a date, 90d, 12h or never"},
			&cli.StringFlag{Name: "name", Usage: "the name that is shown"},
			&cli.StringFlag{Name: "email", Usage: "the e-mail address that is shown"},
			noSyncFlag(),
		},
		least: 1, most: 1,
		run: func(c *cli.Context) error {
			o := memberSetOptions{handle: c.Args().First(), noSync: c.Bool("no-sync")}
			o.expires, o.name, o.email = text(c, "expires"), text(c, "name"), text(c, "email")
			return a.memberSet(c.Context, o)
		},
	}.command()
}

// text is a flag that was set, nil for one that wasn't.
func text(c *cli.Context, name string) *string {
	if !c.IsSet(name) {
		return nil
	}
	value := c.String(name)
	return &value
}

type memberSetOptions struct {
	handle               string
	expires, name, email *string
	noSync               bool
}

func (a *app) memberSet(ctx context.Context, o memberSetOptions) error {
	if o.expires == nil && o.name == nil && o.email == nil {
		return exit.Usagef("nothing to set").WithHint("--expires, --name or --email")
	}
	var edits []team.Edit
	if o.expires != nil {
		at, err := parseExpiry(*o.expires, a.sys.Now())
		if err != nil {
			return err
		}
		edits = append(edits, team.SetExpiry(o.handle, at))
	}
	for _, said := range []*string{o.name, o.email} {
		if said != nil && (len(*said) > policy.MaxText || strings.ContainsFunc(*said, unicode.IsControl)) {
			return exit.Usagef("a name or an e-mail address is one line of at most %d bytes", policy.MaxText)
		}
	}
	if o.name != nil || o.email != nil {
		edits = append(edits, func(p *policy.Policy) error {
			m, _ := p.MemberByHandle(o.handle)
			name, email := m.Name, m.Email
			if o.name != nil {
				name = *o.name
			}
			if o.email != nil {
				email = *o.email
			}
			return team.Describe(o.handle, name, email)(p)
		})
	}
	return a.govern(ctx, governing{subject: "change what is said of " + o.handle, edit: together(edits...), noSync: o.noSync})
}

// reportGoverned says who gains and loses what, and which keys turned.
func (a *app) reportGoverned(r vault.Report) {
	if r.Changed() {
		a.showShifts(r.Before, r.After, math.MaxInt)
	}
	a.reportTurned(r)
	for _, handle := range slices.Compact(slices.Sorted(slices.Values(r.Closed))) {
		a.warn("the invite of %s is closed, as who left may have known its key: invite them again", handle)
	}
}
