package app

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/cmd/internal/term"
	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/paper"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/team"
)

func (a *app) recoveryVerb() *cli.Command {
	return verb{
		name: "recovery", short: "A way back on paper: create, use",
		long: `A recovery device is one more device of yours whose seed is 24 words on paper and
nowhere else. Whoever has the sheet is you in this vault: keep it where you keep a
passport, not in the house with the laptop.`,
		example: "secr recovery create\nsecr recovery use",
		sub:     []*cli.Command{a.recoveryCreateVerb(), a.recoveryUseVerb()},
	}.command()
}

func (a *app) recoveryCreateVerb() *cli.Command {
	return verb{
		name: "create", short: "Make a recovery sheet and show it once",
		long: `Shows 24 words, once, and asks for two of them before it makes the device. Needs
manage. In a pipe the words are one line on standard output, and nothing is asked.`,
		example: "secr recovery create\nsecr recovery create | lp", flags: []cli.Flag{noSyncFlag()},
		run: func(c *cli.Context) error { return a.recoveryCreate(c.Context, c.Bool("no-sync")) },
	}.command()
}

func (a *app) recoveryCreate(ctx context.Context, noSync bool) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	w, err := a.way(ctx, s, "")
	if err != nil {
		return err
	}
	if err := a.freshen(ctx, s, w, noSync); err != nil {
		return err
	}
	me, err := s.vault.Identity(ctx)
	if err != nil {
		return err
	}
	if !me.Active || !s.vault.Policy().Manages(me.Member.ID) {
		return &vault.DeniedError{Handle: me.Member.Handle, Manage: true}
	}
	edit, name, err := a.newSheet(ctx, s.vault, me.Member)
	if err != nil {
		return err
	}
	return a.governIn(ctx, s, w, governing{
		subject: "add a recovery device of " + me.Member.Handle, edit: edit, noSync: noSync,
		done: "made " + name + "; nothing on this machine remembers the words",
	})
}

// newSheet shows the words of a new recovery device, and gives the edit that makes
// it a device of the member's. Words that nobody wrote down make none.
func (a *app) newSheet(ctx context.Context, v *vault.Vault, m policy.Member) (team.Edit, string, error) {
	seed := keys.NewSeed()
	name := freeName(m, "recovery")
	device, err := team.NewDevice(seed, team.PlaceOf(v), team.DeviceOptions{Name: name, Kind: policy.Recovery})
	if err != nil {
		return nil, "", err
	}
	words := paper.Words(seed)
	defer words.Wipe()
	if err := a.showWords(words); err != nil {
		return nil, "", err
	}
	if a.term.Out.Terminal() && a.term.Interactive() {
		if err := a.quiz(ctx, words); err != nil {
			return nil, "", err
		}
	}
	return team.AddDevice(m.Handle, device), m.Handle + "/" + name, nil
}

// showWords prints the words: for a person with their numbers.
func (a *app) showWords(words keys.Secret) error {
	if !a.term.Out.Terminal() {
		_, err := fmt.Fprintf(a.term.Out, "%s\n", words.Reveal())
		return err
	}
	a.note("write these words down, with their numbers; they are shown once")
	for i, w := range bytes.Fields(words.Reveal()) {
		end := "  "
		if i%4 == 3 {
			end = "\n"
		}
		if _, err := fmt.Fprintf(a.term.Out, "%2d %-9s%s", i+1, w, end); err != nil {
			return err
		}
	}
	return nil
}

// quiz asks for two of the words: a sheet that was never written is worse than none.
func (a *app) quiz(ctx context.Context, words keys.Secret) error {
	list := bytes.Fields(words.Reveal())
	first, err := rand.Int(rand.Reader, big.NewInt(paper.Count/2))
	if err != nil {
		return err
	}
	for _, i := range []int{int(first.Int64()), int(first.Int64()) + paper.Count/2} {
		for {
			said, err := a.term.Ask(ctx, term.Question{Text: fmt.Sprintf("Read word %d from your sheet", i+1)})
			if err != nil {
				return err
			}
			if strings.EqualFold(said, string(list[i])) {
				break
			}
			a.note("that is not word %d", i+1)
		}
	}
	return nil
}

// freeName is a name for a new device of a member: the wish, or the wish with a
// number.
func freeName(m policy.Member, wish string) string {
	taken := map[string]bool{}
	for _, d := range m.Devices {
		taken[d.Name] = true
	}
	name := wish
	for n := 2; taken[name]; n++ {
		suffix := fmt.Sprintf("-%d", n)
		name = wish[:min(len(wish), policy.MaxName-len(suffix))] + suffix
	}
	return name
}

func (a *app) recoveryUseVerb() *cli.Command {
	return verb{
		name: "use", short: "Come back with a recovery sheet",
		long: `Makes this machine a device of yours again. Type the words at the prompt, or pipe
them in; the first four letters of each are enough. --lost takes out devices that are
gone, and turns their keys. --renew replaces the sheet by a new one, which you should
do when somebody has seen it; --retire ends it without another.`,
		example: "secr recovery use --lost laptop --renew\nsecr recovery use <sheet",
		flags: []cli.Flag{
			&cli.StringFlag{Name: "device", Usage: "this machine's `name` in the vault"},
			&cli.StringSliceFlag{Name: "lost", Usage: "a `device` of yours to remove, again for several"},
			&cli.BoolFlag{Name: "renew", Usage: "end this sheet and make another"},
			&cli.BoolFlag{Name: "retire", Usage: "end this sheet"},
			&cli.StringFlag{Name: "profile", Usage: "which identity this machine gets it as"},
			remoteFlag(), noSyncFlag(),
		},
		run: func(c *cli.Context) error {
			return a.recoveryUse(c.Context, recoveryUseOptions{
				device: c.String("device"), lost: c.StringSlice("lost"), renew: c.Bool("renew"), retire: c.Bool("retire"),
				profile: c.String("profile"), remote: c.String("remote"), noSync: c.Bool("no-sync"),
			})
		},
	}.command()
}

type recoveryUseOptions struct {
	device          string
	lost            []string
	renew, retire   bool
	profile, remote string
	noSync          bool
}

func (a *app) recoveryUse(ctx context.Context, o recoveryUseOptions) error {
	s, err := a.locate()
	if err != nil {
		return err
	}
	w, err := a.way(ctx, s, o.remote)
	if err != nil {
		return err
	}
	if err := a.obtain(ctx, s, w); err != nil {
		return err
	}
	sheet, err := a.readSheet(ctx)
	if err != nil {
		return err
	}
	defer sheet.Wipe()
	s.vault, err = vault.Open(ctx, vault.Options{
		Home: s.home, ID: s.project.Vault, Clock: a.sys.Now, Clouds: a.clouds(s),
		Seed: func(context.Context) (keys.Seed, error) { return sheet, nil },
	})
	if err != nil {
		return err
	}
	defer s.vault.Close()
	if err := s.checkFloor(ctx); err != nil {
		return err
	}
	if err := a.freshen(ctx, s, w, o.noSync); err != nil {
		return err
	}
	return a.recover(ctx, s, w, o)
}

// recover makes this machine a device of the member whose sheet opened the vault.
func (a *app) recover(ctx context.Context, s *session, w way, o recoveryUseOptions) error {
	me, err := s.vault.Identity(ctx)
	if errors.Is(err, vault.ErrNotMember) || err == nil && (!me.Active || me.Device.Kind != policy.Recovery) {
		return exit.New(exit.Identity, "these are no words of a recovery device of this vault").
			WithHint("is it the sheet of another vault, or one that was replaced?")
	}
	if err != nil {
		return err
	}
	if s.who, err = a.identityOrNew(ctx, s.home, o.profile); err != nil {
		return err
	}
	own, err := s.who.seed(ctx)
	if err != nil {
		return err
	}
	name := freeName(me.Member, hostName())
	if o.device != "" {
		name = o.device
	}
	device, err := team.NewDevice(own, team.PlaceOf(s.vault), team.DeviceOptions{Name: name, Kind: policy.Machine})
	if err != nil {
		return err
	}
	edits := []team.Edit{team.AddDevice(me.Member.Handle, device)}
	for _, lost := range o.lost {
		edits = append(edits, team.RemoveDevice(me.Member.Handle, lost))
	}
	if o.renew {
		edit, _, err := a.newSheet(ctx, s.vault, me.Member)
		if err != nil {
			return err
		}
		edits = append(edits, edit)
	}
	if o.renew || o.retire {
		edits = append(edits, team.RemoveDevice(me.Member.Handle, me.Device.ID))
	}
	d := s.vault.Draft()
	d.EditPolicy(together(edits...))
	if _, err := d.Commit(ctx, "restore "+me.Member.Handle+" by a recovery device"); err != nil {
		return err
	}
	a.reportGoverned(d.Report())
	if _, err := a.link(ctx, s, s.who.profile.Name); err != nil {
		return err
	}
	a.note("this machine is %s/%s now", me.Member.Handle, name)
	return a.share(ctx, s, w, o.noSync)
}

// readSheet reads the words from a pipe, or asks for them.
func (a *app) readSheet(ctx context.Context) (keys.Seed, error) {
	if !a.term.Piped() {
		said, err := a.term.Hidden(ctx, term.Question{Text: "The 24 words, with spaces between", What: "the words of the recovery sheet", Flag: "standard input"})
		if err != nil {
			return keys.Seed{}, err
		}
		defer said.Wipe()
		return paper.Seed(said)
	}
	const limit = 4096
	text, err := io.ReadAll(io.LimitReader(a.sys.Stdin, limit))
	if err != nil {
		return keys.Seed{}, err
	}
	defer clear(text)
	said := keys.NewSecret(text)
	defer said.Wipe()
	return paper.Seed(said)
}

// obtain sees to it that this machine has the vault of a project.
func (a *app) obtain(ctx context.Context, s *session, w way) error {
	place, err := s.home.Vault(s.project.Vault)
	if err != nil {
		return err
	}
	if _, err := place.ReadHead(); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return a.fetchVault(ctx, s, w)
}
