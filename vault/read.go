package vault

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/local"
	"github.com/secr/secr/vault/record"
)

// Entry is what is known of a secret besides its value.
type Entry struct {
	Environment string
	ID          string       // the secret-id
	Label       record.Label // name, kind, note, expiry, tags
	Version     uint64
	Since       uint64 // number of the change that set this value, or deleted it
	Seq         uint64 // number of the newest change of the record
	Time        int64  // of the change Since, Unix seconds
	By          string // handle of who made that change
	From        string // name of the device that it was made on
	Deleted     bool
}

// List returns the secrets of an environment, sorted by name, without those that
// were deleted. It needs list, and opens names and metadata only.
func (v *Vault) List(ctx context.Context, environment string) ([]Entry, error) {
	all, err := v.ListAll(ctx, environment)
	return slices.DeleteFunc(all, func(e Entry) bool { return e.Deleted }), err
}

// ListAll is [Vault.List] with the secrets that were deleted.
func (v *Vault) ListAll(ctx context.Context, environment string) ([]Entry, error) {
	if err := v.may(ctx, environment, policy.List); err != nil {
		return nil, err
	}
	found, err := v.records(ctx, environment, nil)
	if err != nil {
		return nil, err
	}
	out := make([]Entry, len(found))
	for i, f := range found {
		out[i] = f.Entry
	}
	slices.SortFunc(out, func(a, b Entry) int { return cmp.Compare(a.Label.Name, b.Label.Name) })
	return out, nil
}

// expired says whether the member's or the device's time is over, where there is a
// clock. It binds honest clients only: what ends reading is the next rotation.
func (v *Vault) expired(who me) bool {
	now, err := v.now()
	return err == nil && (who.Member.Expired(now) || who.Device.Expired(now))
}

// may says whether this process has a level on an environment of the newest
// state; who manages reads all. A token reads nothing after its time.
func (v *Vault) may(ctx context.Context, environment string, need policy.Level) error {
	p := v.unlocking().Policy()
	switch env, ok := p.Environment(environment); {
	case !ok:
		return named(ErrNoEnvironment, environment)
	case env.Retired:
		return v.retired(environment)
	}
	who, err := v.holder(ctx)
	if err != nil {
		if v.readsByCloud(err) && need < policy.Write && len(v.cloudRoles(environment, need)) > 0 {
			return nil
		}
		return err
	}
	if who.Device.Kind == policy.Token && v.expired(who) {
		return named(ErrExpired, who.Member.Handle)
	}
	if p.Level(who.Member.ID, environment) >= need || need < policy.Write && p.Manages(who.Member.ID) {
		return nil
	}
	return &DeniedError{Handle: who.Member.Handle, Environment: environment, Need: need}
}

// retired is the error of a retired environment. Its policy never changes again, so the
// change that made it what it is has retired it.
func (v *Vault) retired(environment string) error {
	s, path := v.unlocking(), policy.EnvironmentPath(environment)
	id, _, _ := s.File(path)
	at := sort.Search(int(s.Head().Seq), func(i int) bool { return v.fileAt(s, uint64(i)+1, path) == id })
	return &RetiredError{Environment: environment, Seq: uint64(at) + 1}
}

// found is one record of the state, its label open.
type found struct {
	Entry
	record record.Record
}

// records opens the labels of the records with these ids, or of all, in the
// order of ids.
func (v *Vault) records(ctx context.Context, environment string, ids []string) ([]found, error) {
	if ids == nil {
		for id := range v.state.Secrets(environment) {
			ids = append(ids, id)
		}
	}
	env, ok := v.state.Policy().Environment(environment)
	if !ok {
		return nil, named(ErrNoEnvironment, environment)
	}
	names, err := v.namesKey(ctx, environment, env.Epoch)
	if err != nil {
		return nil, err
	}
	id, err := v.idKey(ctx, environment)
	if err != nil {
		return nil, err
	}
	local.RoomForHeap(len(ids) * secretRoom)
	out := make([]found, len(ids))
	err = parallel(len(ids), func(i int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		var err error
		out[i], err = v.open(v.state, environment, ids[i], names, id)
		return err
	})
	return out, err
}

// secretRoom is about how many bytes of memory it takes to open a secret, or to seal one.
const secretRoom = 12 << 10

// open reads one record of a state and opens its label. A name that does not give
// the id is a lie of the change's author.
func (v *Vault) open(s *chain.State, environment, id string, names, idKey keys.Key) (found, error) {
	path := secretPath(environment, id)
	data, err := v.file(s, path)
	if err != nil {
		return found{}, err
	}
	r, err := record.Parse(data)
	if err != nil {
		return found{}, v.lie(path, 0, "it is no record", err)
	}
	label, err := r.OpenLabel(names, v.where(environment, id))
	if err != nil {
		return found{}, v.lie(path, r.Header.Seq, "its label does not open", err)
	}
	if keys.SecretID(idKey, label.Name) != id {
		return found{}, v.lie(path, r.Header.Seq, "its name is not the one that its id stands for", nil)
	}
	return found{v.entry(environment, id, r.Header, label), r}, nil
}

// value opens the value of a record.
func (v *Vault) value(ctx context.Context, f found) (keys.Secret, error) {
	whole, err := v.environmentKey(ctx, f.Environment, f.record.Header.Epoch)
	if err != nil {
		return keys.Secret{}, err
	}
	return v.valueUnder(keys.ValueKey(whole), f)
}

func (v *Vault) valueUnder(key keys.Key, f found) (keys.Secret, error) {
	value, err := f.record.OpenValue(key, v.where(f.Environment, f.ID))
	if err != nil {
		return keys.Secret{}, v.lie(secretPath(f.Environment, f.ID), f.record.Header.Seq, "its value does not open", err)
	}
	return value, nil
}

func (v *Vault) where(environment, id string) record.Where {
	return record.Where{Vault: v.ID(), Environment: environment, ID: id}
}

func secretPath(environment, id string) string {
	return fmt.Sprintf("secrets/%s/%s/%s", environment, id[:2], id)
}

// entry joins a header and a label with what the chain says of its change.
func (v *Vault) entry(environment, id string, h record.Header, label record.Label) Entry {
	e := Entry{
		Environment: environment, ID: id, Label: label, Version: h.Version,
		Since: h.Since, Seq: h.Seq, Deleted: h.State == record.Deleted,
	}
	e.Time, e.By, e.From = v.origin(h.Since)
	return e
}

// origin is when a change was made, by whom and on which device.
func (v *Vault) origin(seq uint64) (at int64, by, from string) {
	link, ok := v.state.Link(seq)
	if !ok {
		return 0, "", ""
	}
	m, d, _ := v.unlocking().Policy().Device(link.Device)
	return link.Time, m.Handle, d.Name
}

// lie is an integrity error that names the signer of the change that wrote the file.
func (v *Vault) lie(path string, seq uint64, what string, err error) error {
	_, signer, _ := v.origin(seq)
	return &IntegrityError{Path: path, Seq: seq, Signer: signer, What: what, Err: err}
}
