package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/cmd/internal/identity"
	"github.com/secr/secr/cmd/internal/project"
	"github.com/secr/secr/cmd/internal/term"
	memory "github.com/secr/secr/keys/session"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/local"
)

func (a *app) doctorVerb() *cli.Command {
	return verb{
		name: "doctor", short: "Find what is wrong with this machine's set-up",
		long: `Checks folders, settings, identity, keyring, git, and, in a project, the link and
the vault, in that order, and names the command that mends each finding. It
changes nothing, but that it closes folders of secr's that others could enter, and
writes and removes a file in each to see whether it can. Exit 0 when all is well, else 1.`,
		example: "secr doctor\nsecr doctor --json",
		flags: []cli.Flag{
			&cli.BoolFlag{Name: "restore-head", Usage: "write a lost or damaged head file again, after verifying the whole vault"},
			&cli.BoolFlag{Name: "restore-floors", Usage: "write a damaged floors file again, after verifying the whole vault"}, jsonFlag(),
		},
		run: func(c *cli.Context) error {
			switch {
			case c.Bool("restore-head"):
				return a.restoreHead(c.Context)
			case c.Bool("restore-floors"):
				return a.restoreFloors(c.Context)
			}
			return a.doctor(c.Context, doctorOptions{json: c.Bool("json")})
		},
	}.command()
}

type doctorOptions struct{ json bool }

type doctorJSON struct {
	Version int       `json:"version"`
	Well    bool      `json:"well"`
	Checks  []finding `json:"checks"`
}

// finding is the outcome of one check.
type finding struct {
	Check string `json:"check"`
	State string `json:"state"` // ok, note or bad
	What  string `json:"what"`
	Hint  string `json:"hint"`
}

func ok(check, format string, args ...any) finding {
	return finding{Check: check, State: "ok", What: fmt.Sprintf(format, args...)}
}

func remark(check, what, hint string) finding { return finding{check, "note", what, hint} }

// bad is a finding from an error, with the words and the hint of the table.
func bad(check string, err error) finding {
	r := exit.Of(err)
	if strings.HasPrefix(r.Hint, "secr doctor") { // which this is
		r.Hint = "nothing was changed; put that file back from a backup"
		name := ""
		if file, ok := errors.AsType[*local.FileError](err); ok {
			name = filepath.Base(file.Path)
		}
		switch {
		case errors.Is(err, fs.ErrPermission):
			r.Hint = `if it should be yours: sudo chown -R "$USER" and chmod -R u+rwX its folder; else SECR_HOME names another`
		case errors.Is(err, vault.ErrHeadLost), name == "head":
			r.Hint = "secr doctor --restore-head verifies everything and writes it again"
		case name == "floors" && errors.Is(err, local.ErrDamaged):
			r.Hint = "secr doctor --restore-floors verifies everything and writes them again"
		}
	}
	return finding{check, "bad", r.What, r.Hint}
}

func (a *app) doctor(ctx context.Context, o doctorOptions) error {
	out := doctorJSON{Version: 1, Well: true, Checks: a.examine(ctx)}
	for _, f := range out.Checks {
		out.Well = out.Well && f.State != "bad"
	}
	if o.json {
		if err := writeJSON(a.term.Out, out); err != nil {
			return err
		}
	} else {
		a.printFindings(out.Checks)
	}
	if !out.Well {
		return exit.Status(exit.Failed)
	}
	return nil
}

func (a *app) printFindings(findings []finding) {
	colours := map[string]term.Colour{"ok": term.Green, "note": term.Yellow, "bad": term.Red}
	for _, f := range findings {
		fmt.Fprintf(a.term.Out, "%s %s: %s\n", a.term.Out.Paint(colours[f.State], pad(f.State, 5)), f.Check, term.Clean(f.What))
		if f.Hint != "" {
			fmt.Fprintf(a.term.Out, "      %s\n", term.Clean(f.Hint))
		}
	}
}

// examine goes from the ground up, and stops where nothing above can stand.
func (a *app) examine(ctx context.Context) []finding {
	home, err := a.home()
	if err != nil {
		return []finding{bad("folders", err)}
	}
	out := []finding{checkFolders(home), checkSettings(home)}
	out = append(out, a.checkPrograms()...)
	identityFinding, usable := a.checkIdentity(ctx, home)
	out = append(out, identityFinding, a.checkSession())
	return append(out, a.checkProject(ctx, usable)...)
}

func checkSettings(home local.Home) finding {
	if _, err := readSettings(home); err != nil {
		return bad("settings", err)
	}
	if _, err := os.Stat(home.Settings()); err != nil {
		return ok("settings", "none, so the defaults")
	}
	return ok("settings", "%s", home.Settings())
}

func (a *app) checkPrograms() []finding {
	var out []finding
	for _, p := range []struct{ name, lack, hint string }{
		{"git", "is not installed: secr git and some remotes need it", "install git"},
		{"ssh-keygen", "is not installed: git needs it to check signatures", "install the OpenSSH client"},
	} {
		if path, err := exec.LookPath(p.name); err == nil {
			out = append(out, ok(p.name, "%s", path))
		} else {
			out = append(out, remark(p.name, p.lack, p.hint))
		}
	}
	return out
}

// checkIdentity reads the seed once, as any command would.
func (a *app) checkIdentity(ctx context.Context, home local.Home) (finding, bool) {
	w, err := a.self("")
	if errors.Is(err, identity.ErrNone) {
		return remark("identity", err.Error(), "secr login"), false
	}
	if err != nil {
		return bad("identity", err), false
	}
	seed, err := w.seed(ctx)
	if err != nil {
		return bad("identity", err), false
	}
	seed.Wipe()
	if w.token {
		return ok("identity", "a token, which beats every login"), true
	}
	return ok("identity", "%s, in %s", describePerson(w.profile), w.profile.Kept.Words()), true
}

func (a *app) checkSession() finding {
	name := fmt.Sprintf("doctor:%d", os.Getpid()) // of this process alone
	if err := memory.Put(name, []byte{1}, a.sys.Session); err != nil {
		return remark("session", "this system remembers nothing between commands", "a passphrase is asked for each time; a container may allow the keyctl system call")
	}
	if err := memory.Delete(name); err != nil {
		return bad("session", err)
	}
	return ok("session", "the kernel's keyring can remember an unlocked identity")
}

func (a *app) checkProject(ctx context.Context, usable bool) []finding {
	p, err := project.Find(a.sys.Folder)
	if errors.Is(err, project.ErrNone) {
		return []finding{remark("project", err.Error(), "secr init makes a vault for this project")}
	}
	if err != nil {
		return []finding{bad("project", err)}
	}
	out := []finding{ok("project", "%s", p.Path())}
	if !usable {
		return out
	}
	s, err := a.open(ctx)
	if err != nil {
		return append(out, bad("vault", err))
	}
	defer s.vault.Close()
	out = append(out, ok("vault", "%s at change %d, all of them verified", s.vault.ID(), s.vault.Head().Seq))
	if place, err := s.home.Vault(s.vault.ID()); err == nil {
		if _, err := place.Pins(); err != nil {
			out = append(out, bad("remote", err))
		}
	}
	out = append(out, checkMember(ctx, s))
	return append(out, checkPlain(p.Folder)...)
}

func checkMember(ctx context.Context, s *session) finding {
	me, err := s.vault.Identity(ctx)
	if err == nil && !me.Active {
		err = vault.ErrNotMember
	}
	if err != nil {
		return bad("member", err)
	}
	return ok("member", "%s, with the roles %s", me.Member.Handle, strings.Join(me.Member.Roles, ", "))
}

// checkPlain finds .env files that lie beside the vault.
func checkPlain(folder string) []finding {
	var out []finding
	for _, f := range findEnvFiles(folder) {
		out = append(out, remark("plain text", f.path+" may hold secrets", "secr import "+f.path+" --env "+f.environment+", then delete it"))
	}
	return out
}

// restoreHead writes the head file of this project's vault again.
func (a *app) restoreHead(ctx context.Context) error {
	s, err := a.locate()
	if err != nil {
		return err
	}
	head, err := vault.Restore(ctx, vault.Options{Home: s.home, ID: s.project.Vault, Clock: a.sys.Now})
	if err != nil {
		return err
	}
	a.note("the vault is at change %d again: %s", head.Seq, headWords(head))
	return nil
}

// restoreFloors writes the floors of this project's vault again.
func (a *app) restoreFloors(ctx context.Context) error {
	s, err := a.locate()
	if err != nil {
		return err
	}
	floors, err := vault.RestoreFloors(ctx, vault.Options{Home: s.home, ID: s.project.Vault, Clock: a.sys.Now})
	if errors.Is(err, os.ErrNotExist) {
		return &exit.Error{
			Code: exit.Integrity, What: "there is no vault here yet that the floors could be held against", Err: err,
			Hint: "remove the file floors in that folder, and join again with the invite's line",
		}
	}
	if err != nil {
		return err
	}
	a.note("the vault must descend from %s again, this machine's head being the last of them", count(len(floors), "change"))
	a.note("if you joined by an invite and have not synced since: join again with its line")
	return nil
}
