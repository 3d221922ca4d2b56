package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/cmd/internal/identity"
	"github.com/secr/secr/cmd/internal/project"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/local"
	"github.com/secr/secr/vault/team"
)

func (a *app) joinVerb() *cli.Command {
	return verb{
		name: "join", args: "[LINE]", short: "Ask to be let into a vault, with an invite or without",
		long: `LINE is what a colleague's secr invite printed; - reads it from standard input, where
no shell remembers it. Makes this machine's identity if there is none, gets the vault
from its remote, and leaves a request there, or prints it if it can't. A colleague who
manages admits you: secr member add. Without an invite you read them the fingerprint
that is shown.`,
		example: `secr join secrinv1_mfrgg...
pbpaste | secr join -
secr join --remote git@example.org:team/app.git`,
		flags: []cli.Flag{
			&cli.StringFlag{Name: "handle", Usage: "your name in the vault, as a wish; the invite's by default"},
			&cli.StringFlag{Name: "device", Usage: "this machine's `name` in the vault, as a wish"},
			&cli.StringFlag{Name: "profile", Usage: "which identity joins"},
			&cli.BoolFlag{Name: "print", Usage: "print the request, and leave none at the remote"},
			remoteFlag(),
		},
		most: 1,
		run: func(c *cli.Context) error {
			return a.join(c.Context, joinOptions{
				line: c.Args().First(), handle: c.String("handle"), device: c.String("device"), profile: c.String("profile"),
				print: c.Bool("print"), remote: c.String("remote"),
			})
		},
	}.command()
}

type joinOptions struct {
	line, handle, device, profile, remote string
	print                                 bool
}

func (a *app) join(ctx context.Context, o joinOptions) error {
	home, err := a.home()
	if err != nil {
		return err
	}
	line, err := a.readLine(o.line)
	if err != nil {
		return err
	}
	for _, name := range []string{o.handle, o.device} {
		if name != "" && !policy.ValidName(name) {
			return exit.Usagef("%q is no name: a-z, 0-9 and -, at most 32", name)
		}
	}
	s, err := a.joining(home, line)
	if err != nil {
		return err
	}
	way, err := a.joinWay(ctx, s, line, o)
	if err != nil {
		return err
	}
	if err := a.obtainJoined(ctx, s, way, line); err != nil {
		return err
	}
	if s.who, err = a.identityOrNew(ctx, home, o.profile); err != nil {
		return err
	}
	r, err := a.request(ctx, s, way, line, o)
	if err != nil {
		return err
	}
	return a.ask(ctx, s, way, r, o)
}

// readLine reads an invite; nil is none.
func (a *app) readLine(text string) (*team.Line, error) {
	switch text {
	case "":
		return nil, nil
	case "-":
		const limit = 4096
		data, err := io.ReadAll(io.LimitReader(a.sys.Stdin, limit))
		if err != nil {
			return nil, err
		}
		text = string(data)
	}
	l, err := team.ParseLine(strings.TrimSpace(text))
	if err != nil {
		return nil, err
	}
	if l.Expires < a.sys.Now().Unix() {
		return nil, askAgain(team.ErrInviteExpired)
	}
	return &l, nil
}

// askAgain says to who was invited that the line is of no use any more.
func askAgain(why error) error {
	return &exit.Error{Code: exit.Denied, Err: why, Hint: "ask who sent the line for a new one, and run secr join with that"}
}

// joining is the project that somebody joins: the one that the folder names, or, with
// an invite, one that this folder begins to name.
func (a *app) joining(home local.Home, l *team.Line) (*session, error) {
	chosen, err := readSettings(home)
	if err != nil {
		return nil, err
	}
	s := &session{home: home, settings: chosen}
	if l != nil && l.Remote != "" {
		if _, err := remote.Parse(l.Remote, remote.FromProject, ""); err != nil {
			return nil, exit.Wrap(err, "the invite's remote")
		}
	}
	s.project, err = project.Find(a.sys.Folder)
	switch {
	case errors.Is(err, project.ErrNone) && l != nil:
		s.project = project.Project{Folder: a.sys.Folder, Vault: l.Vault, Floor: local.Floor(l.Floor), Remote: l.Remote}
		if err := writeProject(s.project); err != nil {
			return nil, err
		}
		a.note("wrote %s, which names the vault for this folder", project.Name)
		return s, nil
	case errors.Is(err, project.ErrNone):
		return nil, &exit.Error{
			Code: exit.NotFound, Err: err, What: "no invite, and no project to join",
			Hint: "secr join LINE, the line that a colleague's secr invite printed, or secr join in the project's folder",
		}
	case err != nil:
		return nil, err
	case l != nil && s.project.Vault != l.Vault:
		return nil, exit.New(exit.Conflict, "the invite is for vault %s, and %s names %s", l.Vault, s.project.Path(), s.project.Vault).
			WithHint("run it in that project's folder")
	}
	return s, nil
}

// identityOrNew is this machine's identity, made now if it has none.
func (a *app) identityOrNew(ctx context.Context, home local.Home, profile string) (who, error) {
	if w, ok := a.token(); ok {
		return w, nil
	}
	name := a.chosenProfile(profile, "")
	w, err := a.profile(home, name)
	if !errors.Is(err, identity.ErrNone) && !(name != "" && errors.Is(err, identity.ErrUnknown)) {
		return w, err
	}
	if err := a.login(ctx, loginOptions{profile: name}); err != nil {
		return who{}, err
	}
	return a.profile(home, name)
}

// joinWay is where the vault is to be found: where the person or secr.toml says, else
// where the invite does, else at the project's own remote.
func (a *app) joinWay(ctx context.Context, s *session, l *team.Line, o joinOptions) (way, error) {
	said := project.Choose(o.remote, a.sys.Getenv("SECR_REMOTE"), s.settings.RemoteOf(s.project.Vault), s.project.Remote)
	if said == "" && l != nil && l.Remote != "" {
		return a.strangeWay(ctx, s, l.Remote)
	}
	return a.way(ctx, s, o.remote)
}

// obtainJoined gets the vault, if there is a way to it, and holds it against the
// invite: its head must descend from the one that the invite was made at.
func (a *app) obtainJoined(ctx context.Context, s *session, w way, l *team.Line) error {
	if l != nil {
		// Remembered before there is a vault: whichever way it comes to this machine, an
		// older head is refused.
		if err := s.rememberFloor(ctx, local.Floor(l.Floor)); err != nil {
			return err
		}
	}
	err := a.obtain(ctx, s, w)
	var none *exit.Error
	if l != nil && errors.As(err, &none) && none.Code == exit.NotFound {
		return nil // the invite alone is enough for a request
	}
	return err
}

// rememberFloor keeps a floor on this machine.
func (s *session) rememberFloor(ctx context.Context, f local.Floor) error {
	place, err := s.home.Vault(s.project.Vault)
	if err != nil {
		return err
	}
	if err := place.MakeFolders(); err != nil {
		return err
	}
	lock, err := place.Lock(ctx, "floor")
	if err != nil {
		return err
	}
	return errors.Join(place.AddFloor(f), lock.Unlock())
}

// request is what is asked, signed by this machine's device.
func (a *app) request(ctx context.Context, s *session, w way, l *team.Line, o joinOptions) (team.Request, error) {
	at, err := a.place(ctx, s, w, l)
	if err != nil {
		return team.Request{}, err
	}
	seed, err := s.who.seed(ctx)
	if err != nil {
		return team.Request{}, err
	}
	wish := team.RequestOptions{
		Handle: o.handle, Name: s.who.profile.Person, Email: s.who.profile.Email, Device: o.device, Kind: policy.Machine,
	}
	if s.who.token {
		wish.Kind = policy.Token
	}
	if wish.Device == "" {
		wish.Device = hostName()
	}
	if l != nil {
		if wish.Handle == "" {
			wish.Handle = l.Handle
		}
		return team.NewRequest(seed, *l, wish)
	}
	if wish.Handle == "" {
		wish.Handle = identity.Handle(s.who.profile.Person)
	}
	return team.NewRequestWithoutInvite(seed, at, wish)
}

// place is the vault as a new device must know it. If this machine has the vault, it
// is held against the invite, and whoever is a member already need not ask.
func (a *app) place(ctx context.Context, s *session, w way, l *team.Line) (team.Place, error) {
	v, err := vault.Open(ctx, vault.Options{Home: s.home, ID: s.project.Vault, Seed: s.who.seed, Clock: a.sys.Now})
	if errors.Is(err, vault.ErrNoVault) || errors.Is(err, fs.ErrNotExist) {
		if l != nil {
			return l.Place, nil
		}
		return team.Place{}, exit.New(exit.NotFound, "this machine has no vault %s to ask to be let into", s.project.Vault).
			WithHint("secr join --remote ADDRESS, or an invite")
	}
	if err != nil {
		return team.Place{}, err
	}
	defer v.Close()
	s.vault = v
	if err := a.news(ctx, s, w); err != nil {
		return team.Place{}, err
	}
	if err := s.checkFloor(ctx); err != nil {
		return team.Place{}, err
	}
	if l != nil {
		if err := v.State().CheckDescends(chain.Point(l.Floor)); err != nil {
			return team.Place{}, exit.Wrap(err, "the vault here is not the one of the invite")
		}
	}
	me, err := v.Identity(ctx)
	switch {
	case err == nil && me.Active:
		return team.Place{}, exit.New(exit.Conflict, "this machine is %s/%s in the vault already", me.Member.Handle, me.Device.Name).WithHint("secr run, secr ls")
	case err == nil:
		return team.Place{}, exit.New(exit.Denied, "this identity was %s, who was removed; devices do not come back", me.Member.Handle).
			WithHint("secr join --profile NAME makes another identity")
	case !errors.Is(err, vault.ErrNotMember):
		return team.Place{}, err
	}
	if l != nil {
		if _, open := v.Policy().Invite(l.InviteID()); !open {
			return team.Place{}, askAgain(team.ErrInviteClosed)
		}
	}
	return team.PlaceOf(v), nil
}

// ask brings the request to who can admit: by the remote, or by hand.
func (a *app) ask(ctx context.Context, s *session, w way, r team.Request, o joinOptions) error {
	if !s.who.token {
		if err := s.home.SetLink(ctx, local.Link{Folder: s.project.Folder, Vault: s.project.Vault, Profile: s.who.profile.Name}); err != nil {
			return err
		}
	}
	if err := a.deliver(ctx, s, w, r, o.print); err != nil {
		return err
	}
	if r.Invite == "" {
		a.note("and read them this fingerprint, by a channel that you both trust:")
		a.note("  %s", r.Fingerprint())
	}
	a.note("once you are admitted: secr sync")
	return nil
}

// deliver leaves the request at the remote. Where that can't be, a person carries it.
func (a *app) deliver(ctx context.Context, s *session, w way, r team.Request, byHand bool) error {
	if !byHand && !w.none() {
		err := a.leave(ctx, s, w, r)
		if err == nil {
			a.note("your request is at %s: tell who manages the vault, secr member add %s", w.url, r.Handle)
			return nil
		}
		a.warn("the request can't be left at the remote: %v", err)
	}
	text, err := r.Text()
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(a.term.Out, "%s", text); err != nil {
		return err
	}
	a.note("send this to who manages the vault: they run secr member add %s --request FILE", r.Handle)
	return nil
}
