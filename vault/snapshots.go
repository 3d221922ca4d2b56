package vault

import (
	"context"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/local"
	"github.com/secr/secr/vault/record"
	"github.com/secr/secr/vault/snapshot"
)

// EnsureSnapshot writes this machine's snapshot of an environment if it is
// missing, stale or damaged. Where policy allows none, or this process may not
// read, it does nothing.
func (v *Vault) EnsureSnapshot(ctx context.Context, environment string) error {
	if v.head != nil {
		return nil
	}
	path := v.snapshotPath(environment)
	settings, ok := v.settings(ctx, environment)
	if !ok {
		_ = os.Remove(path) // of one who could read once: a courtesy, not a protection
		return nil
	}
	root, err := v.snapshotRoot(ctx)
	if err != nil {
		return err
	}
	at := placeOf(v.state, environment)
	if _, err := snapshot.Open(path, root, at); err == nil {
		return nil
	}
	all, err := v.records(ctx, environment, nil)
	if err != nil {
		return err
	}
	if err := v.checkReseals(ctx, all); err != nil {
		return err
	}
	if len(all) > 0 {
		v.noteChecked(environment, all[0].record.Header.Epoch)
	}
	secrets, err := v.snapshotSecrets(ctx, environment, all)
	if err != nil {
		return err
	}
	defer wipe(secrets)
	file, err := snapshot.Seal(root, at, settings, secrets)
	if errors.Is(err, snapshot.ErrTooLarge) {
		return nil
	}
	if err != nil {
		return err
	}
	return v.writeCached(path, file)
}

// writeCached replaces a file in the cache folder, which people delete.
func (v *Vault) writeCached(path string, data []byte) error {
	if err := local.MakeFolder(v.local.Cache()); err != nil {
		return err
	}
	return snapshot.WriteFile(path, data)
}

func (v *Vault) snapshotPath(environment string) string {
	return snapshot.Path(v.local.Cache(), environment)
}

func (v *Vault) snapshotRoot(ctx context.Context) (keys.Key, error) {
	seed, err := v.ring.secret(ctx)
	if err != nil {
		return keys.Key{}, err
	}
	return snapshot.Root(seed), nil
}

// placeOf says where a snapshot of a state belongs.
func placeOf(s *chain.State, environment string) snapshot.Place {
	h := s.Head()
	return snapshot.Place{Vault: s.VaultID(), Environment: environment, Seq: h.Seq, Sum: h.Sum}
}

// settings is what a snapshot says besides secrets, and whether there may be one.
func (v *Vault) settings(ctx context.Context, environment string) (snapshot.Settings, bool) {
	env, ok := v.state.Policy().Environment(environment)
	if !ok || len(env.RequireKMS) > 0 || v.may(ctx, environment, policy.Read) != nil {
		return snapshot.Settings{}, false
	}
	who, err := v.holder(ctx)
	if err != nil || who.Device.Kind == policy.Token && who.Device.Expires != 0 {
		return snapshot.Settings{}, false // the fast path knows no expiry
	}
	s := snapshot.Settings{
		Device: who.device.id, Handle: who.Member.Handle, Time: v.Head().Time,
		MaxAge: env.MaxAge, RequireReason: env.RequireReason, AllowNames: env.AllowNames,
	}
	switch env.Receipts {
	case policy.ReceiptsRequired:
		s.Receipts = snapshot.ReceiptsRequired
	case policy.ReceiptsBest:
		s.Receipts = snapshot.ReceiptsBest
	}
	return s, true
}

// snapshotSecrets opens the values of live records for a snapshot.
func (v *Vault) snapshotSecrets(ctx context.Context, environment string, all []found) ([]snapshot.Secret, error) {
	var live []found
	for _, f := range all {
		if !f.Deleted {
			live = append(live, f)
		}
	}
	if len(live) == 0 {
		return nil, nil
	}
	whole, err := v.environmentKey(ctx, environment, live[0].record.Header.Epoch)
	if err != nil {
		return nil, err
	}
	key := keys.ValueKey(whole)
	out := make([]snapshot.Secret, len(live))
	err = parallel(len(live), func(i int) error {
		f := live[i]
		value, err := v.valueUnder(key, f)
		if err != nil {
			return err
		}
		out[i] = snapshot.Secret{Value: value, Entry: snapshot.Entry{
			Name: f.Label.Name, Version: f.Version, Since: f.Since,
			File: f.Label.Kind == record.File, Size: value.Len(),
		}}
		_, err = hex.Decode(out[i].ID[:], []byte(f.ID))
		return err
	})
	return out, err
}

func wipe(secrets []snapshot.Secret) {
	for _, s := range secrets {
		s.Value.Wipe()
	}
}

// moveSnapshots takes the snapshots that this machine has from one state to the
// next, so that `run` finds them fresh. paths are the files that changed, or nil
// if that is not known. A snapshot is a cache: one that can't be moved is removed,
// and written anew when it is next wanted.
func (v *Vault) moveSnapshots(ctx context.Context, old *chain.State, paths map[string][]byte) {
	if old == nil || !v.ring.unlocked() {
		return // nobody is asked for his passphrase for the sake of a cache
	}
	for _, e := range v.state.Policy().Environments() {
		path := v.snapshotPath(e.Name)
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := v.moveSnapshot(ctx, old, e.Name, paths); err != nil {
			_ = os.Remove(path)
		}
	}
}

func (v *Vault) moveSnapshot(ctx context.Context, old *chain.State, environment string, paths map[string][]byte) error {
	settings, ok := v.settings(ctx, environment)
	if !ok {
		return fs.ErrPermission
	}
	root, err := v.snapshotRoot(ctx)
	if err != nil {
		return err
	}
	path := v.snapshotPath(environment)
	from, to := placeOf(old, environment), placeOf(v.state, environment)
	ids := v.changedSecrets(old, environment, paths)
	if len(ids) == 0 {
		file, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if file, err = snapshot.Restamp(file, root, from, to, settings); err != nil {
			return err
		}
		return v.writeCached(path, file)
	}
	s, err := snapshot.Open(path, root, from)
	if err != nil {
		return err
	}
	all, err := v.records(ctx, environment, ids)
	if err != nil {
		return err
	}
	changed, err := v.snapshotSecrets(ctx, environment, all)
	if err != nil {
		return err
	}
	defer wipe(changed)
	var gone []snapshot.ID
	for _, f := range all {
		if f.Deleted {
			var id snapshot.ID
			if _, err := hex.Decode(id[:], []byte(f.ID)); err != nil {
				return err
			}
			gone = append(gone, id)
		}
	}
	file, err := s.Update(root, to, settings, changed, gone)
	if err != nil {
		return err
	}
	return v.writeCached(path, file)
}

// changedSecrets lists the secrets whose version is another in the new state. A
// reseal keeps the version, and the snapshot.
func (v *Vault) changedSecrets(old *chain.State, environment string, paths map[string][]byte) []string {
	var ids []string
	check := func(id string, now chain.Entry) {
		if was, ok := old.Secret(environment, id); !ok || was.Version != now.Version {
			ids = append(ids, id)
		}
	}
	if paths == nil {
		for id, now := range v.state.Secrets(environment) {
			check(id, now)
		}
		return ids
	}
	prefix := "secrets/" + environment + "/"
	for path := range paths {
		if len(path) > len(prefix) && path[:len(prefix)] == prefix {
			id := path[len(prefix)+3:]
			if now, ok := v.state.Secret(environment, id); ok {
				check(id, now)
			}
		}
	}
	return ids
}
