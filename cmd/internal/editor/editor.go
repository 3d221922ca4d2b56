// Package editor gives a text to a person's own editor and takes it back, and sees to it
// that as little of it as possible stays anywhere.
//
// The text is one file (0600) in a folder of its own (0700), which lies in memory where the
// system has such a place and in the temporary folder, with a warning, where it has not.
// The folder is there only while the editor runs: whatever ends that, every file in it is
// overwritten and the folder removed, with the swap and backup files that the editor put
// beside its text. It is the editor's current folder, so that a copy written by a bare name
// goes, too, and a project's own editor settings are not found.
//
// Ctrl-C is the editor's. SIGTERM and SIGHUP to secr are passed on to it, and it has a
// moment to follow. Only kill -9 leaves the folder behind: the next edit removes it.
// What an editor keeps elsewhere (an undo history, recent files, the clipboard) can't be
// seen from here; Vim is told to keep nothing.
package editor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/secr/secr/cmd/internal/child"
	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/cmd/internal/system"
	"github.com/secr/secr/cmd/internal/term"
)

// Job is what to edit, and how.
type Job struct {
	Command Command
	System  system.System
	Output  *os.File // where the editor draws
	File    string   // the file's name, which is no secret
	Text    []byte
	Limit   int // bytes that may come back
	// Avoid is a folder in which no plain text may lie, even if it is the temporary one.
	Avoid string
	// Warn is told when the text can't lie in memory.
	Warn func(format string, args ...any)
}

// grace is how long an editor may take to end when it is told to.
const grace = 2 * time.Second

// Edit runs the editor on the text and returns what it left. When it returns, the text is
// nowhere on this machine but where the editor itself may have put it.
func (j Job) Edit(ctx context.Context) (text []byte, err error) {
	// Listen before there is anything to remove, so that no signal comes in between.
	stop := make(chan os.Signal, 8)
	signal.Notify(stop, endings()...)
	defer signal.Stop(stop)
	r, err := j.room(j.places())
	if err != nil {
		return nil, err
	}
	defer func() {
		if cerr := r.clear(); cerr != nil {
			err = errors.Join(err, exit.Wrap(cerr, "plain text is left in %s: remove it", r.folder))
		} else if err == nil && told(stop) {
			err = term.ErrInterrupted
		}
		if err != nil {
			clear(text)
			text = nil
		}
	}()
	if err := r.write(j.File, j.Text); err != nil {
		return nil, err
	}
	if err := j.run(ctx, r, stop); err != nil {
		return nil, err
	}
	return r.read(j.File, j.Limit)
}

// run starts the editor and waits for its end.
func (j Job) run(ctx context.Context, r *room, stop <-chan os.Signal) error {
	path, err := exec.LookPath(j.Command.args[0])
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return &child.StartError{
			Program: j.Command.args[0], Code: child.CodeNotFound, Reason: "not found along PATH", Advice: "EDITOR names your editor", Err: err,
		}
	}
	cmd := &exec.Cmd{
		Path: path, Args: j.Command.with(path, filepath.Join(r.folder, j.File)), Dir: r.folder, Env: j.System.Without("SECR_"),
		Stdin: j.System.Stdin, Stdout: j.Output, Stderr: j.System.Stderr,
	}
	if err := cmd.Start(); err != nil {
		return &child.StartError{Program: path, Code: child.CodeNotExecutable, Reason: "can't be started: " + err.Error(), Err: err}
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	return j.wait(ctx, cmd, ended, stop)
}

// wait passes on what tells secr to end, until the editor has ended.
func (j Job) wait(ctx context.Context, cmd *exec.Cmd, ended <-chan error, stop <-chan os.Signal) error {
	cancelled, interrupted := ctx.Done(), false
	var late <-chan time.Time
	for {
		select {
		case err := <-ended:
			if interrupted || byInterrupt(cmd.ProcessState) {
				return term.ErrInterrupted
			}
			return j.outcome(cmd, err)
		case s := <-stop:
			if typed(s) {
				continue
			}
			if cmd.Process.Signal(s) != nil {
				_ = cmd.Process.Kill() // a system without signals; or it has ended
			}
			interrupted, late = true, time.After(grace)
		case <-cancelled:
			_ = cmd.Process.Kill()
			cancelled, interrupted = nil, true
		case <-late:
			_ = cmd.Process.Kill()
		}
	}
}

// told says whether secr was told to end, by a signal that nobody has taken yet.
func told(stop <-chan os.Signal) bool {
	for {
		select {
		case s := <-stop:
			if !typed(s) {
				return true
			}
		default:
			return false
		}
	}
}

// outcome words how the editor ended.
func (j Job) outcome(cmd *exec.Cmd, err error) error {
	var ended *exec.ExitError
	if err != nil && errors.As(err, &ended) {
		return exit.New(exit.Failed, "%s ended with %s, so nothing was changed", filepath.Base(j.Command.args[0]), ended.ProcessState)
	}
	if err != nil {
		return fmt.Errorf("wait for %s: %w", cmd.Path, err)
	}
	return nil
}
