package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/cmd/internal/identity"
	"github.com/secr/secr/cmd/internal/project"
	"github.com/secr/secr/cmd/internal/term"
	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/local"
)

func (a *app) initVerb() *cli.Command {
	return verb{
		name: "init", short: "Make a vault for this project",
		long: `Makes a new vault with you as its founder, and writes secr.toml, which names it:
commit that file. .env files that are found here are offered for import.`,
		example: `secr init
secr init --handle ada --import`,
		flags: []cli.Flag{
			&cli.StringFlag{Name: "handle", Usage: "your name in the vault: a-z, 0-9 and -"},
			&cli.StringFlag{Name: "device", Usage: "this machine's `name` in the vault"},
			&cli.StringFlag{Name: "profile", Usage: "which identity founds it"},
			&cli.BoolFlag{Name: "import", Usage: "import the .env files that are found, without asking"},
			&cli.BoolFlag{Name: "no-import", Usage: "leave them alone, without asking"},
			&cli.BoolFlag{Name: "recovery", Usage: "make a recovery sheet, without asking (--recovery=false: none)"},
		},
		run: func(c *cli.Context) error {
			return a.initialize(c.Context, initOptions{
				handle: c.String("handle"), device: c.String("device"), profile: c.String("profile"),
				take: c.Bool("import"), leave: c.Bool("no-import"), recovery: given(c, "recovery"),
			})
		},
	}.command()
}

type initOptions struct {
	handle, device, profile string
	take, leave             bool  // .env files, instead of asking
	recovery                *bool // instead of asking
}

func (a *app) initialize(ctx context.Context, o initOptions) error {
	home, err := a.home()
	if err != nil {
		return err
	}
	if err := a.freeFolder(); err != nil {
		return err
	}
	if err := a.freeRemote(ctx, home); err != nil {
		return err
	}
	w, err := a.profile(home, a.chosenProfile(o.profile, ""))
	if err != nil {
		return err
	}
	chance := o.handle == "" && !identity.HasHandle(w.profile.Person)
	if o.handle == "" {
		o.handle = identity.Handle(w.profile.Person)
	}
	if o.device == "" {
		o.device = hostName()
	}
	for _, name := range []string{o.handle, o.device} {
		if !project.IsName(name) {
			return exit.Usagef("%q is no name: a-z, 0-9 and -, at most 32", name)
		}
	}
	v, err := vault.Init(ctx, vault.InitOptions{
		Options: vault.Options{Home: home, Seed: w.seed, Clock: a.sys.Now},
		Handle:  o.handle, Name: w.profile.Person, Email: w.profile.Email, Device: o.device,
	})
	if err != nil {
		return err
	}
	defer v.Close()
	p := project.Project{Folder: a.sys.Folder, Vault: v.ID(), Floor: local.Floor{Seq: v.Head().Seq, Sum: v.Head().Sum}}
	if err := writeProject(p); err != nil {
		return err
	}
	if err := home.SetLink(ctx, local.Link{Folder: p.Folder, Vault: p.Vault, Profile: w.profile.Name}); err != nil {
		return err
	}
	a.sayFounded(v, o.handle)
	if chance {
		a.warn("no name of yours makes a handle, so it is %s, for ever; for another one remove secr.toml now: secr init --handle NAME", o.handle)
	}
	if err := a.offerImports(ctx, p.Folder, o); err != nil {
		return err
	}
	return a.offerRecovery(ctx, o)
}

// offerRecovery makes a recovery sheet if it is wanted: until then one laptop is the
// whole vault.
func (a *app) offerRecovery(ctx context.Context, o initOptions) error {
	wanted := o.recovery != nil && *o.recovery
	if o.recovery == nil && a.term.Interactive() {
		var err error
		wanted, err = a.term.Confirm(ctx, term.Question{Text: "Make a recovery sheet now? It shows 24 words to write down"})
		if err != nil {
			return err
		}
	}
	if wanted {
		return a.recoveryCreate(ctx, true)
	}
	a.warn("this machine alone can open the vault; before you rely on it: secr recovery create, or a second manager")
	return nil
}

// freeFolder refuses a folder that has a vault. One further up is no reason:
// a part of a repository may have a vault of its own.
func (a *app) freeFolder() error {
	p, err := project.Read(a.sys.Folder)
	if err == nil {
		return exit.New(exit.Conflict, "%s names vault %s already", p.Path(), p.Vault).
			WithHint("secr link uses it; remove secr.toml to make another one")
	}
	if !errors.Is(err, project.ErrNone) {
		return err
	}
	// A vault that nothing names would be an orphan: see now whether secr.toml
	// can be written.
	probe, err := os.CreateTemp(a.sys.Folder, ".secr-*")
	if err != nil {
		return err
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		return err
	}
	above, err := project.Find(a.sys.Folder)
	if err == nil {
		a.note("%s names a vault for the folders below it; this one gets its own", above.Path())
	}
	return nil
}

// writeProject makes secr.toml, and never replaces one.
func writeProject(p project.Project) error {
	f, err := os.OpenFile(p.Path(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(p.Text())
	return errors.Join(err, f.Sync(), f.Close())
}

func (a *app) sayFounded(v *vault.Vault, handle string) {
	a.note("made vault %s with %s as its founder", v.ID(), handle)
	a.note("wrote %s: commit it", project.Name)
	a.note("in a public repository, handles, environments and the rhythm of changes can be seen; names and values can't")
}

// envFile is a .env file and the environment that its name speaks of.
type envFile struct{ path, environment string }

// findEnvFiles looks in the project's folder alone. Examples and templates
// hold no secrets.
func findEnvFiles(folder string) []envFile {
	names, err := filepath.Glob(filepath.Join(folder, ".env*"))
	if err != nil {
		return nil
	}
	var out []envFile
	for _, path := range names {
		if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
			continue
		}
		switch name := filepath.Base(path); {
		case name == ".env" || name == ".env.local" || strings.HasPrefix(name, ".env.dev"):
			out = append(out, envFile{path, "development"})
		case strings.HasPrefix(name, ".env.stag"):
			out = append(out, envFile{path, "staging"})
		case strings.HasPrefix(name, ".env.prod"):
			out = append(out, envFile{path, "production"})
		}
	}
	// .env.local beats .env, as everywhere: the later import wins.
	slices.SortFunc(out, func(x, y envFile) int { return len(x.path) - len(y.path) })
	return out
}

func (a *app) offerImports(ctx context.Context, folder string, o initOptions) error {
	for _, f := range findEnvFiles(folder) {
		name := filepath.Base(f.path)
		yes := o.take
		if !o.take && !o.leave && a.term.Interactive() {
			var err error
			yes, err = a.term.Confirm(ctx, term.Question{Text: fmt.Sprintf("Import %s into %s?", name, f.environment)})
			if err != nil {
				return err
			}
		}
		if !yes {
			if !o.leave {
				a.note("found %s: secr import %s --env %s", name, name, f.environment)
			}
			continue
		}
		if err := a.importFile(ctx, importOptions{env: f.environment, file: f.path}); err != nil {
			return err
		}
	}
	return nil
}

// replaceProject writes secr.toml anew.
func replaceProject(p project.Project) error {
	info, err := os.Lstat(p.Path())
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return exit.New(exit.Integrity, "%s is no regular file", p.Path())
	}
	return os.WriteFile(p.Path(), p.Text(), info.Mode().Perm())
}

// freeRemote refuses to found a second vault where the project's remote has one. A
// remote that can't be asked in a moment is no reason to wait: the first sync says
// the same.
func (a *app) freeRemote(ctx context.Context, home local.Home) error {
	s := &session{home: home, project: project.Project{Folder: a.sys.Folder}}
	w, err := a.way(ctx, s, "")
	if err != nil || w.url.IsZero() {
		return nil // several remotes, or none: nothing to ask
	}
	ctx, cancel := context.WithTimeout(ctx, freshTime)
	defer cancel()
	refs, err := a.transport(w).List(ctx, remote.List{URL: w.url, Refs: []string{s.branch()}, Limits: remote.Limits{Time: freshTime}})
	if err != nil {
		a.warn("%s could not be asked whether the team has a vault already; if it has, secr sync will say so", w.address())
		return nil
	}
	if _, taken := refs[s.branch()]; taken {
		return exit.New(exit.Conflict, "%s has a vault already", w.address()).WithHint("secr clone gets it, secr join asks to be let in")
	}
	return nil
}
