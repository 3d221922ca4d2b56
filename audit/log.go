package audit

import (
	"container/heap"
	"context"
	"iter"

	"github.com/secr/secr/audit/receipt"
	"github.com/secr/secr/vault"
)

// Event is a change or a reading.
type Event struct {
	Time   int64 // Unix seconds, as the author or the device says
	Handle string
	Device string
	Change *Change // one of the two is nil
	Read   *Read
}

// seq is the number of the change, or of the one whose state was read.
func (e Event) seq() uint64 {
	if e.Change != nil {
		return e.Change.Seq
	}
	return e.Read.Seq
}

// LogOptions say what [Log] goes through.
type LogOptions struct {
	Filter  Filter
	Changes bool // go through the vault's changes
	// Branch has the readings that were published; nil leaves them out.
	Branch *Branch
	// Pending are readings of this machine's device that were not published yet.
	Pending []receipt.Entry
	// Skipped is told of batches that could not be opened. Nil fails with the first.
	Skipped func(*Finding)
}

func (o LogOptions) skipped(f *Finding) error {
	if o.Skipped == nil {
		return f
	}
	o.Skipped(f)
	return nil
}

// Log is changes and readings as one stream, oldest first: changes in their order,
// each device's readings in theirs, and between them by the times that they claim.
// Whatever the length, only a window of changes and two batches a device are in
// memory. Readings need audit or manage.
func Log(ctx context.Context, v *vault.Vault, o LogOptions) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		if err := stream(ctx, v, o, func(e Event) bool { return yield(e, nil) }); err != nil {
			yield(Event{}, err)
		}
	}
}

func stream(ctx context.Context, v *vault.Vault, o LogOptions, yield func(Event) bool) (err error) {
	sources, err := o.sources(ctx, v)
	if err != nil {
		return err
	}
	var m merger
	defer func() { m.stop() }()
	for _, s := range sources {
		if err := m.add(s); err != nil {
			return err
		}
	}
	for len(m) > 0 {
		e := m[0].event
		if err := m.advance(); err != nil {
			return err
		}
		if !yield(e) {
			return nil
		}
	}
	return nil
}

// sources is the streams that are merged, the changes first.
func (o LogOptions) sources(ctx context.Context, v *vault.Vault) ([]iter.Seq2[Event, error], error) {
	var out []iter.Seq2[Event, error]
	if o.Changes {
		out = append(out, changes(ctx, v, o.Filter))
	}
	f, err := o.Filter.reading(ctx, v)
	if err != nil {
		return nil, err
	}
	if o.Branch != nil && len(o.Branch.Posted) > 0 {
		if _, err := v.AuditIdentity(ctx, v.Policy().Audit().Epoch); err != nil {
			return nil, err // once, before several goroutines ask
		}
		for _, device := range byDevice(o.Branch.Posted) {
			if o.Filter.who(device[0].Handle) {
				out = append(out, readsOf(ctx, v, device, f, o.skipped))
			}
		}
	}
	if len(o.Pending) > 0 {
		out = append(out, pendingReads(v, o.Pending, f))
	}
	return out, nil
}

// head is the first event of a source that was not taken yet.
type head struct {
	event Event
	time  int64 // the event's, or that of one before it in the same source
	order int   // of the source
	next  func() (Event, error, bool)
	stop  func()
}

// merger is the heads of all sources, the earliest on top.
type merger []*head

func (m merger) Len() int { return len(m) }

func (m merger) Less(i, j int) bool {
	switch a, b := m[i], m[j]; {
	case a.time != b.time:
		return a.time < b.time
	case a.event.seq() != b.event.seq(): // a reading comes after the change whose state it read
		return a.event.seq() < b.event.seq()
	default:
		return a.order < b.order
	}
}

func (m merger) Swap(i, j int) { m[i], m[j] = m[j], m[i] }

// Push and Pop are for container/heap.
func (m *merger) Push(x any) { *m = append(*m, x.(*head)) }

// Pop takes the last one off.
func (m *merger) Pop() any {
	last := (*m)[len(*m)-1]
	*m = (*m)[:len(*m)-1]
	return last
}

// add takes in a source.
func (m *merger) add(s iter.Seq2[Event, error]) error {
	next, stop := iter.Pull2(s)
	h := &head{order: len(*m), next: next, stop: stop, time: -1 << 62}
	ok, err := h.move()
	if !ok || err != nil {
		stop()
		return err
	}
	heap.Push(m, h)
	return nil
}

// advance moves the top source on.
func (m *merger) advance() error {
	h := (*m)[0]
	ok, err := h.move()
	if err != nil {
		return err
	}
	if !ok {
		h.stop()
		heap.Pop(m)
		return nil
	}
	heap.Fix(m, 0)
	return nil
}

// move goes to the next event. Times that go back don't: an order that is proven
// counts for more than a clock.
func (h *head) move() (bool, error) {
	e, err, ok := h.next()
	if !ok || err != nil {
		return false, err
	}
	h.event, h.time = e, max(h.time, e.Time)
	return true, nil
}

func (m merger) stop() {
	for _, h := range m {
		h.stop()
	}
}
