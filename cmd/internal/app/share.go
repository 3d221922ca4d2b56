package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/sync/joining"
	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/local"
	"github.com/secr/secr/vault/team"
)

func remoteFlag() cli.Flag {
	return &cli.StringFlag{Name: "remote", Usage: "the vault's remote, as a Git `address`"}
}

func noSyncFlag() cli.Flag {
	return &cli.BoolFlag{Name: "no-sync", Usage: "don't share the change now"}
}

// governing is one change of policy that is shared at once.
type governing struct {
	subject string // of the change
	done    string // what is said when it is made; empty is nothing
	edit    func(*policy.Policy) error
	confirm func(context.Context) error // asks before the change; nil asks nothing
	dryRun  bool
	noSync  bool
	// check fails when a change that was made and shared is not all that was wanted.
	check func(vault.Report) error
}

// govern makes a change of policy, says what followed, and shares it.
func (a *app) govern(ctx context.Context, g governing) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	w, err := a.way(ctx, s, "")
	if err != nil {
		return err
	}
	if err := a.freshen(ctx, s, w, g.noSync || g.dryRun); err != nil {
		return err
	}
	return a.governIn(ctx, s, w, g)
}

// plainly puts into words that a policy can't be, for the person who asked for it.
func plainly(err error) error {
	var refused *policy.Error
	if !errors.As(err, &refused) || !errors.Is(err, policy.ErrIncomplete) {
		return err
	}
	return &exit.Error{
		Code: exit.Denied, What: "a vault can't be so: " + refused.What,
		Hint: "give somebody else such a role first: secr member role NAME --add admin",
	}
}

// governIn is govern in an open vault.
func (a *app) governIn(ctx context.Context, s *session, w way, g governing) error {
	d := s.vault.Draft()
	d.EditPolicy(g.edit)
	if g.dryRun {
		report, err := d.Plan(ctx)
		if err != nil {
			return plainly(err)
		}
		a.reportGoverned(report)
		a.note("nothing was changed")
		return nil
	}
	if g.confirm != nil {
		// Nobody is asked about what the rules refuse.
		if _, err := d.Plan(ctx); err != nil {
			return plainly(err)
		}
		if err := g.confirm(ctx); err != nil {
			return err
		}
	}
	if _, err := d.Commit(ctx, g.subject); err != nil {
		return plainly(err)
	}
	report := d.Report()
	a.reportGoverned(report)
	if report.Changed() {
		if g.done != "" {
			a.note("%s", g.done)
		}
		if err := a.share(ctx, s, w, g.noSync); err != nil {
			return err
		}
	}
	if g.check != nil {
		return g.check(report)
	}
	return nil
}

// leave puts a request where those who manage find it.
func (a *app) leave(ctx context.Context, s *session, w way, r team.Request) error {
	name := make([]byte, 8)
	rand.Read(name) // never fails: it ends the program instead
	return joining.Leave(ctx, a.board(w), r, joining.Scratch{
		Folder: filepath.Join(s.home.Data, ".join-"+hex.EncodeToString(name)), Time: a.sys.Now().Unix(),
	})
}

// board is where requests are at a remote.
func (a *app) board(w way) joining.Place {
	return joining.Place{Transport: a.transport(w), URL: w.url}
}

// none says that there is no remote.
func (w way) none() bool { return w.url.IsZero() }

// public is the remote as an invite names it: a folder of this machine is nobody
// else's.
func (w way) public() string {
	if w.none() || w.url.Scheme() == remote.File {
		return ""
	}
	return w.url.String()
}

// freshen brings what the team has before policy is changed here, so that the change
// is made on it.
func (a *app) freshen(ctx context.Context, s *session, w way, noSync bool) error {
	if noSync {
		return nil
	}
	err := a.news(ctx, s, w)
	if err == nil {
		return nil
	}
	r := exit.Of(err)
	return &exit.Error{Code: r.Code, Err: err, Hint: strings.TrimPrefix(r.Hint+"; --no-sync makes the change on what is here", "; ")}
}

// news is what the team has. Without a remote, or offline, it is what is here.
func (a *app) news(ctx context.Context, s *session, w way) error {
	if w.none() {
		return nil
	}
	_, err := a.replica(s, w, syncOptions{}).Pull(ctx)
	switch kind := remote.KindOf(err); {
	case kind == remote.NoBranch:
		return nil
	case offline(kind):
		a.warn("the remote can't be reached; going on with what is here: %v", err)
		return nil
	}
	return err
}

// offline tells failures that say nothing about the vault.
func offline(k remote.Kind) bool {
	switch k {
	case remote.NoHost, remote.Unreachable, remote.Refused, remote.Timeout:
		return true
	}
	return false
}

// hintEvery is how often a person is told that changes wait to be shared.
const hintEvery = time.Hour

// afterWrite shares at once where the user's settings say so, or else says, once an
// hour, that something waits. Neither is a reason for the write to fail.
func (a *app) afterWrite(ctx context.Context, s *session, r vault.Report) {
	if !r.Changed() {
		return
	}
	w, err := a.way(ctx, s, "")
	if err != nil || w.url.IsZero() {
		return // a project without a remote has nothing to share; a wrong one is sync's to report
	}
	if s.settings.AutoSync {
		_ = a.share(ctx, s, w, false)
		return
	}
	mark := filepath.Join(s.vault.Local().State(), "hinted")
	if info, err := os.Stat(mark); err == nil && a.sys.Now().Sub(info.ModTime()) < hintEvery {
		return
	}
	stand, err := a.replica(s, w, syncOptions{}).Status()
	if err != nil || stand.Ahead == 0 || local.WriteFile(mark, nil) != nil {
		return
	}
	a.note("%s not yet shared: secr sync", count(int(stand.Ahead), "change"))
}
