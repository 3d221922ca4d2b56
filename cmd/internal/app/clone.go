package app

import (
	"context"
	"errors"
	"os"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/cmd/internal/project"
	"github.com/secr/secr/cmd/internal/term"
	"github.com/secr/secr/keys"
	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/sync/replica"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/local"
)

func (a *app) cloneVerb() *cli.Command {
	return verb{
		name: "clone", args: "[ADDRESS]", short: "Get a project's vault from its remote",
		long: `Fetches the vault and checks every change from the founder's on. With a secr.toml it has
to be the vault that this names, and to contain its floor. Without one there is nothing
to hold it against: the head is shown in words, to compare with a colleague's. A vault
that is on this machine already is brought up to date; that another folder may use it,
too, is asked first.`,
		example: "secr clone\nsecr clone git@example.org:team/app.git",
		flags:   []cli.Flag{&cli.StringFlag{Name: "profile", Usage: "which identity opens the vault here"}, yesFlag()}, most: 1,
		run: func(c *cli.Context) error {
			return a.clone(c.Context, cloneOptions{address: c.Args().First(), profile: c.String("profile"), sure: c.Bool("yes")})
		},
	}.command()
}

type cloneOptions struct {
	address, profile string
	sure             bool
}

func (a *app) clone(ctx context.Context, o cloneOptions) error {
	s, err := a.locate()
	if errors.Is(err, project.ErrNone) {
		s.project, err = project.Project{Folder: a.sys.Folder}, nil
	}
	if err != nil {
		return err
	}
	if s.who, err = a.cloner(s.home, o.profile); err != nil {
		return err
	}
	w, err := a.reachable(ctx, s, o.address)
	if err != nil {
		return err
	}
	before, err := vaultsHere(s.home)
	if err != nil {
		return err
	}
	if s.vault, err = a.fetched(ctx, s, w, remote.Limits{}); err != nil {
		return err
	}
	defer s.vault.Close()
	head := s.vault.Head()
	a.note("got vault %s at change %d: %s", s.vault.ID(), head.Seq, headWords(head))
	if slices.Contains(before, s.vault.ID()) && !o.sure {
		if err := a.confirmOwn(ctx, s); err != nil {
			return err
		}
	}
	if s.project.Vault == "" {
		s.project.Vault, s.project.Floor = s.vault.ID(), local.Floor{Seq: head.Seq, Sum: head.Sum}
		if err := writeProject(s.project); err != nil {
			return err
		}
		a.warn("nothing vouches for this head but the host: compare the words with a colleague's secr status")
		a.note("wrote secr.toml: commit it")
	}
	if s.who.token || s.who.profile.Name == "" {
		return nil
	}
	return s.home.SetLink(ctx, local.Link{Folder: s.project.Folder, Vault: s.project.Vault, Profile: s.who.profile.Name})
}

// vaultsHere are the ids of the vaults that this machine has.
func vaultsHere(home local.Home) ([]string, error) {
	entries, err := os.ReadDir(home.Data)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var ids []string
	for _, e := range entries {
		ids = append(ids, e.Name())
	}
	return ids, nil
}

// confirmOwn asks before a folder is linked to a vault that was here already: a stranger's
// secr.toml, or remote, may name it to get at what another project keeps there.
func (a *app) confirmOwn(ctx context.Context, s *session) error {
	link, err := s.home.FindLink(s.project.Folder)
	linked := err == nil && link.Vault == s.vault.ID()
	if linked || s.who.token || s.who.profile.Name == "" {
		return nil
	}
	refused := exit.New(exit.Denied, "the vault %s was on this machine before, and %s is not linked to it", s.vault.ID(), s.project.Folder).
		WithHint("secr clone --yes, if this folder is to use that vault")
	if !a.term.Interactive() {
		return refused
	}
	yes, err := a.term.Confirm(ctx, term.Question{
		Text: "The vault " + s.vault.ID() + " was on this machine before. Let " + s.project.Folder + " use it, too?", Flag: "--yes",
	})
	if err == nil && !yes {
		err = refused
	}
	return err
}

// cloner is who gets the vault; nobody is enough to get it.
func (a *app) cloner(home local.Home, profile string) (who, error) {
	if w, ok := a.token(); ok {
		return w, nil
	}
	if w, ok, err := a.nobody(home); ok || err != nil {
		return w, err
	}
	return a.profile(home, a.chosenProfile(profile, ""))
}

// headWords is a head as people can compare it.
func headWords(h chain.Head) string { return keys.Words(h.Sum[:], 6) }

// fetched gets the vault of the session's project from a remote, held against the
// id and the floor of secr.toml, and against what an invite has told.
func (a *app) fetched(ctx context.Context, s *session, w way, limits remote.Limits) (*vault.Vault, error) {
	if place, err := s.home.Vault(s.project.Vault); err == nil && vault.Lost(place) {
		return nil, vault.ErrHeadLost // changes that nobody else has may be here
	}
	floor, err := s.highestFloor()
	if err != nil {
		return nil, err
	}
	return replica.Clone(ctx, replica.CloneOptions{
		Vault:     vault.Options{Home: s.home, ID: s.project.Vault, Seed: s.who.seed, Clock: a.sys.Now, Clouds: a.clouds(s)},
		Transport: a.transport(w), URL: w.url, Branch: s.branch(), Clock: a.sys.Now, Limits: limits, Floor: chain.Point(floor),
	})
}

// highestFloor is the latest change that this machine was told of: whatever descends
// from it can be held against the others once it is here.
func (s *session) highestFloor() (local.Floor, error) {
	floor := s.project.Floor
	if s.project.Vault == "" {
		return floor, nil
	}
	place, err := s.home.Vault(s.project.Vault)
	if err != nil {
		return floor, err
	}
	told, err := place.Floors()
	for _, f := range told {
		if f.Seq > floor.Seq {
			floor = f
		}
	}
	return floor, err
}

// fetchVault gets a vault that this machine hasn't got.
func (a *app) fetchVault(ctx context.Context, s *session, w way) error {
	if w.url.IsZero() {
		return exit.New(exit.NotFound, "this machine has no vault %s, which %s names", s.project.Vault, s.project.Path()).
			WithHint("secr clone ADDRESS gets it from where it is shared")
	}
	v, err := a.fetched(ctx, s, w, remote.Limits{})
	if err != nil {
		return err
	}
	v.Close()
	return nil
}

// firstUse gets the vault by itself in a fresh checkout: only where secr.toml has a
// floor, which came by code review and not from the vault's host.
func (a *app) firstUse(ctx context.Context, s *session) error {
	w, err := a.way(ctx, s, "")
	if err != nil {
		return err
	}
	a.note("secr: first use here: getting the vault from %s", w.address())
	v, err := a.fetched(ctx, s, w, remote.Limits{Time: firstTime})
	if err != nil {
		return err
	}
	v.Close()
	return nil
}
