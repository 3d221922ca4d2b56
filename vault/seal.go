package vault

import (
	"context"
	"fmt"
	"slices"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/canonical"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/local"
	"github.com/secr/secr/vault/record"
)

// sealing is what sealing in one environment needs.
type sealing struct {
	environment       string
	epoch             uint64
	names, value, id  keys.Key
	oldNames, oldVals keys.Key // of the epoch before, when resealing
}

// secrets works out the files of a draft that changes secrets.
func (w *writer) secrets(ctx context.Context, d *Draft) error {
	open := map[string]*sealing{}
	for _, t := range d.targets {
		if open[t.environment] != nil {
			continue
		}
		s, err := w.sealing(ctx, t.environment)
		if err != nil {
			return err
		}
		open[t.environment] = s
	}
	results := make([]result, len(d.targets))
	err := parallel(len(d.targets), func(i int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		var err error
		results[i], err = w.sealTarget(open[d.targets[i].environment], d.targets[i])
		return err
	})
	if err != nil {
		return err
	}
	if moved := movedOf(results); moved != nil {
		return moved
	}
	for _, r := range results {
		if r.data == nil {
			d.report.Unchanged = append(d.report.Unchanged, r.entry)
			continue
		}
		w.files[secretPath(r.entry.Environment, r.entry.ID)] = r.data
		d.report.Written = append(d.report.Written, r.entry)
		if r.dropped != nil {
			d.report.Dropped = append(d.report.Dropped, *r.dropped)
		}
	}
	return nil
}

// result is what became of a target: no data when it already was so, or when it was
// not what the draft was made from.
type result struct {
	entry Entry
	data  []byte
	moved bool

	dropped *Entry // what was there, if the new value didn't take over all of its label
}

// sealing unlocks an environment for writing.
func (w *writer) sealing(ctx context.Context, environment string) (*sealing, error) {
	v := w.v
	if err := v.may(ctx, environment, policy.Write); err != nil {
		return nil, err
	}
	env, _ := w.base.Policy().Environment(environment)
	if env.Due {
		return nil, named(ErrDue, environment)
	}
	whole, err := v.environmentKey(ctx, environment, env.Epoch)
	if err != nil {
		return nil, err
	}
	names, err := v.namesKey(ctx, environment, env.Epoch)
	if err != nil {
		return nil, err
	}
	id, err := v.idKey(ctx, environment)
	if err != nil {
		return nil, err
	}
	return &sealing{
		environment: environment, epoch: env.Epoch,
		names: names, value: keys.ValueKey(whole), id: id,
	}, nil
}

// standing is a secret as a writer finds it.
type standing struct {
	id          string
	old         chain.Entry
	known, live bool
	label       record.Label // of a new secret where none is live
	value       keys.Secret  // where one is live
}

// standing opens what there is of a secret.
func (w *writer) standing(s *sealing, name string) (standing, error) {
	now := standing{id: keys.SecretID(s.id, name), label: record.Label{Name: name, Kind: record.Variable}}
	now.old, now.known = w.base.Secret(s.environment, now.id)
	now.live = now.known && !now.old.Deleted
	if !now.known {
		return now, nil
	}
	f, err := w.v.open(w.base, s.environment, now.id, s.names, s.id)
	if err != nil || !now.live {
		return now, err
	}
	now.label = f.Label
	now.value, err = w.v.valueUnder(s.value, f)
	return now, err
}

// sealTarget makes the record that a target asks for, unless there is one that
// says the same.
func (w *writer) sealTarget(s *sealing, t *target) (result, error) {
	if !canonical.ValidSecretName(t.name) {
		return result{}, &NameError{Name: t.name}
	}
	now, err := w.standing(s, t.name)
	if err != nil {
		return result{}, err
	}
	defer now.value.Wipe()
	label, value := now.label, now.value
	equal := t.kind != record.Delete && now.live
	if t.kind == record.Set {
		value = t.value
		if equal = now.live && now.value.Equal(value); !equal {
			label = afresh(label)
		}
	}
	dropped := label.Expires != now.label.Expires && t.meta.Expires == nil ||
		len(label.Tags) != len(now.label.Tags) && t.meta.Tags == nil
	label = t.meta.apply(label)
	gone := t.kind == record.Delete && t.expects && !now.live
	switch {
	case gone, equal && sameLabel(now.label, label):
		return result{entry: w.entry(s, now)}, nil
	case t.moved(now):
		return result{entry: w.entry(s, now), moved: true}, nil
	case t.kind != record.Set && !now.live:
		return result{}, &NoSecretError{Environment: s.environment, Name: t.name}
	}
	h := record.Header{Kind: t.kind, Epoch: s.epoch, Version: 1}
	if now.known {
		h.Version = now.old.Version + 1
		h.Before = &record.Before{Hash: now.old.Hash, Sum: now.old.Sum}
	}
	switch {
	case t.kind == record.Delete:
		label, value = now.label, keys.Secret{}
	case t.kind == record.Set && equal:
		h.Kind = record.Relabel
	}
	r, err := w.seal(s, now.id, h, now.old, label, value)
	if dropped {
		was := w.entry(s, now)
		r.dropped = &was
	}
	return r, err
}

// entry says what a writer found.
func (w *writer) entry(s *sealing, now standing) Entry {
	e := Entry{
		Environment: s.environment, ID: now.id, Label: now.label,
		Version: now.old.Version, Since: now.old.Since, Seq: now.old.Seq, Deleted: now.known && !now.live,
	}
	e.Time, e.By, e.From = w.v.origin(now.old.Since)
	return e
}

// seal writes a record and says what it is.
func (w *writer) seal(s *sealing, id string, h record.Header, old chain.Entry, label record.Label, value keys.Secret) (result, error) {
	h.Seq = w.base.Head().Seq + 1
	h.Since = old.Since
	if h.Kind == record.Set || h.Kind == record.Delete {
		h.Since = h.Seq
	}
	h.State = record.Live
	if h.Kind == record.Delete {
		h.State = record.Deleted
	}
	data, err := record.Seal(record.SealInput{
		Where: w.v.where(s.environment, id), Header: h, Label: label, Value: value,
		Names: s.names, Key: s.value,
	})
	if err != nil {
		return result{}, fmt.Errorf("%s/%s: %w", s.environment, label.Name, err)
	}
	return result{data: data, entry: Entry{
		Environment: s.environment, ID: id, Label: label, Version: h.Version,
		Since: h.Since, Seq: h.Seq, Deleted: h.State == record.Deleted,
	}}, nil
}

// reseal seals every secret of an environment that turned under its new key. What
// a record holds stays as it is, byte for byte.
func (g *governing) reseal(ctx context.Context, environment string) (int, error) {
	v, base := g.w.v, g.w.base
	was, _ := g.old.Environment(environment)
	now, _ := g.draft.Environment(environment)
	old, err := v.environmentKey(ctx, environment, was.Epoch)
	if err != nil {
		return 0, err
	}
	made := g.envs[environment]
	s := &sealing{
		environment: environment, epoch: now.Epoch, id: made.id,
		names: keys.NamesKey(made.key), value: keys.ValueKey(made.key),
		oldNames: keys.NamesKey(old), oldVals: keys.ValueKey(old),
	}
	var ids []string
	var entries []chain.Entry
	for id, e := range base.Secrets(environment) {
		ids, entries = append(ids, id), append(entries, e)
	}
	local.RoomForHeap(len(ids) * secretRoom)
	out := make([][]byte, len(ids))
	err = parallel(len(ids), func(i int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		var err error
		out[i], err = g.w.resealOne(s, ids[i], entries[i])
		return err
	})
	if err != nil {
		return 0, err
	}
	for i, e := range entries {
		g.w.files[e.Path] = out[i]
	}
	return len(ids), nil
}

func (w *writer) resealOne(s *sealing, id string, e chain.Entry) ([]byte, error) {
	f, err := w.v.open(w.base, s.environment, id, s.oldNames, s.id)
	if err != nil {
		return nil, err
	}
	var value keys.Secret
	if !e.Deleted {
		if value, err = w.v.valueUnder(s.oldVals, f); err != nil {
			return nil, err
		}
		defer value.Wipe()
	}
	return record.Seal(record.SealInput{
		Where: w.v.where(s.environment, id),
		Header: record.Header{
			Kind: record.Reseal, State: f.record.Header.State, Epoch: s.epoch, Version: e.Version,
			Seq: w.base.Head().Seq + 1, Since: e.Since, Before: &record.Before{Hash: e.Hash, Sum: e.Sum},
		},
		Label: f.Label, Value: value, Names: s.names, Key: s.value,
	})
}

func sameLabel(a, b record.Label) bool {
	return a.Kind == b.Kind && a.Note == b.Note && a.Expires == b.Expires &&
		a.RotateDays == b.RotateDays && slices.Equal(a.Tags, b.Tags)
}
