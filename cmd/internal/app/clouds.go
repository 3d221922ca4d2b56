package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/secr/secr/cmd/internal/clouds"
	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/cmd/internal/fast"
	"github.com/secr/secr/cmd/internal/identity"
	"github.com/secr/secr/cmd/internal/settings"
	"github.com/secr/secr/cmd/internal/term"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/local"
)

// clouds is the session's way to cloud keys. Building it starts nothing.
func (a *app) clouds(s *session) *clouds.Clouds { return a.cloudsOf(s.home, s.settings) }

func (a *app) cloudsOf(home local.Home, chosen settings.Settings) *clouds.Clouds {
	c := &clouds.Clouds{
		Executable: executable(), Version: version(), Environ: a.sys.Without("SECR_"),
		Settings: chosen.Clouds, Allowed: func() []string { return a.allowedClouds(home) },
	}
	if a.term.Interactive() {
		c.Ask = func(ctx context.Context, scope string, key policy.CloudKey) (bool, error) {
			yes, err := a.term.Confirm(ctx, term.Question{
				Text: "Let secr call " + scope + " for the key " + key.Key + "?", What: "a yes to calling " + scope, Flag: "SECR_CLOUD_ALLOW",
			})
			if err != nil || !yes {
				return false, err
			}
			return true, rememberCloud(home, scope)
		}
	}
	return c
}

// executable is this program's own path, beside which the helper lies.
func executable() string {
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

const allowedCloudsFile = "clouds-allowed"

// allowedClouds is what SECR_CLOUD_ALLOW names and what a person said yes to.
func (a *app) allowedClouds(home local.Home) []string {
	var out []string
	remembered, err := os.ReadFile(filepath.Join(home.Config, allowedCloudsFile))
	if err != nil {
		remembered = nil // not there: nothing was allowed
	}
	for _, text := range strings.FieldsFunc(a.sys.Getenv("SECR_CLOUD_ALLOW")+"\n"+string(remembered), func(r rune) bool { return r == ',' || r == '\n' }) {
		if text = strings.TrimSpace(text); settings.IsScope(text) {
			out = append(out, text)
		}
	}
	return out
}

// rememberCloud allows a scope on this machine from now on.
func rememberCloud(home local.Home, scope string) error {
	path := filepath.Join(home.Config, allowedCloudsFile)
	have, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for line := range strings.Lines(string(have)) {
		if strings.TrimSpace(line) == scope {
			return nil
		}
	}
	return local.WriteFile(path, append(have, scope+"\n"...))
}

// nobody is a process on a machine where no one ever logged in: it has no
// identity that a hostile folder could use, so its folder needs no link, and it
// can read by cloud keys alone.
func (a *app) nobody(home local.Home) (who, bool, error) {
	if a.sys.Getenv("SECR_IDENTITY") != "" {
		return who{}, false, nil
	}
	all, err := identity.List(home)
	if err != nil || len(all) > 0 {
		return who{}, false, err
	}
	return who{kept: &fast.Keys{}}, true, nil
}

// noCloudKey is the error of a name that the policy doesn't have.
func noCloudKey(name string) *exit.Error {
	return exit.New(exit.NotFound, "no cloud key %q", name).WithHint("secr kms ls")
}
