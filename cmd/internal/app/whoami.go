package app

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/cmd/internal/project"
	"github.com/secr/secr/cmd/internal/term"
	"github.com/secr/secr/keys"
	"github.com/secr/secr/vault"
)

func (a *app) whoamiVerb() *cli.Command {
	return verb{
		name: "whoami", short: "Show this machine's identity",
		long: `Shows who you are here, where the identity is kept, and, in a project, which
member and device that is in its vault. The device's fingerprint is what a
colleague compares.`,
		example: "secr whoami\nsecr whoami --json",
		flags:   []cli.Flag{&cli.StringFlag{Name: "profile", Usage: "which identity"}, jsonFlag()},
		run: func(c *cli.Context) error {
			return a.whoami(c.Context, whoamiOptions{profile: c.String("profile"), json: c.Bool("json")})
		},
	}.command()
}

type whoamiOptions struct {
	profile string
	json    bool
}

type whoamiJSON struct {
	Version int         `json:"version"`
	Profile string      `json:"profile"`
	Name    string      `json:"name"`
	Email   string      `json:"email"`
	Keyring string      `json:"keyring"`
	Vault   *memberJSON `json:"vault"`
}

type memberJSON struct {
	ID          string   `json:"id"`
	Handle      string   `json:"handle"`
	Roles       []string `json:"roles"`
	Device      string   `json:"device"`
	DeviceName  string   `json:"device_name"`
	Fingerprint string   `json:"fingerprint"`
	Active      bool     `json:"active"`
}

func (a *app) whoami(ctx context.Context, o whoamiOptions) error {
	w, err := a.self(o.profile)
	if err != nil {
		return err
	}
	out := whoamiJSON{Version: 1, Profile: w.profile.Name, Name: w.profile.Person, Email: w.profile.Email, Keyring: string(w.profile.Kept)}
	if w.token {
		out.Keyring = "token"
	}
	if o.profile == "" {
		out.Vault, err = a.membership(ctx)
	}
	if o.json && err != nil {
		return err
	}
	if o.json {
		return writeJSON(a.term.Out, out)
	}
	if w.token {
		fmt.Fprintln(a.term.Out, "the identity of SECR_TOKEN, which beats every login")
	} else {
		fmt.Fprintf(a.term.Out, "%s, kept in %s\n", term.Clean(describePerson(w.profile)), w.profile.Kept.Words())
	}
	if m := out.Vault; m != nil {
		state := ""
		if !m.Active {
			state = " (removed)"
		}
		fmt.Fprintf(a.term.Out, "in this project's vault: %s%s, with the roles %s\n", m.Handle, state, strings.Join(m.Roles, ", "))
		fmt.Fprintf(a.term.Out, "device %s, fingerprint %s\n", m.DeviceName, m.Fingerprint)
	}
	return err
}

// self is the identity outside of any project.
func (a *app) self(profile string) (who, error) {
	if w, ok := a.token(); ok && profile == "" {
		return w, nil
	}
	home, err := a.home()
	if err != nil {
		return who{}, err
	}
	return a.profile(home, a.chosenProfile(profile, ""))
}

// membership is who this is in the project's vault, nil outside of a project
// that this machine is linked to.
func (a *app) membership(ctx context.Context) (*memberJSON, error) {
	if _, err := project.Find(a.sys.Folder); errors.Is(err, project.ErrNone) {
		return nil, nil
	}
	s, err := a.open(ctx)
	if err != nil && (exit.Of(err).Code == exit.Denied || exit.Of(err).Code == exit.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer s.vault.Close()
	me, err := s.vault.Identity(ctx)
	if errors.Is(err, vault.ErrNotMember) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &memberJSON{
		ID: s.vault.ID(), Handle: me.Member.Handle, Roles: append([]string{}, me.Member.Roles...),
		Device: me.Device.ID, DeviceName: me.Device.Name, Fingerprint: fingerprint(me.Device.ID), Active: me.Active,
	}, nil
}

// fingerprint is a device's id as words that two people can compare. The id is
// a hash of both of its public keys.
func fingerprint(device string) string { return keys.Words([]byte(device), 6) }
