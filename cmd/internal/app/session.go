package app

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/cmd/internal/project"
	"github.com/secr/secr/cmd/internal/settings"
	"github.com/secr/secr/cmd/internal/term"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/local"
)

// session is a verb's way into this project's vault.
type session struct {
	home     local.Home
	settings settings.Settings
	project  project.Project
	who      who
	vault    *vault.Vault
	program  string // that gets the values, for receipts
	past     bool   // the vault shows an older change
}

// open finds the project of the current folder, checks that the folder is
// linked to its vault, and opens the vault. Nothing is asked of a keyring
// before a key is needed.
func (a *app) open(ctx context.Context) (*session, error) {
	s, err := a.locate()
	if err != nil {
		return nil, err
	}
	missing, err := a.lacking(ctx, s)
	if err != nil {
		return nil, err
	}
	if s.who, err = a.linked(ctx, s); err != nil {
		return nil, err
	}
	if missing {
		if err := a.firstUse(ctx, s); err != nil {
			return nil, err
		}
	}
	s.vault, err = vault.Open(ctx, vault.Options{
		Home: s.home, ID: s.project.Vault, Seed: s.who.seed, Clock: a.sys.Now, Clouds: a.clouds(s),
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &exit.Error{
			Code: exit.Integrity, What: "this machine has the vault's head and not its repository", Err: err,
			Hint: "restore the folder from a backup; secr sync fetches what was shared",
		}
	}
	if err != nil {
		return nil, err
	}
	if err := s.checkFloor(ctx); err != nil {
		s.vault.Close()
		return nil, err
	}
	return s, nil
}

// lacking says whether this machine has to get the vault first. It is an error if
// it can't or may not.
func (a *app) lacking(ctx context.Context, s *session) (bool, error) {
	place, err := s.home.Vault(s.project.Vault)
	if err != nil {
		return false, err
	}
	if vault.Lost(place) {
		return false, vault.ErrHeadLost
	}
	if _, err := place.ReadHead(); !errors.Is(err, fs.ErrNotExist) {
		return false, nil // a damaged head is Open's to report
	}
	w, err := a.way(ctx, s, "")
	if err != nil {
		return false, err
	}
	missing := exit.New(exit.NotFound, "this machine has no vault %s, which %s names", s.project.Vault, s.project.Path())
	switch {
	case w.url.IsZero():
		return false, missing.WithHint("a colleague who has it can share it; secr init makes another one")
	case s.project.Floor.Seq == 0:
		return false, missing.WithHint("secr clone gets it; secr.toml has no floor to hold it against")
	}
	return true, nil
}

// locate finds folders, settings and project, and opens nothing.
func (a *app) locate() (*session, error) {
	home, err := a.home()
	if err != nil {
		return nil, err
	}
	chosen, err := settings.Read(home.Config)
	if err != nil {
		return nil, err
	}
	p, err := project.Find(a.sys.Folder)
	return &session{home: home, settings: chosen, project: p}, err
}

// linked says who opens the vault of this folder. A folder is linked once, by
// a person: a repository that names somebody's vault gets nothing from it. A
// token is made for one vault and needs no link.
func (a *app) linked(ctx context.Context, s *session) (who, error) {
	if w, ok := a.token(); ok {
		return w, nil
	}
	if w, ok, err := a.nobody(s.home); ok || err != nil {
		return w, err
	}
	link, err := s.home.FindLink(s.project.Folder)
	if err != nil && !errors.Is(err, local.ErrNoLink) {
		return who{}, err
	}
	if err == nil && link.Vault == s.project.Vault {
		return a.profile(s.home, a.chosenProfile("", link.Profile))
	}
	if err == nil && sameFolder(link.Folder, s.project.Folder) {
		return who{}, exit.New(exit.Integrity, "%s names vault %s, and this folder is linked to %s", s.project.Path(), s.project.Vault, link.Vault).
			WithHint("git log -p secr.toml shows who changed it; secr link accepts the change")
	}
	return a.askLink(ctx, s)
}

// askLink links the folder if a person at a terminal says so.
func (a *app) askLink(ctx context.Context, s *session) (who, error) {
	refused := exit.New(exit.Denied, "%s is not linked to vault %s", s.project.Folder, s.project.Vault).
		WithHint("secr link, if you trust this folder's secr.toml")
	if !a.term.Interactive() {
		return who{}, refused
	}
	yes, err := a.term.Confirm(ctx, term.Question{
		Text: "Let " + s.project.Folder + " use the vault " + s.project.Vault + "?", Flag: "secr link",
	})
	if err != nil {
		return who{}, err
	}
	if !yes {
		return who{}, refused
	}
	return a.link(ctx, s, "")
}

// link ties the project's folder to its vault and a profile.
func (a *app) link(ctx context.Context, s *session, profile string) (who, error) {
	w, err := a.profile(s.home, a.chosenProfile(profile, ""))
	if err != nil {
		return who{}, err
	}
	return w, s.home.SetLink(ctx, local.Link{Folder: s.project.Folder, Vault: s.project.Vault, Profile: w.profile.Name})
}

// checkFloor holds the head against the project's floor, and against those that this
// machine was told of otherwise: by an invite. A floor of the project that was found to
// be in the chain is remembered, so that the fast path need not look.
func (s *session) checkFloor(ctx context.Context) error {
	known, err := s.vault.Local().Floors()
	if err != nil {
		return err
	}
	for _, f := range known {
		if err := s.descends(f, "an invite"); err != nil {
			return err
		}
	}
	floor := s.project.Floor
	if floor.Seq == 0 || slices.Contains(known, floor) {
		return nil
	}
	if err := s.descends(floor, project.Name); err != nil {
		return err
	}
	once, cancel := context.WithCancel(ctx)
	cancel() // one attempt: a reader waits for no writer, and the next one remembers it
	if err := s.rememberFloor(once, floor); !errors.As(err, new(*local.LockedError)) {
		return err
	}
	return nil
}

// descends holds the head against one floor.
func (s *session) descends(floor local.Floor, told string) error {
	if head := s.vault.Head(); floor.Seq > head.Seq {
		return exit.New(exit.Failed, "this machine has the vault at change %d, and %s asks for change %d", head.Seq, told, floor.Seq).
			WithHint("secr sync")
	}
	if err := s.vault.State().CheckDescends(chain.Point(floor)); err != nil {
		return &exit.Error{
			Code: exit.Integrity, What: "the vault is not the one that " + told + " asks for", Err: err,
			Hint: "git log -p secr.toml shows who changed the floor; if nobody did, this machine's vault was",
		}
	}
	return nil
}

// environment chooses the environment that a verb works in.
func (a *app) environment(s *session, flag string) (string, error) {
	name := project.Choose(flag, a.sys.Getenv("SECR_ENV"), s.settings.EnvironmentOf(s.project.Vault), s.project.Default())
	if !project.IsName(name) {
		return "", exit.Usagef("%q is not the name of an environment", name).WithHint("secr env ls")
	}
	return name, nil
}
