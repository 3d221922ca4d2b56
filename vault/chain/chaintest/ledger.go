package chaintest

import (
	"encoding/binary"
	"maps"
	"slices"
	"strings"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/wrap"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/record"
)

// A Ledger knows every file of keys that a vault ever had, and what each actor ever held,
// and works out what he can open with all of that: what a policy promises is compared with
// what is possible. It knows nothing of policies and trusts no path: a wrap is tried with
// everything an actor has.
type Ledger struct {
	vault  string
	files  map[string][]byte // under keys/, by path
	actors map[string]*held
	tried  map[attempt]keys.Key // zero: it does not open
}

// An Opener opens wraps: a wrap.Identity or a wrap.Cloud.
type Opener interface {
	Unwrap(file []byte, c wrap.Context) (keys.Key, error)
}

// held is what an actor has.
type held struct {
	openers map[string]Opener                // by name
	keys    map[policy.KeyRef]byEpoch        // private keys of roles and the audit key, keys of environments and names
	shares  map[wrap.Kind]map[string]byEpoch // shares of environment keys, by environment
}

type byEpoch map[uint64]keys.Key

type attempt struct{ path, opener string }

// NewLedger is a ledger for one vault.
func NewLedger(vault string) *Ledger {
	return &Ledger{vault: vault, files: map[string][]byte{}, actors: map[string]*held{}, tried: map[attempt]keys.Key{}}
}

// Give gives an actor something that opens wraps, called by a name that is its own.
func (l *Ledger) Give(actor, name string, o Opener) {
	h := l.actors[actor]
	if h == nil {
		h = &held{openers: map[string]Opener{}, keys: map[policy.KeyRef]byEpoch{}, shares: map[wrap.Kind]map[string]byEpoch{
			wrap.RoleShare: {}, wrap.CloudShare: {},
		}}
		l.actors[actor] = h
	}
	h.openers[name] = o
}

// Actors are all who were given something.
func (l *Ledger) Actors() []string { return slices.Sorted(maps.Keys(l.actors)) }

// See takes a file of the history in.
func (l *Ledger) See(path string, data []byte) {
	if strings.HasPrefix(path, "keys/") {
		l.files[path] = data
	}
}

// Learn works out what everybody can know by now.
func (l *Ledger) Learn() error {
	paths := slices.Sorted(maps.Keys(l.files))
	for _, name := range l.Actors() {
		for again := true; again; {
			again = false
			for _, path := range paths {
				more, err := l.learnFrom(l.actors[name], path)
				if err != nil {
					return err
				}
				again = again || more
			}
		}
	}
	return nil
}

// learnFrom tries one file with all that an actor has. It says whether he learned
// something.
func (l *Ledger) learnFrom(h *held, path string) (bool, error) {
	ref, epoch, rest, ok := policy.ParseKeyPath(path)
	if !ok {
		return false, nil
	}
	switch {
	case rest == "id":
		return false, nil
	case rest == "previous" && ref.Kind == policy.EnvironmentKey:
		return l.learnPrevious(h, ref, epoch, path)
	case rest == "previous":
		return l.tryWrap(h, path, wrap.Audit, ref, epoch-1)
	case ref.Kind == policy.RoleKey:
		return l.tryWrap(h, path, wrap.Role, ref, epoch)
	case ref.Kind == policy.AuditKey:
		return l.tryWrap(h, path, wrap.Audit, ref, epoch)
	case strings.HasSuffix(rest, ".names"):
		return l.tryWrap(h, path, wrap.Names, ref, epoch)
	}
	learned := false
	for _, kind := range []wrap.Kind{wrap.Environment, wrap.RoleShare, wrap.CloudShare} {
		more, err := l.tryWrap(h, path, kind, ref, epoch)
		if err != nil {
			return false, err
		}
		learned = learned || more
	}
	return learned, nil
}

func (l *Ledger) learnPrevious(h *held, ref policy.KeyRef, epoch uint64, path string) (bool, error) {
	key, ok := h.keys[ref][epoch]
	if _, known := h.keys[ref][epoch-1]; !ok || known {
		return false, nil
	}
	ad := append([]byte("secr/1 previous\n"), keys.LP([]byte(l.vault))...)
	ad = binary.BigEndian.AppendUint64(append(ad, keys.LP([]byte(ref.Name))...), epoch)
	data, err := keys.Open(key, ad, l.files[path])
	if err != nil {
		return false, err
	}
	older, err := keys.KeyFromBytes(data)
	if err != nil {
		return false, err
	}
	h.learn(ref, epoch-1, older)
	return true, nil
}

// tryWrap tries a wrap with everything that an actor has.
func (l *Ledger) tryWrap(h *held, path string, kind wrap.Kind, ref policy.KeyRef, epoch uint64) (bool, error) {
	if kind == wrap.Names {
		ref.Kind = policy.NamesKey
	}
	if h.has(kind, ref, epoch) {
		return false, nil
	}
	for _, name := range slices.Sorted(maps.Keys(h.openers)) {
		key := l.open(name, h.openers[name], path, kind, ref, epoch)
		if key.IsZero() {
			continue
		}
		return true, l.take(h, kind, ref, epoch, key)
	}
	return false, nil
}

// open is one attempt, made once for all actors that have the same opener.
func (l *Ledger) open(name string, o Opener, path string, kind wrap.Kind, ref policy.KeyRef, epoch uint64) keys.Key {
	a := attempt{path + " " + string(kind), name}
	key, done := l.tried[a]
	if !done {
		var err error
		key, err = o.Unwrap(l.files[path], wrap.Context{Kind: kind, Vault: l.vault, Name: ref.Name, Epoch: epoch})
		if err != nil {
			key = keys.Key{}
		}
		l.tried[a] = key
	}
	return key
}

func (h *held) has(kind wrap.Kind, ref policy.KeyRef, epoch uint64) bool {
	if kind == wrap.RoleShare || kind == wrap.CloudShare {
		_, ok := h.shares[kind][ref.Name][epoch]
		return ok
	}
	_, ok := h.keys[ref][epoch]
	return ok
}

// take is what an actor does with a key that he has found.
func (l *Ledger) take(h *held, kind wrap.Kind, ref policy.KeyRef, epoch uint64, key keys.Key) error {
	switch kind {
	case wrap.RoleShare, wrap.CloudShare:
		if h.shares[kind][ref.Name] == nil {
			h.shares[kind][ref.Name] = byEpoch{}
		}
		h.shares[kind][ref.Name][epoch] = key
		role, one := h.shares[wrap.RoleShare][ref.Name][epoch]
		cloud, two := h.shares[wrap.CloudShare][ref.Name][epoch]
		if one && two {
			h.learn(ref, epoch, keys.TwoOfTwo(role, cloud))
		}
		return nil
	case wrap.Role, wrap.Audit:
		i, err := wrap.NewIdentity(key)
		if err != nil {
			return err
		}
		h.openers[i.Recipient()] = i
	}
	h.learn(ref, epoch, key)
	return nil
}

func (h *held) learn(ref policy.KeyRef, epoch uint64, key keys.Key) {
	if h.keys[ref] == nil {
		h.keys[ref] = byEpoch{}
	}
	h.keys[ref][epoch] = key
	if ref.Kind == policy.EnvironmentKey {
		h.learn(policy.KeyRef{Kind: policy.NamesKey, Name: ref.Name}, epoch, keys.NamesKey(key))
	}
}

// Knows says whether an actor can know a key of one epoch.
func (l *Ledger) Knows(actor string, ref policy.KeyRef, epoch uint64) bool {
	_, ok := l.actors[actor].keys[ref][epoch]
	return ok
}

// OpensValue tries a record with every environment key that an actor has, of any
// environment and epoch.
func (l *Ledger) OpensValue(actor string, where record.Where, data []byte) (keys.Secret, bool) {
	return tryRecord(l.actors[actor], policy.EnvironmentKey, data, func(r record.Record, k keys.Key) (keys.Secret, error) {
		return r.OpenValue(keys.ValueKey(k), where)
	})
}

// OpensLabel tries a record with every names key that an actor has.
func (l *Ledger) OpensLabel(actor string, where record.Where, data []byte) (record.Label, bool) {
	return tryRecord(l.actors[actor], policy.NamesKey, data, func(r record.Record, k keys.Key) (record.Label, error) {
		return r.OpenLabel(k, where)
	})
}

func tryRecord[T any](h *held, kind policy.KeyKind, data []byte, open func(record.Record, keys.Key) (T, error)) (T, bool) {
	var none T
	r, err := record.Parse(data)
	if err != nil {
		return none, false
	}
	for ref, epochs := range h.keys {
		if ref.Kind != kind {
			continue
		}
		for _, k := range epochs {
			if v, err := open(r, k); err == nil {
				return v, true
			}
		}
	}
	return none, false
}
