package remote

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// invocation is one run of git.
type invocation struct {
	url       URL
	args      []string
	env       []string
	stdin     string
	limits    Limits
	maxOutput int64  // bytes of stdout
	watch     string // a folder that may not grow over limits.Bytes; empty: none
}

// Why a run was ended by us.
var (
	errIdle = errors.New("nothing moved")
	errTime = errors.New("out of time")
	errSize = errors.New("over the limit")
)

// watchPeriod is how often a run is looked at.
const watchPeriod = 50 * time.Millisecond

// answerTime is what a person may take for a question of git or ssh, during which nothing
// moves.
const answerTime = 5 * time.Minute

// run starts git and waits for it, within all limits.
func (n *Native) run(ctx context.Context, v invocation) ([]byte, error) {
	if n.o.Prompt == PromptTerminal {
		v.limits.Idle = max(v.limits.Idle, answerTime)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, v.limits.Time, errTime)
	defer cancel()
	lent := n.lend(ctx, v.url)
	pairs := append(given(n.o.Environ), lent...)
	pairs = append(pairs, v.url.login.asSettings(v.url, lent)...)
	env := append(append([]string{}, n.env...), inEnvironment(pairs)...)
	env = append(env, "GIT_ALLOW_PROTOCOL="+protocols(v.url))

	run, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	said := &transcript{progress: n.o.Progress}
	out := &capped{max: v.maxOutput, full: func() { stop(errSize) }}
	cmd := n.command(run, v.args, append(env, v.env...))
	cmd.Stdout, cmd.Stderr = out, said
	if v.stdin != "" {
		cmd.Stdin = strings.NewReader(v.stdin)
	}
	if err := cmd.Start(); err != nil {
		return nil, &Error{Kind: NoGit, URL: v.url.String(), Message: Clean(err.Error()), Err: err}
	}
	bound(cmd)
	done := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() { watch(v, said, done, stop) })
	err := cmd.Wait()
	close(done)
	watcher.Wait()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // git is done; something it left behind holds its pipes
	}
	if cause := context.Cause(run); cause != nil {
		finish(cmd)
		return nil, stopped(v, cause)
	}
	if err != nil {
		e := explain(v.url, said.lines(), out.buf.Bytes(), err)
		if e.Kind == Refused && v.url.scheme == HTTPS {
			e.Kind = reach(ctx, v.url)
		}
		return nil, e
	}
	return out.buf.Bytes(), nil
}

// start is a run whose failure nobody asks about.
func (n *Native) start(ctx context.Context, args, env []string, maxOutput int64) ([]byte, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	out := &capped{max: maxOutput, full: stop}
	cmd := n.command(ctx, args, env)
	cmd.Stdout = out
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	return out.buf.Bytes(), nil
}

func (n *Native) command(ctx context.Context, args, env []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, n.o.Git, args...)
	cmd.Env = env
	cmd.Dir = filepath.Dir(n.o.Git) // not the project: nothing there is looked up by chance
	cmd.WaitDelay = 3 * time.Second
	detach(cmd, n.o.Prompt)
	return cmd
}

// watch ends a run that grows too large or stands still.
func watch(v invocation, said *transcript, done <-chan struct{}, stop context.CancelCauseFunc) {
	tick := time.NewTicker(watchPeriod)
	defer tick.Stop()
	var seen, size int64
	quiet := time.Duration(0)
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		if v.watch != "" {
			size = treeSize(v.watch)
		}
		if size > v.limits.Bytes {
			stop(errSize)
			return
		}
		if now := said.bytes.Load() + size; now != seen {
			seen, quiet = now, 0
			continue
		}
		if quiet += watchPeriod; quiet >= v.limits.Idle {
			stop(errIdle)
			return
		}
	}
}

func stopped(v invocation, cause error) error {
	e := &Error{Kind: Interrupted, URL: v.url.String(), Err: cause}
	switch {
	case errors.Is(cause, errSize):
		return tooMuch(v.url, v.limits)
	case errors.Is(cause, errIdle), errors.Is(cause, errTime), errors.Is(cause, context.DeadlineExceeded):
		e.Kind = Timeout
	}
	return e
}

// capped is a buffer with an end.
type capped struct {
	buf  bytes.Buffer
	max  int64
	full func()
}

func (c *capped) Write(p []byte) (int, error) {
	if int64(c.buf.Len()+len(p)) > c.max {
		c.full()
		return 0, io.ErrShortWrite
	}
	return c.buf.Write(p)
}

// transcript keeps the lines that git writes to stderr, the first and the last of them,
// and passes all of them on as progress.
type transcript struct {
	progress func(string)
	bytes    atomic.Int64

	mu       sync.Mutex
	line     []byte
	returned bool // the line ended in a carriage return; a newline may follow
	kept     []string
}

const (
	maxKept     = 200 // lines
	maxKeptLine = 1000
)

func (t *transcript) Write(p []byte) (int, error) {
	t.bytes.Add(int64(len(p)))
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range p {
		if c == '\n' {
			t.end(true)
			continue
		}
		if t.returned {
			t.end(false)
		}
		if c == '\r' {
			t.returned = true
		} else if len(t.line) < maxKeptLine {
			t.line = append(t.line, c)
		}
	}
	return len(p), nil
}

// end finishes a line. Lines that end in a carriage return only count something.
func (t *transcript) end(whole bool) {
	text := string(t.line)
	t.line, t.returned = t.line[:0], false
	if text == "" {
		return
	}
	t.progress(Clean(text))
	if !whole {
		return
	}
	if len(t.kept) == maxKept {
		t.kept = append(t.kept[:maxKept/2], t.kept[maxKept/2+1:]...)
	}
	t.kept = append(t.kept, text)
}

func (t *transcript) lines() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end(true)
	return t.kept
}
