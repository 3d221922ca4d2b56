package app

import (
	"context"
	"os"
	"os/exec"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/cmd/internal/freshness"
	"github.com/secr/secr/sync/remote"
)

// backgroundTime bounds a fetch that nobody waits for.
const backgroundTime = 30 * time.Second

// backgroundVerb is what run starts where the user's settings have refresh.
func (a *app) backgroundVerb() *cli.Command {
	return verb{
		name: freshness.Verb, args: "start|fetch", short: "Fetch in the background", long: "Started by run when the settings have refresh; not for people.",
		example: "secr " + freshness.Verb + " start", least: 1, most: 1, hidden: true,
		run: func(c *cli.Context) error {
			if c.Args().First() == "start" {
				return a.startBackground()
			}
			return a.backgroundFetch(c.Context)
		},
	}.command()
}

// startBackground starts the fetch and leaves it.
func (a *app) startBackground() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, freshness.Verb, "fetch")
	cmd.Dir, cmd.Env = a.sys.Folder, append(a.sys.Environ(), "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=", "SSH_ASKPASS_REQUIRE=never")
	return cmd.Start()
}

// backgroundFetch pulls, and says nothing of what came of it.
func (a *app) backgroundFetch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, backgroundTime)
	defer cancel()
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	w, err := a.reachable(ctx, s, "")
	if err != nil {
		return err
	}
	_, err = a.replica(s, w, syncOptions{limits: remote.Limits{Time: backgroundTime}}).Pull(ctx)
	return err
}

// freshTime is how long --fresh waits.
const freshTime = 3 * time.Second

// fetchFirst gets what the remote has before a reading, or fails in time.
func (a *app) fetchFirst(ctx context.Context, s *session) error {
	w, err := a.reachable(ctx, s, "")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, freshTime)
	defer cancel()
	if _, err := a.replica(s, w, syncOptions{limits: remote.Limits{Time: freshTime}}).Pull(ctx); err != nil {
		return &exit.Error{Code: exit.Of(err).Code, What: "the newest state could not be had", Err: err, Hint: "without --fresh what is here is used"}
	}
	return nil
}
