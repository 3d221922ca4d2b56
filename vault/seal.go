package vault

import (
	"context"
	"fmt"
	"slices"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/canonical"
	"github.com/secr/secr/vault/chain"
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
	for _, r := range results {
		if r.data == nil {
			d.report.Unchanged = append(d.report.Unchanged, r.entry)
			continue
		}
		w.files[secretPath(r.entry.Environment, r.entry.ID)] = r.data
		d.report.Written = append(d.report.Written, r.entry)
	}
	return nil
}

// result is what became of a target: no data when it already was so.
type result struct {
	entry Entry
	data  []byte
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

// sealTarget makes the record that a target asks for, unless there is one that
// says the same.
func (w *writer) sealTarget(s *sealing, t *target) (result, error) {
	if !canonical.ValidSecretName(t.name) {
		return result{}, &NameError{Name: t.name}
	}
	id := keys.SecretID(s.id, t.name)
	old, known := w.base.Secret(s.environment, id)
	live := known && !old.Deleted
	if t.kind != record.Set && !live {
		return result{}, named(ErrNoSecret, s.environment+"/"+t.name)
	}
	h := record.Header{Kind: t.kind, Epoch: s.epoch, Version: 1}
	was := record.Label{Name: t.name, Kind: record.Variable}
	var before keys.Secret
	if known {
		f, err := w.v.open(w.base, s.environment, id, s.names, s.id)
		if err != nil {
			return result{}, err
		}
		h.Version = old.Version + 1
		h.Before = &record.Before{Hash: old.Hash, Sum: old.Sum}
		if live {
			was = f.Label
			if before, err = w.v.valueUnder(s.value, f); err != nil {
				return result{}, err
			}
			defer before.Wipe()
		}
	}
	label, value := t.meta.apply(was), before
	same := live && sameLabel(was, label)
	switch {
	case t.kind == record.Delete:
		label, value, same = was, keys.Secret{}, false
	case t.kind == record.Set:
		value = t.value
		equal := live && before.Equal(value)
		if equal {
			h.Kind = record.Relabel
		}
		same = same && equal
	}
	if same {
		e := Entry{Environment: s.environment, ID: id, Label: was, Version: old.Version, Since: old.Since, Seq: old.Seq}
		e.Time, e.By, e.From = w.v.origin(old.Since)
		return result{entry: e}, nil
	}
	return w.seal(s, id, h, old, label, value)
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
