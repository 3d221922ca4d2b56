package app

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/team"
)

func (a *app) inviteVerb() *cli.Command {
	return verb{
		name: "invite", args: "NAME", short: "Invite somebody, by one line to paste",
		long: `Prints one line, and nothing else, on standard output. Send it to that person by a
channel that nobody else reads: whoever has it can ask to join in their place. It
is good for one admission, in the roles that you give, until it expires. With
--device it is for another device of a member.`,
		example: `secr invite ben --role developer
secr invite ana --device --expires 1d
secr invite ls
secr invite rm ben`,
		flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "role", Usage: "a `role` that they get, again for several"},
			&cli.BoolFlag{Name: "device", Usage: "for another device of the member NAME"},
			&cli.StringFlag{Name: "expires", Usage: "how long it is good for (7d, 12h)", Value: "7d"},
			remoteFlag(), noSyncFlag(), jsonFlag(),
		},
		least: 1, most: 1,
		run: func(c *cli.Context) error {
			return a.invite(c.Context, inviteOptions{
				handle: c.Args().First(), roles: c.StringSlice("role"), device: c.Bool("device"), expires: c.String("expires"),
				remote: c.String("remote"), noSync: c.Bool("no-sync"), json: c.Bool("json"),
			})
		},
		sub: []*cli.Command{a.inviteLsVerb(), a.inviteRmVerb()},
	}.command()
}

type inviteOptions struct {
	handle       string
	roles        []string
	device       bool
	expires      string
	remote       string
	noSync, json bool
}

type invitedJSON struct {
	Version int    `json:"version"`
	Line    string `json:"line"`
	inviteJSON
}

type inviteJSON struct {
	ID      string   `json:"id"`
	Handle  string   `json:"handle"`
	Roles   []string `json:"roles"`
	By      string   `json:"by"`
	Expires string   `json:"expires"`
	Expired bool     `json:"expired"`
}

func (o inviteOptions) check() error {
	switch {
	case !policy.ValidName(o.handle):
		return exit.Usagef("%q is no handle: a-z, 0-9 and -, at most 32", o.handle)
	case o.device && len(o.roles) > 0:
		return exit.Usagef("--device gives no roles: the member has them")
	case !o.device && len(o.roles) == 0:
		return exit.Usagef("an invite needs a role").WithHint("--role developer; secr role ls shows them")
	}
	return nil
}

func (a *app) invite(ctx context.Context, o inviteOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	expires, err := a.expiry(o.expires)
	if err != nil || expires == 0 {
		return exit.Usagef("%q is no time that an invite can be good for", o.expires).WithHint("--expires 7d")
	}
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	way, err := a.way(ctx, s, o.remote)
	if err != nil {
		return err
	}
	if err := a.freshen(ctx, s, way, o.noSync); err != nil {
		return err
	}
	for _, i := range s.vault.Policy().Invites() {
		if i.Handle == o.handle {
			a.note("another invite for %s is open, %s: secr invite rm %s closes it", i.Handle, until(i.Expires), i.ID)
		}
	}
	if !o.device {
		a.warnLookAlikes(s.vault.Policy(), o.handle)
	}
	l, err := team.Invite(ctx, s.vault, team.InviteOptions{
		Handle: o.handle, Roles: o.roles, Expires: expires, Remote: way.public(), Device: o.device,
	})
	if err != nil {
		return err
	}
	if err := a.printInvite(s, l, o); err != nil {
		return err
	}
	return a.share(ctx, s, way, o.noSync)
}

func (a *app) printInvite(s *session, l team.Line, o inviteOptions) error {
	what := "with the role " + strings.Join(o.roles, ", ")
	if o.device {
		what = "for another device"
	}
	a.note("for %s alone, %s, %s: they run secr join with this line", o.handle, what, until(l.Expires))
	if !o.json {
		_, err := fmt.Fprintf(a.term.Out, "%s\n", l.Text().Reveal())
		return err
	}
	i, _ := s.vault.Policy().Invite(l.InviteID())
	return writeJSON(a.term.Out, invitedJSON{Version: 1, Line: string(l.Text().Reveal()), inviteJSON: a.describeInvite(s.vault.Policy(), i)})
}

func (a *app) describeInvite(p *policy.Policy, i policy.Invite) inviteJSON {
	by, _ := p.Member(i.By)
	return inviteJSON{
		ID: i.ID, Handle: i.Handle, Roles: append([]string{}, i.Roles...), By: by.Handle,
		Expires: stamp(i.Expires), Expired: i.Expires < a.sys.Now().Unix(),
	}
}

type inviteListJSON struct {
	Version int          `json:"version"`
	Invites []inviteJSON `json:"invites"`
}

func (a *app) inviteLsVerb() *cli.Command {
	return verb{
		name: "ls", short: "List the open invites", long: "Shows whom they are for. The lines themselves are nowhere.",
		example: "secr invite ls", flags: []cli.Flag{jsonFlag()},
		run: func(c *cli.Context) error { return a.inviteLs(c.Context, c.Bool("json")) },
	}.command()
}

func (a *app) inviteLs(ctx context.Context, asJSON bool) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	doc := inviteListJSON{Version: 1, Invites: []inviteJSON{}}
	var rows [][]string
	for _, i := range s.vault.Policy().Invites() {
		d := a.describeInvite(s.vault.Policy(), i)
		doc.Invites = append(doc.Invites, d)
		roles, good := strings.Join(d.Roles, ", "), until(i.Expires)
		if len(d.Roles) == 0 {
			roles = "(a device)"
		}
		if d.Expired {
			good = "expired: secr invite rm " + d.Handle
		}
		rows = append(rows, []string{d.Handle, roles, d.By, good, d.ID})
	}
	if asJSON {
		return writeJSON(a.term.Out, doc)
	}
	return a.term.Out.Table([]string{"FOR", "ROLES", "BY", "GOOD", "ID"}, rows)
}

func (a *app) inviteRmVerb() *cli.Command {
	return verb{
		name: "rm", args: "NAME", short: "Close an invite",
		long:    "Takes the handle that it is for, or its id. Whoever has the line can't be admitted with it any more.",
		example: "secr invite rm ben", flags: []cli.Flag{noSyncFlag()}, least: 1, most: 1,
		run: func(c *cli.Context) error {
			name := c.Args().First()
			return a.govern(c.Context, governing{subject: "close an invite", edit: team.DropInvite(name), noSync: c.Bool("no-sync")})
		},
	}.command()
}

// warnLookAlikes warns about a handle that people could take for another's.
func (a *app) warnLookAlikes(p *policy.Policy, handle string) {
	if alike := team.LookAlikes(p, handle); len(alike) > 0 {
		a.warn("%s looks like %s: make sure that nobody takes one for the other", handle, strings.Join(alike, ", "))
	}
}
