package app

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/keys"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/sync/joining"
	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/sync/replay"
	"github.com/secr/secr/sync/replica"
)

// syncOptions are those of sync, push and pull.
type syncOptions struct {
	remote               string
	ours, theirs, ask    bool
	readers              []string // who may read what was written before they could
	repair               bool
	keepOurs, keepTheirs bool
	json                 bool
	pull                 bool // publishes nothing, no receipt either
	limits               remote.Limits
	decide               func(replay.Question) replay.Decision
	before               *policy.Policy // before the sync
}

func (a *app) syncVerb() *cli.Command {
	return verb{
		name: "sync", short: "Share changes with the team's remote, and get theirs",
		long: `Fetches, checks every change, makes local ones again on top, pushes, and remembers
what was seen. Different secrets never conflict. Where the same secret was changed on
both sides nothing is published until --ours, --theirs or --ask decides; the other
version stays in history. --repair puts the last valid head back on a branch that
somebody spoiled, and keeps the proof.`,
		example: "secr sync\nsecr sync --ask\nsecr sync --repair",
		flags: []cli.Flag{
			remoteFlag(),
			&cli.BoolFlag{Name: "ours", Usage: "in a conflict, the version made here becomes the current one"},
			&cli.BoolFlag{Name: "theirs", Usage: "in a conflict, the version of the others stays the current one"},
			&cli.BoolFlag{Name: "ask", Usage: "ask about each conflict"},
			&cli.StringSliceFlag{Name: "readers", Usage: "share also where these new readers, by `handle`, can read it now (comma or repeated)"},
			&cli.BoolFlag{Name: "repair", Usage: "put a spoiled branch right"},
			&cli.BoolFlag{Name: "keep-ours", Usage: "with --repair of a fork: keep what this machine has seen"},
			&cli.BoolFlag{Name: "keep-theirs", Usage: "with --repair of a fork: take over what the remote shows"},
			jsonFlag(),
		},
		run: func(c *cli.Context) error {
			return a.sync(c.Context, syncOptions{
				remote: c.String("remote"), ours: c.Bool("ours"), theirs: c.Bool("theirs"), ask: c.Bool("ask"), json: c.Bool("json"),
				readers: commas(c.StringSlice("readers")),
				repair:  c.Bool("repair"), keepOurs: c.Bool("keep-ours"), keepTheirs: c.Bool("keep-theirs"),
			})
		},
	}.command()
}

func (a *app) pushVerb() *cli.Command {
	return verb{
		name: "push", short: "Share local changes; stops at any conflict", long: "As secr sync, without a way to decide conflicts.", example: "secr push",
		flags: []cli.Flag{remoteFlag(), jsonFlag()},
		run: func(c *cli.Context) error {
			return a.sync(c.Context, syncOptions{remote: c.String("remote"), json: c.Bool("json")})
		},
	}.command()
}

func (a *app) pullVerb() *cli.Command {
	return verb{
		name: "pull", short: "Get the team's changes; publishes nothing", long: "Local changes are made again on top of what came, and stay here.", example: "secr pull",
		flags: []cli.Flag{remoteFlag(), jsonFlag()},
		run: func(c *cli.Context) error {
			return a.pull(c.Context, syncOptions{remote: c.String("remote"), json: c.Bool("json"), pull: true})
		},
	}.command()
}

func (o syncOptions) check() error {
	n := 0
	for _, yes := range []bool{o.ours, o.theirs, o.ask, o.repair} {
		if yes {
			n++
		}
	}
	if n > 1 || o.keepOurs && o.keepTheirs {
		return exit.Usagef("--ours, --theirs, --ask and --repair exclude each other")
	}
	if (o.keepOurs || o.keepTheirs) && !o.repair {
		return exit.Usagef("--keep-ours and --keep-theirs go with --repair")
	}
	return nil
}

func (a *app) sync(ctx context.Context, o syncOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	w, err := a.reachable(ctx, s, o.remote)
	if err != nil {
		return err
	}
	if o.repair {
		return a.repair(ctx, s, w, o)
	}
	o.before = s.vault.Policy()
	return a.syncWith(ctx, s, a.survey(ctx, s, w), o)
}

// syncWith syncs, decides what it can, and tells the rest.
func (a *app) syncWith(ctx context.Context, s *session, w way, o syncOptions) error {
	if o.decide == nil {
		o.decide = o.decideByFlags
	}
	result, err := a.replica(s, w, o).Sync(ctx)
	var undecided *replica.UndecidedError
	if errors.As(err, &undecided) {
		key := keys.NewKey()
		if !o.ask {
			a.showUndecided(ctx, s, undecided, key)
			return &exit.Error{Code: exit.Conflict, Err: err, What: "nothing was published", Hint: undecidedHint(undecided)}
		}
		answers, err := a.askAll(ctx, s, undecided, key)
		if err != nil {
			return err
		}
		// What is new since then is another question, and is asked too.
		before := o.decide
		o.decide = func(q replay.Question) replay.Decision {
			if answer, ok := answers[q]; ok {
				return answer
			}
			return before(q)
		}
		return a.syncWith(ctx, s, w, o)
	}
	if err != nil {
		return err
	}
	return a.sayResult(ctx, s, w, result, o)
}

// decideByFlags answers what the flags answer. Nobody becomes a reader of what was written
// for others unless he is named.
func (o syncOptions) decideByFlags(q replay.Question) replay.Decision {
	switch {
	case q.Readers != "":
		for name := range strings.SplitSeq(q.Names, ", ") {
			if !slices.Contains(o.readers, name) {
				return replay.Undecided
			}
		}
		return replay.Ours
	case o.ours:
		return replay.Ours
	case o.theirs:
		return replay.TheirsWin
	}
	return replay.Undecided
}

// commas splits what was given as one and what was given several times alike.
func commas(values []string) []string {
	var out []string
	for _, v := range values {
		for name := range strings.SplitSeq(v, ",") {
			if name = strings.TrimSpace(name); name != "" {
				out = append(out, name)
			}
		}
	}
	return out
}

// undecidedHint names the flags that would decide.
func undecidedHint(u *replica.UndecidedError) string {
	var readers []string
	others := false
	for _, step := range u.Plan.Steps {
		for _, q := range step.Questions() {
			if q.Readers == "" {
				others = true
				continue
			}
			for name := range strings.SplitSeq(q.Names, ", ") {
				if !slices.Contains(readers, name) {
					readers = append(readers, name)
				}
			}
		}
	}
	switch {
	case len(readers) == 0 && !others:
		return ""
	case len(readers) == 0:
		return "secr sync --ours, --theirs or --ask decides; the other version stays in history"
	}
	hint := "secr sync --readers " + strings.Join(readers, ",") + " shares it with them; secr sync --ask asks"
	if others {
		hint = "secr sync --ask asks about each"
	}
	return hint
}

func (a *app) pull(ctx context.Context, o syncOptions) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	w, err := a.reachable(ctx, s, o.remote)
	if err != nil {
		return err
	}
	o.before = s.vault.Policy()
	result, err := a.replica(s, w, o).Pull(ctx)
	var undecided *replica.UndecidedError
	if errors.As(err, &undecided) {
		a.showUndecided(ctx, s, undecided, keys.NewKey())
		return &exit.Error{Code: exit.Conflict, Err: err, Hint: undecidedHint(undecided)}
	}
	if err != nil {
		return err
	}
	return a.sayResult(ctx, s, w, result, o)
}

type syncJSON struct {
	Version  int         `json:"version"`
	Remote   string      `json:"remote"`
	Received uint64      `json:"received"`
	Sent     uint64      `json:"sent"`
	Done     int         `json:"done"`
	Created  bool        `json:"created"`
	Head     uint64      `json:"head"`
	Aside    []asideJSON `json:"aside"`
}

func (a *app) sayResult(ctx context.Context, s *session, w way, r replica.Result, o syncOptions) error {
	a.shareReceipts(ctx, s, w, o.pull)
	for _, aside := range r.Aside {
		a.warn("change %q was set aside: %s (secr status shows it)", aside.Subject, aside.Reason)
	}
	if o.json {
		return writeJSON(a.term.Out, syncJSON{
			Version: 1, Remote: w.address(), Received: r.Received, Sent: r.Sent, Done: r.Done, Created: r.Created, Head: r.Head.Seq, Aside: describeAside(r.Aside),
		})
	}
	switch {
	case r.Created:
		a.note("shared %s at %s, on the branch %s", count(int(r.Sent), "change"), w.address(), s.branch())
	case r.Sent == 0 && r.Received == 0:
		a.note("up to date with %s", w.address())
	default:
		a.note("received %s, shared %s", count(int(r.Received), "change"), count(int(r.Sent), "change"))
	}
	if o.before != nil && r.Received > 0 {
		a.showShifts(o.before, s.vault.Policy(), 10)
	}
	return a.sayAfterSync(ctx, s, w)
}

func (a *app) repair(ctx context.Context, s *session, w way, o syncOptions) error {
	keep := replica.KeepNothing
	switch {
	case o.keepOurs:
		keep = replica.KeepOurs
	case o.keepTheirs:
		keep = replica.KeepTheirs
	}
	done, err := a.replica(s, w, o).Repair(ctx, keep)
	if err != nil {
		return err
	}
	a.note("put change %d back on the branch", done.Now.Seq)
	if done.Bad != nil {
		a.note("what was wrong: %s: %s", done.Bad.Kind, done.Bad.Err)
		if done.Bad.Evidence != "" {
			a.note("the proof is kept: secr git log %s", done.Bad.Evidence)
		}
	}
	return nil
}

// share brings changes to the team that are worth nothing, or less than that, as
// long as nobody else has them. Without a remote it says so and is content.
func (a *app) share(ctx context.Context, s *session, w way, noSync bool) error {
	if w.url.IsZero() {
		return nil
	}
	if noSync {
		a.note("share it: secr sync")
		return nil
	}
	if err := a.shareNow(ctx, s, w); err != nil {
		a.warn("the change is made and not shared yet: %s", err)
		a.note("share it: secr sync")
	}
	return nil
}

// shareNow is share for what must not stay here.
func (a *app) shareNow(ctx context.Context, s *session, w way) error {
	if _, err := a.replica(s, w, syncOptions{}).Sync(ctx); err != nil {
		return err
	}
	a.note("shared with %s", w.address())
	return nil
}

// firstTime bounds the one wait for a network that run may have.
const firstTime = 10 * time.Second

// sayAfterSync looks who waits, and says so.
func (a *app) sayAfterSync(ctx context.Context, s *session, w way) error {
	who, err := s.vault.Identity(ctx)
	if err != nil || !s.vault.Policy().Manages(who.Member.ID) {
		return nil // who can't admit isn't told
	}
	found, err := joining.Look(ctx, a.board(w), s.vault)
	if err != nil {
		a.warn("who asks to join could not be seen: %s", err)
		return nil
	}
	a.sayWaiting(s, found)
	return nil
}
