package vault

import (
	"context"
	"errors"
	"fmt"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/change"
	"github.com/secr/secr/vault/record"
	"github.com/secr/secr/vault/repo"
)

// Version is one version of a secret, without its value.
type Version struct {
	Entry
	Kind record.Kind // what the change did: set, label or delete
}

// History returns the versions of a secret, the newest first, also those before
// it was deleted. It reads as many records as there are, whatever the length of
// the chain: each names the one before. With list alone only the labels of the
// environment's current epoch open; the others are empty but for the name.
func (v *Vault) History(ctx context.Context, environment, name string) ([]Version, error) {
	id, err := v.named(ctx, environment, name, policy.List)
	if err != nil {
		return nil, err
	}
	var out []Version
	err = v.walk(ctx, environment, id, func(r record.Record) (bool, error) {
		if r.Header.Kind == record.Reseal {
			return true, nil
		}
		label, err := v.label(ctx, environment, id, name, r)
		if err != nil {
			return false, err
		}
		entry := v.entry(environment, id, r.Header, label)
		entry.Time, entry.By, entry.From = v.origin(r.Header.Seq) // of a label too
		out = append(out, Version{entry, r.Header.Kind})
		return true, nil
	})
	return out, err
}

// named is the id of a secret that is, or was, in the environment.
func (v *Vault) named(ctx context.Context, environment, name string, need policy.Level) (string, error) {
	if err := v.may(ctx, environment, need); err != nil {
		return "", err
	}
	idKey, err := v.idKey(ctx, environment)
	if err != nil {
		return "", err
	}
	id := keys.SecretID(idKey, name)
	if _, ok := v.state.Secret(environment, id); !ok {
		return "", &NoSecretError{Environment: environment, Name: name}
	}
	return id, nil
}

// label opens the label of an older record, as far as this process may.
func (v *Vault) label(ctx context.Context, environment, id, name string, r record.Record) (record.Label, error) {
	names, err := v.namesKey(ctx, environment, r.Header.Epoch)
	var denied *DeniedError
	if errors.As(err, &denied) {
		return record.Label{Name: name}, nil
	}
	if err != nil {
		return record.Label{}, err
	}
	label, err := r.OpenLabel(names, v.where(environment, id))
	if err != nil {
		return record.Label{}, v.lie(secretPath(environment, id), r.Header.Seq, "its label does not open", err)
	}
	if label.Name != name {
		return record.Label{}, v.lie(secretPath(environment, id), r.Header.Seq, "its name is not the one that its id stands for", nil)
	}
	return label, nil
}

// walk calls yield for the record of a secret and all before it, the newest
// first, until it returns false.
func (v *Vault) walk(ctx context.Context, environment, id string, yield func(record.Record) (bool, error)) error {
	path := secretPath(environment, id)
	data, err := v.file(v.state, path)
	if err != nil {
		return err
	}
	r, err := record.Parse(data)
	if err != nil {
		return v.lie(path, 0, "it is no record", err)
	}
	more, err := yield(r)
	if err != nil || !more {
		return err
	}
	return v.walkFrom(ctx, environment, id, r, yield)
}

// walkFrom is walk of the records before one.
func (v *Vault) walkFrom(ctx context.Context, environment, id string, r record.Record, yield func(record.Record) (bool, error)) error {
	path := secretPath(environment, id)
	for before := r.Header.Before; before != nil; before = r.Header.Before {
		if err := ctx.Err(); err != nil {
			return err
		}
		data, err := v.blob(path, before.Hash, before.Sum)
		if err != nil {
			return err
		}
		if r, err = record.Parse(data); err != nil {
			return v.lie(path, 0, "it is no record", err)
		}
		more, err := yield(r)
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// revealVersion opens one version of one secret.
func (v *Vault) revealVersion(ctx context.Context, r Request) ([]Value, error) {
	if len(r.Names) != 1 {
		return nil, errors.New("a version is of one secret")
	}
	name := r.Names[0]
	id, err := v.named(ctx, r.Environment, name, policy.Read)
	if err != nil {
		return nil, err
	}
	var out []Value
	err = v.walk(ctx, r.Environment, id, func(rec record.Record) (bool, error) {
		if rec.Header.Version != r.Version {
			return rec.Header.Version > r.Version, nil
		}
		if rec.Header.State == record.Deleted {
			return false, nil
		}
		label, err := v.label(ctx, r.Environment, id, name, rec)
		if err != nil {
			return false, err
		}
		f := found{v.entry(r.Environment, id, rec.Header, label), rec}
		value, err := v.value(ctx, f)
		out = []Value{{f.Entry, value}}
		return false, err
	})
	if err == nil && out == nil {
		err = &NoSecretError{Environment: r.Environment, Name: name, Version: r.Version}
	}
	return out, err
}

// At is the vault as the change with this number left it, for reading. What may
// be read there, and with which keys, is decided by the newest state. It verifies
// the chain from its beginning, which takes time on a long one.
func (v *Vault) At(ctx context.Context, seq uint64) (*Vault, error) {
	newest := v.unlocking()
	link, ok := newest.Link(seq)
	if !ok {
		return nil, named(ErrNoChange, fmt.Sprint(seq))
	}
	old, err := Verify(ctx, v.repo, nil, link.ID)
	if err != nil {
		return nil, err
	}
	if old.Head().Sum != link.Sum {
		return nil, named(ErrNoChange, fmt.Sprint(seq))
	}
	view := *v
	view.state, view.head = old, newest
	return &view, nil
}

// Changes goes through the changes of the state, the newest first, until yield
// returns false.
func (v *Vault) Changes(ctx context.Context, yield func(change.Change, repo.Hash) bool) error {
	for seq := v.Head().Seq; seq > 0; seq-- {
		if err := ctx.Err(); err != nil {
			return err
		}
		link, _ := v.state.Link(seq)
		raw, err := v.repo.Commit(link.ID)
		if err != nil {
			return fmt.Errorf("read change %d: %w", seq, err)
		}
		c, err := change.Parse(raw)
		if err != nil {
			return err
		}
		if !yield(c, link.ID) {
			return nil
		}
	}
	return nil
}
