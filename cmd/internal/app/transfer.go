package app

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/secr/secr/cmd/internal/term"
	"github.com/secr/secr/sync/remote"
)

// shownAfter is how long a transfer may take before a person is told about it.
const shownAfter = time.Second

// transfers shows on a terminal what a slow transfer is doing: one line, drawn over
// itself, and gone at the end. It is a transport around another one.
type transfers struct {
	inner remote.Transport
	line  *transferLine
}

func (t transfers) List(ctx context.Context, q remote.List) (map[string]remote.Hash, error) {
	defer t.line.begin()()
	return t.inner.List(ctx, q)
}

func (t transfers) Fetch(ctx context.Context, f remote.Fetch) (remote.Hash, error) {
	defer t.line.begin()()
	return t.inner.Fetch(ctx, f)
}

func (t transfers) Push(ctx context.Context, p remote.Push) error {
	defer t.line.begin()()
	return t.inner.Push(ctx, p)
}

// transferLine is the line. What a transport says comes from other goroutines.
type transferLine struct {
	err   term.Stream
	now   func() time.Time
	mu    sync.Mutex
	after time.Time // the zero time: nothing is under way
	shown bool
}

// begin starts a transfer; what it returns ends it.
func (l *transferLine) begin() func() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.after = l.now().Add(shownAfter)
	return l.end
}

func (l *transferLine) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shown {
		fmt.Fprint(l.err, "\r\x1b[K")
	}
	l.after, l.shown = time.Time{}, false
}

// say takes a line of progress, which the transport has cleaned.
func (l *transferLine) say(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.err.Terminal() || l.after.IsZero() || l.now().Before(l.after) {
		return
	}
	l.shown = true
	if runes, width := []rune(text), l.err.Width()-1; width > 0 && len(runes) > width {
		text = string(runes[:width])
	}
	fmt.Fprint(l.err, "\r\x1b[K", text)
}
