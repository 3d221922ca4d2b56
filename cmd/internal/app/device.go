package app

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/team"
)

func (a *app) deviceVerb() *cli.Command {
	return verb{
		name: "device", short: "Devices: ls, add, rm",
		long: `A device is one identity in one vault: this machine's, a token, a recovery sheet. A
person with two machines has two.`,
		example: "secr device ls\nsecr device add ben\nsecr device rm ben laptop",
		sub:     []*cli.Command{a.deviceLsVerb(), a.deviceAddVerb(), a.deviceRmVerb()},
	}.command()
}

type deviceListJSON struct {
	Version int          `json:"version"`
	Devices []deviceJSON `json:"devices"`
}

type deviceJSON struct {
	ID          string `json:"id"`
	Handle      string `json:"handle"`
	Name        string `json:"name"`
	Kind        string `json:"kind"`
	Fingerprint string `json:"fingerprint"`
	Expires     string `json:"expires"`
	Expired     bool   `json:"expired"`
	Removed     bool   `json:"removed"`
}

func (a *app) describeDevice(m policy.Member, d policy.Device) deviceJSON {
	return deviceJSON{
		ID: d.ID, Handle: m.Handle, Name: d.Name, Kind: string(d.Kind), Fingerprint: team.Fingerprint(d),
		Expires: stamp(d.Expires), Expired: d.Expired(a.sys.Now().Unix()), Removed: m.Retired || d.Retired,
	}
}

func (d deviceJSON) state() string {
	switch {
	case d.Removed:
		return "removed"
	case d.Expired:
		return "expired"
	case d.Expires != "":
		return "until " + d.Expires
	}
	return ""
}

func (a *app) deviceLsVerb() *cli.Command {
	return verb{
		name: "ls", args: "[NAME]", short: "List devices", long: "Shows the devices of everybody, or of one member.",
		example: "secr device ls\nsecr device ls ben --all", flags: []cli.Flag{&cli.BoolFlag{Name: "all", Usage: "removed ones too"}, jsonFlag()}, most: 1,
		run: func(c *cli.Context) error {
			return a.deviceLs(c.Context, deviceLsOptions{handle: c.Args().First(), all: c.Bool("all"), json: c.Bool("json")})
		},
	}.command()
}

type deviceLsOptions struct {
	handle    string
	all, json bool
}

func (a *app) deviceLs(ctx context.Context, o deviceLsOptions) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	members := s.vault.Policy().Members()
	if o.handle != "" {
		m, ok := s.vault.Policy().MemberByHandle(o.handle)
		if !ok {
			return fmt.Errorf("%w: %s", team.ErrNoMember, o.handle)
		}
		members = []policy.Member{m}
	}
	doc := deviceListJSON{Version: 1, Devices: []deviceJSON{}}
	var rows [][]string
	for _, m := range members {
		for _, x := range m.Devices {
			d := a.describeDevice(m, x)
			if d.Removed && !o.all {
				continue
			}
			doc.Devices = append(doc.Devices, d)
			rows = append(rows, []string{d.Handle, d.Name, d.Kind, d.Fingerprint, d.state()})
		}
	}
	if o.json {
		return writeJSON(a.term.Out, doc)
	}
	return a.term.Out.Table([]string{"MEMBER", "DEVICE", "KIND", "FINGERPRINT", ""}, rows)
}

func (a *app) deviceAddVerb() *cli.Command {
	return verb{
		name: "add", args: "NAME", short: "Let another machine of a member in",
		long: `On the new machine the member runs secr join. You compare the fingerprint that it
shows, unless it answers an invite (secr invite NAME --device). Needs manage.`,
		example: "secr device add ben\nsecr device add ben --request request.json --device desktop",
		flags:   append(admitFlags(), &cli.StringFlag{Name: "device", Usage: "what to call it; its own wish by default"}), least: 1, most: 1,
		run: func(c *cli.Context) error {
			o := admitOptionsOf(c)
			o.asDevice, o.device = true, c.String("device")
			return a.admit(c.Context, o)
		},
	}.command()
}

func (a *app) deviceRmVerb() *cli.Command {
	return verb{
		name: "rm", args: "[NAME] DEVICE", short: "Remove a device: lost, sold, or stolen",
		long: `Every key that the device had turns, and everything that it could open is sealed
again, in one change. Then it lists the values that it could have shown somebody:
change them where they come from. NAME is you by default.`,
		example: "secr device rm laptop\nsecr device rm ben laptop --dry-run",
		flags:   []cli.Flag{dryRunFlag(), yesFlag(), noSyncFlag(), jsonFlag()}, least: 1, most: 2,
		run: func(c *cli.Context) error {
			o := removal{dryRun: c.Bool("dry-run"), yes: c.Bool("yes"), noSync: c.Bool("no-sync"), json: c.Bool("json")}
			o.device = c.Args().First()
			if c.NArg() == 2 {
				o.handle, o.device = c.Args().First(), c.Args().Get(1)
			}
			return a.remove(c.Context, o)
		},
	}.command()
}

// ownHandle is the handle of who runs this.
func ownHandle(ctx context.Context, v *vault.Vault) (string, error) {
	me, err := v.Identity(ctx)
	return me.Member.Handle, err
}

// lists is "a, b and c".
func lists(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
