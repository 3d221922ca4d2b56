package term

import (
	"fmt"
	"time"
)

const (
	// progressAfter is how long work may take before a person is told about it.
	progressAfter = time.Second
	progressEvery = 100 * time.Millisecond
)

// Progress shows how far a long piece of work is: one line on a terminal, drawn over
// itself, and gone at the end. Work of less than a second shows nothing, and so does a
// stream that nobody looks at. Not safe for concurrent use.
type Progress struct {
	t     *Terminal
	what  string
	total int
	done  int
	next  time.Time
	shown bool
}

// Progress begins a piece of work of so many steps; total 0 means that nobody knows.
func (t *Terminal) Progress(what string, total int) *Progress {
	return &Progress{t: t, what: Clean(what), total: total, next: t.now().Add(progressAfter)}
}

// Add says that n more steps are done.
func (p *Progress) Add(n int) {
	p.done += n
	if !p.t.Err.terminal {
		return
	}
	now := p.t.now()
	if now.Before(p.next) {
		return
	}
	p.next = now.Add(progressEvery)
	p.shown = true
	text := fmt.Sprintf("%s: %d", p.what, p.done)
	if p.total > 0 {
		text = fmt.Sprintf("%s: %d of %d", p.what, p.done, p.total)
	}
	fmt.Fprint(p.t.Err, "\r\x1b[K", cut(text, p.t.Err.Width()-1))
}

// Done takes the line away.
func (p *Progress) Done() {
	if p.shown {
		fmt.Fprint(p.t.Err, "\r\x1b[K")
		p.shown = false
	}
}
