package app

import (
	"cmp"
	"context"
	"errors"
	"os"
	"strconv"

	"github.com/secr/secr/cmd/internal/clouds"
	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/cmd/internal/fast"
	"github.com/secr/secr/cmd/internal/identity"
	"github.com/secr/secr/cmd/internal/term"
	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/keyring"
	"github.com/secr/secr/vault/local"
)

// who is the identity that a verb acts as.
type who struct {
	profile identity.Profile
	// token says that the process was given its identity.
	token bool
	// seed is asked for when the first key is needed, and not before.
	seed func(context.Context) (keys.Seed, error)
	// kept is filled by seed: what snapshots and receipts need.
	kept *fast.Keys
}

// token is the identity that SECR_TOKEN, a file that SECR_TOKEN_FILE names or
// a descriptor that SECR_TOKEN_FD names holds. It beats every login.
func (a *app) token() (who, bool) {
	load := func(open func() (keyring.Token, error)) (who, bool) {
		kept := &fast.Keys{}
		return who{token: true, profile: identity.Profile{Name: "token"}, kept: kept, seed: func(ctx context.Context) (keys.Seed, error) {
			t, err := open()
			if err != nil {
				return keys.Seed{}, err
			}
			seed, err := t.Load(ctx, "token")
			if err == nil {
				*kept = fast.Of(seed)
			}
			return seed, err
		}}, true
	}
	if text := a.sys.Getenv("SECR_TOKEN"); text != "" {
		return load(func() (keyring.Token, error) { return keyring.NewToken(keys.NewSecret([]byte(text))), nil })
	}
	if path := a.sys.Getenv("SECR_TOKEN_FILE"); path != "" {
		return load(func() (keyring.Token, error) { return keyring.TokenFile(path) })
	}
	if text := a.sys.Getenv("SECR_TOKEN_FD"); text != "" {
		return load(func() (keyring.Token, error) {
			fd, err := strconv.ParseUint(text, 10, 16)
			if err != nil || fd < 3 {
				return keyring.Token{}, exit.New(exit.Identity, "SECR_TOKEN_FD is not the number of an open descriptor above 2")
			}
			return keyring.TokenDescriptor(uintptr(fd))
		})
	}
	return who{}, false
}

// chosenProfile is the order of choice: a flag, SECR_IDENTITY, what the folder
// is linked with. Empty is the only one.
func (a *app) chosenProfile(flag, linked string) string {
	return cmp.Or(flag, a.sys.Getenv("SECR_IDENTITY"), linked)
}

// profile is the identity of that name, or the only one.
func (a *app) profile(home local.Home, name string) (who, error) {
	p, err := identity.Choose(home, name)
	if err != nil {
		return who{}, err
	}
	places, err := a.places(home)
	if err != nil {
		return who{}, err
	}
	w := who{profile: p, kept: &fast.Keys{}}
	w.seed = func(ctx context.Context) (keys.Seed, error) {
		place, err := places.Of(keyring.Kind(p.Kept))
		if err != nil {
			return keys.Seed{}, err
		}
		seed, err := place.Store.Load(ctx, p.Name)
		if err == nil {
			*w.kept = fast.Of(seed)
			a.remember(home, p.Name, *w.kept)
		}
		return seed, err
	}
	return w, nil
}

// places are the keyrings of this machine, the preferred one first.
func (a *app) places(home local.Home) (keyring.Places, error) {
	chosen, err := readSettings(home)
	if err != nil {
		return nil, err
	}
	life := a.sys.Session
	if !chosen.SessionCache {
		life = 0
	}
	return keyring.Places{
		{Kind: keyring.KindOS, Store: keyring.OS{Service: service(home, a.sys.Getenv), Getenv: a.sys.Getenv, Deadline: a.sys.Keyring}},
		{Kind: keyring.KindFile, Store: keyring.File{Folder: identity.Folder(home), Ask: a.askPassphrase, Work: a.sys.Work, Session: life}},
		{Kind: clouds.KindCloud, Store: clouds.Store{Folder: identity.Folder(home), Clouds: a.cloudsOf(home, chosen), Key: a.identityKey}},
	}, nil
}

// service keeps the keyring entries of a second home apart from the user's.
func service(home local.Home, getenv func(string) string) string {
	if getenv("SECR_HOME") == "" {
		return "secr"
	}
	return "secr " + home.Config
}

// askPassphrase gives SECR_PASSPHRASE, or asks at the terminal.
func (a *app) askPassphrase(ctx context.Context, q keyring.Question) (keys.Secret, error) {
	if text := a.sys.Getenv("SECR_PASSPHRASE"); text != "" {
		if q.Attempt > 0 {
			return keys.Secret{}, exit.New(exit.Identity, "SECR_PASSPHRASE is not the passphrase of identity %q", q.Profile)
		}
		return keys.NewSecret([]byte(text)), nil
	}
	if typed, ok := a.typed[q.Profile]; ok && !q.New && q.Attempt == 0 {
		return keys.NewSecret(typed.Reveal()), nil
	}
	what := "Passphrase of identity " + q.Profile
	switch {
	case q.New:
		what = "New passphrase for this machine's identity"
	case q.Attempt > 0:
		a.note("that was not the passphrase")
	}
	first, err := a.term.Hidden(ctx, term.Question{Text: what, What: "the passphrase of identity " + q.Profile})
	var none *term.NoTerminalError
	if errors.As(err, &none) && q.New {
		return keys.Secret{}, exit.New(exit.Identity, "a new identity without a system keyring needs a passphrase, and there is no terminal to ask for one").
			WithHint("set SECR_PASSPHRASE for a person; secr token create makes an identity for a machine")
	}
	if errors.As(err, &none) {
		return keys.Secret{}, exit.New(exit.Identity, "identity %q is locked, and there is no terminal to ask for its passphrase", q.Profile).
			WithHint("set SECR_PASSPHRASE for a person, SECR_TOKEN for a machine")
	}
	if err != nil {
		return first, err
	}
	if !q.New {
		a.typed = map[string]keys.Secret{q.Profile: keys.NewSecret(first.Reveal())}
		return first, nil
	}
	second, err := a.term.Hidden(ctx, term.Question{Text: "The same again"})
	if err != nil {
		return keys.Secret{}, err
	}
	if !first.Equal(second) {
		return keys.Secret{}, exit.New(exit.Failed, "the two passphrases differ").WithHint("secr login")
	}
	return first, nil
}

// hostName is the name of this machine as a device's: [a-z0-9][a-z0-9-]{0,31}.
func hostName() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "machine"
	}
	return identity.Handle(name)
}
