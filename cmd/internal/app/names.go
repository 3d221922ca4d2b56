package app

import (
	"context"
	"slices"

	"github.com/secr/secr/cmd/internal/fast"
	"github.com/secr/secr/cmd/internal/identity"
	"github.com/secr/secr/vault"
)

// environmentNames, handles and secretNames are for completion, which nobody waits for
// and which must not ask: they give nothing when anything stands in the way.

func (a *app) environmentNames(ctx context.Context) []string {
	s, err := a.locate()
	if err != nil {
		return nil
	}
	v, err := vault.Open(ctx, vault.Options{Home: s.home, ID: s.project.Vault})
	if err != nil {
		return nil
	}
	defer v.Close()
	var out []string
	for _, e := range v.Policy().Environments() {
		if !e.Retired {
			out = append(out, e.Name)
		}
	}
	return out
}

// handles are those of members, which need no key.
func (a *app) handles(ctx context.Context) []string {
	s, err := a.locate()
	if err != nil {
		return nil
	}
	v, err := vault.Open(ctx, vault.Options{Home: s.home, ID: s.project.Vault})
	if err != nil {
		return nil
	}
	defer v.Close()
	return slices.Sorted(v.Policy().Handles())
}

// secretNames reads the snapshot that the last command left, or the vault when
// the identity is unlocked already.
func (a *app) secretNames(ctx context.Context, typed []string) []string {
	environment := ""
	for i, w := range typed {
		if (w == "--env" || w == "-e") && i+1 < len(typed) {
			environment = typed[i+1]
		}
	}
	if names, ok := fast.Names(a.sys, environment); ok {
		return names
	}
	s, err := a.locate()
	if err != nil {
		return nil
	}
	link, err := s.home.FindLink(s.project.Folder)
	if err != nil || link.Vault != s.project.Vault {
		return nil
	}
	p, err := identity.Choose(s.home, a.chosenProfile("", link.Profile))
	if err != nil || p.Kept != identity.KeptFile || a.sys.Getenv("SECR_PASSPHRASE") == "" {
		return nil
	}
	return a.listNames(ctx, environment)
}

func (a *app) listNames(ctx context.Context, flag string) []string {
	s, err := a.open(ctx)
	if err != nil {
		return nil
	}
	defer s.vault.Close()
	environment, err := a.environment(s, flag)
	if err != nil {
		return nil
	}
	entries, err := s.vault.List(ctx, environment)
	if err != nil {
		return nil
	}
	a.refreshSnapshot(ctx, s, environment)
	var out []string
	for _, e := range entries {
		out = append(out, e.Label.Name)
	}
	return out
}
