package vault

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"time"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/change"
	"github.com/secr/secr/vault/local"
	"github.com/secr/secr/vault/record"
)

// Draft collects operations for one change. Nothing is looked at before
// [Draft.Commit] or [Draft.Plan]: an operation says what shall be, not what to
// replace, so that a draft can be done on whatever head it finds.
type Draft struct {
	v       *Vault
	op      change.Op
	targets []*target
	byName  map[[2]string]*target
	edits   []func(*policy.Policy) error
	rotate  bool
	refs    []policy.KeyRef
	report  Report
	err     error // of an operation that can't be
}

// target is what one secret shall be.
type target struct {
	environment, name string
	kind              record.Kind // Set, SetLabel or Delete
	value             keys.Secret
	meta              Meta
	expects           bool
	from              *keys.Secret // nil expects none
}

// moved says whether a secret is not what the target was made from.
func (t *target) moved(now standing) bool {
	switch {
	case !t.expects:
		return false
	case t.from == nil || !now.live:
		return now.live || t.from != nil
	}
	return !now.value.Equal(*t.from)
}

// Meta is what to make of a label: nil fields stay as they are, and are empty for
// a new secret. Another value loses the expiry and the tag [RotatedTag] of the one before.
type Meta struct {
	Kind       *record.LabelKind // nil for a new secret is a variable
	Note       *string
	Expires    *int64 // Unix seconds, 0 is never
	RotateDays *int   // 0 is never
	Tags       *[]string
}

// RotatedTag on a secret says that its value was replaced where it is used, so that
// putting it back would bring a dead value.
const RotatedTag = "rotated"

// afresh is what a new value takes over of the old one's label: not what was said of the
// old value alone, its date of expiry and that it was rotated.
func afresh(l record.Label) record.Label {
	l.Expires = 0
	l.Tags = slices.DeleteFunc(slices.Clone(l.Tags), func(tag string) bool { return tag == RotatedTag })
	return l
}

// Report is what a draft did, or would do.
type Report struct {
	Written       []Entry         // secrets that were set, relabelled or deleted
	Unchanged     []Entry         // secrets that already were what they should be
	Dropped       []Entry         // as they were: what expired or was rotated, of those that got another value that isn't
	Turned        []policy.KeyRef // keys that advanced
	Resealed      int             // secrets that were sealed again
	Waiting       []Waiting       // cloud keys that could not be wrapped to
	Due           []string        // environments that must turn and could not
	Closed        []string        // handles of open invites that were closed, as who left may have known their keys
	Before, After *policy.Policy
}

// Waiting is a cloud key without access to roles, until their keys are wrapped to it.
type Waiting struct {
	ID, Key string
	Roles   []string
	Why     error // what it answered; nil if it wasn't asked now
}

// Changed says whether there was anything to do.
func (r Report) Changed() bool {
	return len(r.Written) > 0 || len(r.Turned) > 0 || r.Before != r.After
}

// Draft begins a change.
func (v *Vault) Draft() *Draft {
	d := &Draft{v: v, byName: map[[2]string]*target{}}
	rand.Read(d.op[:]) // never fails: it ends the program instead
	return d
}

// Set gives a secret a value, and what meta says to its label. The same value and
// label again is no change; the same value with another label changes the label.
func (d *Draft) Set(environment, name string, value keys.Secret, meta Meta) {
	t := d.target(environment, name)
	t.kind, t.value = record.Set, value
	t.meta.merge(meta)
}

// SetLabel changes a secret's label only.
func (d *Draft) SetLabel(environment, name string, meta Meta) {
	t := d.target(environment, name)
	if t.kind == record.Delete {
		d.err = errors.Join(d.err, &NoSecretError{Environment: environment, Name: name})
		return
	}
	if t.kind == "" {
		t.kind = record.Relabel
	}
	t.meta.merge(meta)
}

// Delete leaves a tombstone in place of a secret. Its history stays.
func (d *Draft) Delete(environment, name string) {
	t := d.target(environment, name)
	t.kind, t.value, t.meta = record.Delete, keys.Secret{}, Meta{}
}

// Expect makes [Draft.Commit] fail with a [*MovedError], and change nothing, where the
// secret has another value than from by then, and is not what is asked for either. With
// nil it expects that there is no such secret.
func (d *Draft) Expect(environment, name string, from *keys.Secret) {
	t := d.target(environment, name)
	t.expects, t.from = true, from
}

// EditPolicy changes the policy. edit is called with a draft of it, perhaps more
// than once, and says who shall be and may do what; it leaves epochs, recipients
// and commitments alone. What follows is done by [Draft.Commit]: keys turn that
// somebody lost, new ones are made, wrapped to all their holders and committed to,
// and every secret of an environment that turned is sealed again.
func (d *Draft) EditPolicy(edit func(*policy.Policy) error) { d.edits = append(d.edits, edit) }

// Rotate turns keys that nobody lost: those named, with what is wrapped to them,
// or all when none is named.
func (d *Draft) Rotate(refs ...policy.KeyRef) {
	d.rotate = true
	d.refs = append(d.refs, refs...)
	if len(refs) == 0 {
		d.EditPolicy(func(p *policy.Policy) error {
			d.refs = everyKey(p)
			return nil
		})
	}
}

func (d *Draft) target(environment, name string) *target {
	at := [2]string{environment, name}
	t, ok := d.byName[at]
	if !ok {
		t = &target{environment: environment, name: name}
		d.byName[at] = t
		d.targets = append(d.targets, t)
	}
	return t
}

// Len is how many secrets the draft is about; one that is named twice is one.
func (d *Draft) Len() int { return len(d.targets) }

func (m *Meta) merge(n Meta) {
	if n.Kind != nil {
		m.Kind = n.Kind
	}
	if n.Note != nil {
		m.Note = n.Note
	}
	if n.Expires != nil {
		m.Expires = n.Expires
	}
	if n.RotateDays != nil {
		m.RotateDays = n.RotateDays
	}
	if n.Tags != nil {
		m.Tags = n.Tags
	}
}

// apply returns a label with the fields that m names.
func (m Meta) apply(l record.Label) record.Label {
	if m.Kind != nil {
		l.Kind = *m.Kind
	}
	if m.Note != nil {
		l.Note = *m.Note
	}
	if m.Expires != nil {
		l.Expires = *m.Expires
	}
	if m.RotateDays != nil {
		l.RotateDays = *m.RotateDays
	}
	if m.Tags != nil {
		l.Tags = *m.Tags
	}
	return l
}

// Report says what the last [Draft.Commit] or [Draft.Plan] found to do.
func (d *Draft) Report() Report { return d.report }

// Commit makes the change, and returns the head that it left. It takes the vault's
// lock, reads the head again and does the operations on that; ctx bounds the wait.
// When it returns nil the change is on the disk. With nothing to do the head stays
// as it is and [Report.Changed] is false.
//
// A crash at any point leaves the old head or the new one: objects are made
// durable first, then the head file is replaced, which is the change. The Git ref
// and the snapshots follow, and are put right later when they did not.
func (d *Draft) Commit(ctx context.Context, subject string) (chain.Head, error) {
	v := d.v
	if d.err != nil {
		return chain.Head{}, d.err
	}
	lock, err := v.lock(ctx, "commit")
	if err != nil {
		return chain.Head{}, err
	}
	defer lock.Unlock()
	local.RoomForHeap(len(d.targets) * secretRoom)
	w := v.writer(v.state)
	next, err := w.commit(ctx, d, subject)
	if err != nil {
		return chain.Head{}, err
	}
	if next == v.state {
		return v.Head(), nil
	}
	if err := w.batch.Flush(ctx); err != nil {
		return chain.Head{}, err
	}
	return next.Head(), v.moveHead(ctx, next, w.files)
}

// Plan says what Commit would do on the head as it is, and writes nothing.
func (d *Draft) Plan(ctx context.Context) (Report, error) {
	if d.err != nil {
		return Report{}, d.err
	}
	if err := d.v.Refresh(ctx); err != nil {
		return Report{}, err
	}
	w := d.v.writer(d.v.state)
	if _, err := w.plan(ctx, d); err != nil {
		return Report{}, err
	}
	return d.report, nil
}

// now is the time of the clock, in Unix seconds.
func (v *Vault) now() (int64, error) {
	if v.clock == nil {
		return 0, errors.New("a change needs a clock")
	}
	return v.clock().Truncate(time.Second).Unix(), nil
}
