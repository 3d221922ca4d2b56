package app

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/clouds"
	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/cmd/internal/identity"
	"github.com/secr/secr/cmd/internal/settings"
	"github.com/secr/secr/cmd/internal/term"
	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/keyring"
	"github.com/secr/secr/vault/local"
)

func readSettings(home local.Home) (settings.Settings, error) { return settings.Read(home.Config) }

func (a *app) loginVerb() *cli.Command {
	return verb{
		name: "login", short: "Make this machine's identity",
		long: `An identity is 32 random bytes that never leave this machine. They are kept in the
system's keyring, or in a file sealed with a passphrase where there is none; secr
says which. Login again with --keyring to move them. --profile makes another
identity beside the first.`,
		example: `secr login
secr login --name "Ada Lovelace" --email ada@example.org
secr login --keyring file`,
		flags: []cli.Flag{
			&cli.StringFlag{Name: "name", Usage: "your name as colleagues see it; git's by default"},
			&cli.StringFlag{Name: "email", Usage: "your e-mail address; none by default"},
			&cli.StringFlag{Name: "profile", Usage: "the `name` of another identity"},
			&cli.StringFlag{Name: "keyring", Usage: "os or file"},
			&cli.StringFlag{Name: "kms", Usage: "seal the identity with this cloud `KEY`, for a machine in a cloud without a keyring"},
		},
		run: func(c *cli.Context) error {
			return a.login(c.Context, loginOptions{
				person: c.String("name"), email: c.String("email"), profile: c.String("profile"), keyring: c.String("keyring"), kms: c.String("kms"),
				named: c.IsSet("name"), mailed: c.IsSet("email"),
			})
		},
	}.command()
}

type loginOptions struct {
	person, email    string
	named, mailed    bool
	profile, keyring string
	kms              string
}

func (a *app) login(ctx context.Context, o loginOptions) error {
	home, err := a.home()
	if err != nil {
		return err
	}
	if o.profile == "" {
		o.profile = identity.Default
	}
	if o.keyring == "" {
		o.keyring = a.sys.Getenv("SECR_KEYRING")
	}
	if o.kms != "" {
		if err := a.sealByCloud(home, &o); err != nil {
			return err
		}
	}
	places, err := a.wanted(home, o.keyring)
	if err != nil {
		return err
	}
	if old, err := identity.Load(home, o.profile); err == nil {
		return a.loginAgain(ctx, home, old, o)
	} else if !errors.Is(err, identity.ErrUnknown) {
		return err
	}
	if !identity.IsName(o.profile) {
		return exit.Usagef("%q is not the name of a profile: a-z, 0-9 and -, at most 32", o.profile)
	}
	if !o.named {
		o.person = a.ownName(ctx)
	}
	p := identity.Profile{Name: o.profile, Person: o.person, Email: o.email, Kept: identity.KeptFile, Created: a.sys.Now().Unix()}
	if err := p.Check(); err != nil {
		return exit.Usagef("%s", err)
	}
	report, err := places.Save(ctx, p.Name, keys.NewSeed())
	if err != nil {
		return err
	}
	p.Kept = identity.Kept(report.Used)
	if err := identity.Save(home, p); err != nil {
		return err
	}
	a.sayKept(p, report)
	return nil
}

// sealByCloud makes the cloud key that was named the place of the identity. Whoever
// types a key's name has decided about its account.
func (a *app) sealByCloud(home local.Home, o *loginOptions) error {
	key, err := clouds.KeyOf(o.kms)
	if err != nil {
		return exit.Usagef("%s", err).WithHint("secr kms add --help shows what such names look like")
	}
	if o.keyring != "" && o.keyring != string(clouds.KindCloud) && o.keyring != a.sys.Getenv("SECR_KEYRING") {
		return exit.Usagef("--kms and --keyring are two places for one identity")
	}
	a.identityKey, o.keyring = key, string(clouds.KindCloud)
	return rememberCloud(home, clouds.Scope(key))
}

// wanted are the places where a new seed may go.
func (a *app) wanted(home local.Home, kind string) (keyring.Places, error) {
	all, err := a.places(home)
	if err != nil {
		return nil, err
	}
	if kind == "" {
		chosen, err := readSettings(home)
		if err != nil {
			return nil, err
		}
		kind = chosen.Keyring
	}
	switch kind {
	case "":
		return all, nil
	case "os", "file", string(clouds.KindCloud):
		place, err := all.Of(keyring.Kind(kind))
		return keyring.Places{place}, err
	}
	return nil, exit.Usagef("there is no keyring %q", kind).WithHint("--keyring os or --keyring file")
}

// loginAgain changes what an identity says of its person, and moves it to
// another keyring. It never makes a second seed.
func (a *app) loginAgain(ctx context.Context, home local.Home, p identity.Profile, o loginOptions) error {
	changed := o.named || o.mailed
	if o.named {
		p.Person = o.person
	}
	if o.mailed {
		p.Email = o.email
	}
	if changed {
		if err := identity.Save(home, p); err != nil {
			return exit.Usagef("%s", err)
		}
	}
	if o.keyring != "" && identity.Kept(o.keyring) != p.Kept {
		return a.moveIdentity(ctx, home, p, keyring.Kind(o.keyring))
	}
	if !changed {
		a.note("you are %s already; the identity is kept in %s", describePerson(p), p.Kept.Words())
		return nil
	}
	a.note("you are %s now", describePerson(p))
	return nil
}

func (a *app) moveIdentity(ctx context.Context, home local.Home, p identity.Profile, to keyring.Kind) error {
	places, err := a.places(home)
	if err != nil {
		return err
	}
	old, err := places.Of(keyring.Kind(p.Kept))
	if err != nil {
		return err
	}
	next, err := places.Of(to)
	if err != nil {
		return err
	}
	err = keyring.Move(ctx, p.Name, old, next, func(kind keyring.Kind) error {
		p.Kept = identity.Kept(kind)
		return identity.Save(home, p)
	})
	if err == nil {
		a.note("the identity is kept in %s now", p.Kept.Words())
	}
	return err
}

// sayKept tells where the seed is, and why not in a better place.
func (a *app) sayKept(p identity.Profile, r keyring.Report) {
	for _, s := range r.Skipped {
		a.note("no system keyring: %s", reason(s.Err))
	}
	if p.Person == "" && p.Email == "" {
		a.note("the identity is kept in %s", p.Kept.Words())
		return
	}
	a.note("you are %s; the identity is kept in %s", describePerson(p), p.Kept.Words())
}

// reason is the last part of a keyring's error: what was wrong, without whose.
func reason(err error) string {
	var own *keyring.Error
	if errors.As(err, &own) {
		return own.Err.Error()
	}
	return err.Error()
}

func describePerson(p identity.Profile) string {
	out := p.Person
	if out == "" {
		out = "a person without a name"
	}
	if p.Email != "" {
		out += " <" + p.Email + ">"
	}
	if p.Name != identity.Default {
		out += " (" + p.Name + ")"
	}
	return out
}

// ownName is what git or the system calls this person.
func (a *app) ownName(ctx context.Context) string {
	if git, err := exec.LookPath("git"); err == nil {
		cmd := exec.CommandContext(ctx, git, "config", "--global", "user.name")
		cmd.Env = a.sys.Without("SECR_")
		if out, err := cmd.Output(); err == nil && strings.TrimSpace(string(out)) != "" {
			return strings.TrimSpace(string(out))
		}
	}
	for _, name := range []string{"USER", "LOGNAME", "USERNAME"} {
		if value := a.sys.Getenv(name); value != "" {
			return value
		}
	}
	return ""
}

func (a *app) logoutVerb() *cli.Command {
	return verb{
		name: "logout", short: "Delete an identity from this machine",
		long: `Deletes the seed and everything that this machine made with it. Without a second
device, a recovery or a colleague who manages, its vaults can't be opened again:
so logout asks.`,
		example: "secr logout\nsecr logout --profile work --yes",
		flags:   []cli.Flag{&cli.StringFlag{Name: "profile", Usage: "which identity"}, yesFlag()},
		run: func(c *cli.Context) error {
			return a.logout(c.Context, logoutOptions{profile: c.String("profile"), yes: c.Bool("yes")})
		},
	}.command()
}

type logoutOptions struct {
	profile string
	yes     bool
}

func (a *app) logout(ctx context.Context, o logoutOptions) error {
	home, err := a.home()
	if err != nil {
		return err
	}
	p, err := identity.Choose(home, a.chosenProfile(o.profile, ""))
	if err != nil {
		return err
	}
	if !o.yes {
		yes, err := a.term.Confirm(ctx, term.Question{
			Text: fmt.Sprintf("Delete the identity of %s from this machine?", describePerson(p)), What: "a yes to deleting the identity", Flag: "--yes",
		})
		if err != nil {
			return err
		}
		if !yes {
			return exit.New(exit.Stopped, "nothing deleted")
		}
	}
	places, err := a.places(home)
	if err != nil {
		return err
	}
	place, err := places.Of(keyring.Kind(p.Kept))
	if err != nil {
		return err
	}
	// What is missing in the keyring is no reason to keep the rest.
	if err := place.Store.Delete(ctx, p.Name); err != nil && !errors.Is(err, keyring.ErrNotFound) {
		return err
	}
	if err := a.forget(home, p.Name); err != nil {
		return err
	}
	if err := identity.Remove(home, p.Name); err != nil {
		return err
	}
	a.note("the identity of %s is gone from this machine", describePerson(p))
	return nil
}
