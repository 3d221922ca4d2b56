package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/keys"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/team"
)

func (a *app) tokenVerb() *cli.Command {
	return verb{
		name: "token", short: "Machine identities: create, ls, revoke, roll",
		long: `A token is a member of its own, a service, whose one device is the token. It is
checked as every member is. It is printed once; a machine gets it as SECR_TOKEN,
SECR_TOKEN_FILE or SECR_TOKEN_FD. Tokens start with "secrtok1_", which secret
scanners can look for.`,
		example: "secr token create ci --role deploy --expires 90d",
		sub:     []*cli.Command{a.tokenCreateVerb(), a.tokenLsVerb(), a.tokenRevokeVerb(), a.tokenRollVerb()},
	}.command()
}

type tokenOptions struct {
	name    string
	roles   []string
	expires string
	noSync  bool
	json    bool
}

func tokenFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "expires", Usage: "how long it is good for (90d, 12h or never)", Value: "90d"},
		noSyncFlag(), jsonFlag(),
	}
}

func (a *app) tokenCreateVerb() *cli.Command {
	return verb{
		name: "create", args: "NAME", short: "Make a token and print it once", long: "Prints the token on standard output, and nothing else there.",
		example: "secr token create ci --role deploy | gh secret set SECR_TOKEN",
		flags:   append(tokenFlags(), &cli.StringSliceFlag{Name: "role", Usage: "a `role` that it has, again for several"}), least: 1, most: 1,
		run: func(c *cli.Context) error {
			return a.tokenCreate(c.Context, tokenOptions{
				name: c.Args().First(), roles: c.StringSlice("role"), expires: c.String("expires"), noSync: c.Bool("no-sync"), json: c.Bool("json"),
			})
		},
	}.command()
}

func (a *app) tokenCreate(ctx context.Context, o tokenOptions) error {
	if len(o.roles) == 0 {
		return exit.Usagef("a token needs a role").WithHint("--role deploy; secr role ls shows them")
	}
	return a.issue(ctx, o, "make token "+o.name, func(d policy.Device) team.Edit {
		return team.Admit(team.Admission{Handle: o.name, Kind: policy.Service, Roles: o.roles, Expires: d.Expires, Device: d})
	})
}

// issue makes a new token, lets an edit bring its device in, prints it once the change
// is on the disk, and shares the change: a token that was rolled is out for everybody.
func (a *app) issue(ctx context.Context, o tokenOptions, subject string, edit func(policy.Device) team.Edit) error {
	expires, err := a.expiry(o.expires)
	if err != nil {
		return err
	}
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	w, err := a.way(ctx, s, "")
	if err != nil {
		return err
	}
	if err := a.freshen(ctx, s, w, o.noSync); err != nil {
		return err
	}
	seed := keys.NewSeed()
	place := team.Place{Vault: s.vault.ID(), Nonce: s.vault.State().Founding().Nonce}
	device, err := team.NewDevice(seed, place, team.DeviceOptions{
		Name: tokenDeviceName(s.vault.Policy(), o.name), Kind: policy.Token, Expires: expires,
	})
	if err != nil {
		return err
	}
	d := s.vault.Draft()
	d.EditPolicy(edit(device))
	if _, err := d.Commit(ctx, subject); err != nil {
		return err
	}
	a.reportTurned(d.Report())
	a.note("this is shown once; it is good %s", until(expires))
	if err := a.printToken(o, seed, expires); err != nil {
		return err
	}
	return a.share(ctx, s, w, o.noSync)
}

// tokenDeviceName names the next device of a token: ci-1, and ci-2 after it was rolled.
func tokenDeviceName(p *policy.Policy, token string) string {
	m, _ := p.MemberByHandle(token)
	number := fmt.Sprintf("-%d", len(m.Devices)+1)
	return token[:min(len(token), policy.MaxName-len(number))] + number
}

func (a *app) printToken(o tokenOptions, seed keys.Seed, expires int64) error {
	token := keys.FormatToken(seed)
	if o.json {
		return writeJSON(a.term.Out, tokenIssuedJSON{Version: 1, Name: o.name, Token: string(token.Reveal()), Expires: stamp(expires)})
	}
	_, err := fmt.Fprintf(a.term.Out, "%s\n", token.Reveal())
	return err
}

type tokenIssuedJSON struct {
	Version int    `json:"version"`
	Name    string `json:"name"`
	Token   string `json:"token"`
	Expires string `json:"expires"`
}

// expiry is the time that a span from now ends at; 0 for "never", and for "0".
func (a *app) expiry(span string) (int64, error) {
	if span == "never" || span == "0" {
		return 0, nil
	}
	d, err := parseSpan(span)
	if err != nil || d == 0 {
		return 0, exit.Usagef("%q is no time", span).WithHint("90d, 12h or never")
	}
	return a.sys.Now().Add(d).Unix(), nil
}

func until(unix int64) string {
	if unix == 0 {
		return "for ever"
	}
	return "until " + time.Unix(unix, 0).UTC().Format("2006-01-02 15:04 UTC")
}

type tokenListJSON struct {
	Version int         `json:"version"`
	Tokens  []tokenJSON `json:"tokens"`
}

type tokenJSON struct {
	Name    string   `json:"name"`
	Roles   []string `json:"roles"`
	Device  string   `json:"device"`
	Expires string   `json:"expires"`
	Expired bool     `json:"expired"`
	Revoked bool     `json:"revoked"`
}

func (a *app) tokenLsVerb() *cli.Command {
	return verb{
		name: "ls", short: "List the tokens", long: "Shows each token's roles and until when it is good.",
		example: "secr token ls", flags: []cli.Flag{&cli.BoolFlag{Name: "all", Usage: "revoked ones too"}, jsonFlag()},
		run: func(c *cli.Context) error { return a.tokenLs(c.Context, c.Bool("all"), c.Bool("json")) },
	}.command()
}

func (a *app) tokenLs(ctx context.Context, all, asJSON bool) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	doc := tokenListJSON{Version: 1, Tokens: []tokenJSON{}}
	var rows [][]string
	for _, m := range s.vault.Policy().Members() {
		for _, d := range m.Devices {
			revoked := m.Retired || d.Retired
			if d.Kind != policy.Token || revoked && !all {
				continue
			}
			t := tokenJSON{
				Name: m.Handle, Roles: append([]string{}, m.Roles...), Device: d.ID, Expires: stamp(d.Expires),
				Expired: d.Expired(a.sys.Now().Unix()) || m.Expired(a.sys.Now().Unix()), Revoked: revoked,
			}
			doc.Tokens = append(doc.Tokens, t)
			rows = append(rows, []string{t.Name, strings.Join(t.Roles, ", "), tokenState(t, d.Expires)})
		}
	}
	if asJSON {
		return writeJSON(a.term.Out, doc)
	}
	return a.term.Out.Table([]string{"TOKEN", "ROLES", "GOOD"}, rows)
}

func tokenState(t tokenJSON, expires int64) string {
	switch {
	case t.Revoked:
		return "revoked"
	case t.Expired:
		return "expired: secr token roll " + t.Name
	}
	return until(expires)
}

func (a *app) tokenRevokeVerb() *cli.Command {
	return verb{
		name: "revoke", args: "NAME", short: "End a token",
		long: `Removes the service: every key that it had turns at once, and everything is sealed
again. Who hasn't fetched the change yet goes on as before, so it is shared at once.`,
		example: "secr token revoke ci", flags: []cli.Flag{noSyncFlag()}, least: 1, most: 1,
		run: func(c *cli.Context) error {
			name := c.Args().First()
			return a.govern(c.Context, governing{
				subject: "revoke token " + name, noSync: c.Bool("no-sync"),
				edit: func(p *policy.Policy) error {
					if _, err := tokenDevice(p, name); err != nil {
						return err
					}
					return team.Remove(name)(p)
				},
			})
		},
	}.command()
}

func (a *app) tokenRollVerb() *cli.Command {
	return verb{
		name: "roll", args: "NAME", short: "Replace a token by a new one",
		long:    "The same name and roles, a new key; the old token is out in the same change. Prints the new one once.",
		example: "secr token roll ci | gh secret set SECR_TOKEN", flags: tokenFlags(), least: 1, most: 1,
		run: func(c *cli.Context) error {
			o := tokenOptions{name: c.Args().First(), expires: c.String("expires"), noSync: c.Bool("no-sync"), json: c.Bool("json")}
			return a.issue(c.Context, o, "roll token "+o.name, func(d policy.Device) team.Edit { return rollToken(o.name, d) })
		},
	}.command()
}

// rollToken puts a new device in the place of a token's.
func rollToken(name string, d policy.Device) team.Edit {
	return func(p *policy.Policy) error {
		old, err := tokenDevice(p, name)
		if err != nil {
			return err
		}
		for _, edit := range []team.Edit{team.AddDevice(name, d), team.RemoveDevice(name, old.ID), team.SetExpiry(name, d.Expires)} {
			if err := edit(p); err != nil {
				return err
			}
		}
		return nil
	}
}

// tokenDevice is the device in use of the token of that name.
func tokenDevice(p *policy.Policy, name string) (policy.Device, error) {
	if m, ok := p.MemberByHandle(name); ok && m.Active() {
		for _, d := range m.Devices {
			if d.Active() && d.Kind == policy.Token {
				return d, nil
			}
		}
	}
	return policy.Device{}, exit.New(exit.NotFound, "no token %q", name).WithHint("secr token ls")
}
