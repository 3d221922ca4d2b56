package vault

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/record"
)

// Mark stands for a value where it is not shown: equal values have equal marks
// under one key, and a mark says nothing of the value to who lacks the key.
type Mark string

// markInfo derives the key of marks that colleagues share from an environment's id key.
const markInfo = "secr/1 mark"

// Short is enough of a mark for people to tell values apart.
func (m Mark) Short() string {
	if len(m) < 8 {
		return string(m)
	}
	return string(m[:8])
}

// MarkOf is the mark of a value that somebody has already.
func MarkOf(key keys.Key, value keys.Secret) Mark {
	h := hmac.New(sha256.New, key.Reveal())
	h.Write(value.Reveal())
	return Mark(hex.EncodeToString(h.Sum(nil)))
}

// Marks gives a mark of each current value of an environment, by name. With one
// key, environments and states can be compared without a value being shown, so no
// witness is told. It needs read.
func (v *Vault) Marks(ctx context.Context, environment string, key keys.Key) (map[string]Mark, error) {
	if err := v.may(ctx, environment, policy.Read); err != nil {
		return nil, err
	}
	all, err := v.records(ctx, environment, nil)
	if err != nil {
		return nil, err
	}
	out := map[string]Mark{}
	for _, f := range all {
		if f.Deleted {
			continue
		}
		value, err := v.value(ctx, f)
		if err != nil {
			return nil, err
		}
		out[f.Label.Name] = MarkOf(key, value)
		value.Wipe()
	}
	return out, nil
}

// SharedMarks is [Vault.Marks] under the environment's own key: the marks of
// [Vault.VersionMarks], the same for all colleagues.
func (v *Vault) SharedMarks(ctx context.Context, environment string) (map[string]Mark, error) {
	if err := v.may(ctx, environment, policy.Read); err != nil {
		return nil, err
	}
	idKey, err := v.idKey(ctx, environment)
	if err != nil {
		return nil, err
	}
	return v.Marks(ctx, environment, keys.Derive(idKey, markInfo))
}

// Recurring finds secrets whose current value is one that they had at some time up to
// the change until: it was put back, or set again. ids are secrets of the environment.
// It needs read, and tells no witness, since nothing is shown.
func (v *Vault) Recurring(ctx context.Context, environment string, until uint64, ids []string) (map[string]bool, error) {
	if err := v.may(ctx, environment, policy.Read); err != nil {
		return nil, err
	}
	key := keys.NewKey()
	found := make([]bool, len(ids))
	err := parallel(len(ids), func(i int) (err error) {
		found[i], err = v.recurs(ctx, environment, until, ids[i], key)
		return err
	})
	out := map[string]bool{}
	for i, id := range ids {
		if found[i] {
			out[id] = true
		}
	}
	return out, err
}

func (v *Vault) recurs(ctx context.Context, environment string, until uint64, id string, key keys.Key) (bool, error) {
	var now Mark
	again := false
	seen := map[uint64]bool{} // versions: one is in several records when it was sealed again
	err := v.walk(ctx, environment, id, func(r record.Record) (bool, error) {
		h := r.Header
		if h.State == record.Deleted {
			return now != "", nil
		}
		if now != "" && (h.Since > until || seen[h.Since]) {
			return true, nil
		}
		value, err := v.value(ctx, found{v.entry(environment, id, h, record.Label{}), r})
		if err != nil {
			return false, err
		}
		defer value.Wipe()
		mark := MarkOf(key, value)
		if now == "" {
			now, until = mark, min(until, h.Since-1)
			return true, nil
		}
		seen[h.Since] = true
		again = mark == now
		return !again, nil
	})
	return again, err
}

// VersionMarks gives a mark of each version of a secret that has a value, by its
// number. The key is the environment's own, so that colleagues see the same marks.
// It needs read, and tells no witness, since nothing is shown.
func (v *Vault) VersionMarks(ctx context.Context, environment, name string) (map[uint64]Mark, error) {
	id, err := v.named(ctx, environment, name, policy.Read)
	if err != nil {
		return nil, err
	}
	idKey, err := v.idKey(ctx, environment)
	if err != nil {
		return nil, err
	}
	key := keys.Derive(idKey, markInfo)
	out := map[uint64]Mark{}
	err = v.walk(ctx, environment, id, func(r record.Record) (bool, error) {
		if _, have := out[r.Header.Version]; have || r.Header.State == record.Deleted {
			return true, nil
		}
		f := found{v.entry(environment, id, r.Header, record.Label{Name: name}), r}
		value, err := v.value(ctx, f)
		if err != nil {
			return false, err
		}
		out[r.Header.Version] = MarkOf(key, value)
		value.Wipe()
		return true, nil
	})
	return out, err
}
