package app

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/cmd/internal/project"
	"github.com/secr/secr/cmd/internal/term"
	"github.com/secr/secr/keys"
	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/sync/replica"
	"github.com/secr/secr/vault/local"
)

// way is where a vault is shared; the zero way is nowhere.
type way struct {
	url     remote.URL
	project string // a folder whose git settings may be lent to this remote, "" for none
	seen    *seen  // what a survey found there; nil without one
}

// address is the remote as an invite names it.
func (w way) address() string { return w.url.String() }

// way finds out where the vault of a session is shared: a flag, SECR_REMOTE, the
// user's settings, secr.toml, else the project's own remote. A host that only
// secr.toml names is confirmed once.
func (a *app) way(ctx context.Context, s *session, flag string) (way, error) {
	if text := project.Choose(flag, a.sys.Getenv("SECR_REMOTE"), s.settings.RemoteOf(s.project.Vault), ""); text != "" {
		u, err := remote.Parse(text, remote.FromUser, a.sys.Folder)
		return way{url: u, project: s.project.Folder}, err
	}
	remotes := remote.ProjectRemotes(s.project.Folder)
	if s.project.Remote == "" {
		text, err := chooseRemote(remotes)
		if err != nil || text == "" {
			return way{}, err
		}
		u, err := remote.Parse(text, remote.FromUser, s.project.Folder)
		return way{url: u, project: s.project.Folder}, err
	}
	return a.namedWay(ctx, s, s.project.Remote, remotes)
}

// chooseRemote is origin, else the only remote, else an error that lists them.
func chooseRemote(remotes map[string]string) (string, error) {
	if origin, ok := remotes["origin"]; ok || len(remotes) == 0 {
		return origin, nil
	}
	names := slices.Sorted(maps.Keys(remotes))
	if len(names) == 1 {
		return remotes[names[0]], nil
	}
	return "", exit.New(exit.Failed, "the project has the remotes %s, and none is origin", strings.Join(names, ", ")).
		WithHint("secr sync --remote ADDRESS, or remote = \"ADDRESS\" in secr.toml")
}

// namedWay is a remote that secr.toml or an invite names. Where the project itself
// has a remote of the same host and path, that one is used, with its protocol.
func (a *app) namedWay(ctx context.Context, s *session, text string, remotes map[string]string) (way, error) {
	u, err := remote.Parse(text, remote.FromProject, "")
	if err != nil {
		return way{}, err
	}
	hosts := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(remotes)) {
		own, err := remote.Parse(remotes[name], remote.FromUser, s.project.Folder)
		if err != nil {
			continue // a remote that secr can't use is nobody's concern here
		}
		if own.Place() == u.Place() {
			return way{url: own, project: s.project.Folder}, nil
		}
		hosts[own.Host()] = true
	}
	if hosts[u.Host()] {
		return way{url: u, project: s.project.Folder}, nil
	}
	return way{url: u}, a.confirmHost(ctx, s.home, u)
}

// strangeWay is a remote that an invite names.
func (a *app) strangeWay(ctx context.Context, s *session, address string) (way, error) {
	return a.namedWay(ctx, s, address, remote.ProjectRemotes(s.project.Folder))
}

const knownHostsFile = "hosts-known"

// confirmHost asks once about a host that neither the project nor the user named.
func (a *app) confirmHost(ctx context.Context, home local.Home, u remote.URL) error {
	path := filepath.Join(home.Config, knownHostsFile)
	known, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if slices.Contains(strings.Fields(string(known)), u.Host()) {
		return nil
	}
	refused := exit.New(exit.Denied, "secr.toml or an invite names the host %s, which is not the project's and was never confirmed here", u.Host()).
		WithHint("--remote %s, if you know it", u)
	if !a.term.Interactive() {
		return refused
	}
	yes, err := a.term.Confirm(ctx, term.Question{Text: "Connect to " + u.Host() + ", which secr.toml or an invite names?", What: "a yes to " + u.Host(), Flag: "--remote"})
	if err != nil {
		return err
	}
	if !yes {
		return refused
	}
	return local.WriteFile(path, append(known, u.Host()+"\n"...))
}

// transport is the way itself, with what a survey has found.
func (a *app) transport(w way) remote.Transport {
	t := a.carrier(w)
	if w.seen != nil {
		return surveyed{t, w.seen}
	}
	return t
}

// carrier is the user's git, or the transport that needs none. On a terminal git and ssh
// may ask; elsewhere only programs that the environment names for it may answer.
func (a *app) carrier(w way) remote.Transport {
	line := &transferLine{err: a.term.Err, now: a.sys.Now}
	note := func(text string) { a.note("%s", text) }
	git, err := remote.FindGit(a.sys.Getenv("PATH"))
	if err != nil {
		o := a.builtin(w, note)
		o.Progress = line.say
		return transfers{remote.NewBuiltin(o), line}
	}
	prompt := remote.PromptPrograms
	if a.term.Interactive() {
		prompt = remote.PromptTerminal
	}
	return transfers{remote.NewNative(remote.NativeOptions{
		Git: git, Environ: a.sys.Without("SECR_"), Project: w.project, Prompt: prompt, Note: note, Progress: line.say,
	}), line}
}

func (a *app) builtin(w way, note func(string)) remote.BuiltinOptions {
	ssh := filepath.Join(a.sys.Home, ".ssh")
	return remote.BuiltinOptions{Project: w.project, Note: note, SSH: remote.SSHOptions{
		User: a.sys.Getenv("USER"), Agent: a.sys.Getenv("SSH_AUTH_SOCK"), Config: filepath.Join(ssh, "config"),
		Keys:       []string{filepath.Join(ssh, "id_ed25519"), filepath.Join(ssh, "id_ecdsa"), filepath.Join(ssh, "id_rsa")},
		KnownHosts: []string{filepath.Join(ssh, "known_hosts"), "/etc/ssh/ssh_known_hosts"},
		Passphrase: a.askKeyPassphrase,
	}}
}

// branch is where the project keeps its vault on a remote.
func (s *session) branch() string {
	if s.project.Branch == "" {
		return replica.Branch
	}
	return "refs/heads/" + s.project.Branch
}

// reachable is the way to the remote, or the error of a project that has none.
func (a *app) reachable(ctx context.Context, s *session, flag string) (way, error) {
	w, err := a.way(ctx, s, flag)
	if err == nil && w.url.IsZero() {
		err = exit.New(exit.Offline, "this project has no remote yet").
			WithHint("git remote add origin ADDRESS, or secr sync --remote ADDRESS")
	}
	return w, err
}

// replica joins the session's vault and its remote.
func (a *app) replica(s *session, w way, o syncOptions) *replica.Replica {
	return replica.New(replica.Options{
		Vault: s.vault, Transport: a.transport(w), URL: w.url, Branch: s.branch(), Clock: a.sys.Now, Limits: o.limits, Decide: o.decide,
		Patience: a.sys.Patience,
	})
}

// askKeyPassphrase asks for the passphrase of an ssh key file.
func (a *app) askKeyPassphrase(ctx context.Context, file string) (keys.Secret, error) {
	return a.term.Hidden(ctx, term.Question{Text: "Passphrase of " + file, What: "the passphrase of " + file})
}
