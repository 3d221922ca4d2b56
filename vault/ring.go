package vault

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/sign"
	"github.com/secr/secr/keys/wrap"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/change"
	"github.com/secr/secr/vault/repo"
)

// ring holds the keys that were unlocked. Every key in it was checked against
// the verified state, and a key of one epoch never changes. Several goroutines may
// use it.
type ring struct {
	seed   func(context.Context) (keys.Seed, error)
	mu     sync.Mutex // of the two below
	root   keys.Seed
	device *device
	roles  shelf[atEpoch, opened]
	envs   shelf[atEpoch, keys.Key]
	names  shelf[atEpoch, keys.Key]
	ids    shelf[string, keys.Key]
	audits shelf[uint64, opened]

	calling sync.Mutex   // held while a cloud is asked for a key that several need
	cloud   atomic.Value // string: the id of the cloud key that last opened a role
}

type atEpoch struct {
	name  string
	epoch uint64
}

// shelf is a map for several goroutines.
type shelf[K comparable, V any] struct {
	mu   sync.Mutex
	kept map[K]V
}

func (s *shelf[K, V]) get(k K) (V, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.kept[k]
	return v, ok
}

func (s *shelf[K, V]) put(k K, v V) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil {
		s.kept = map[K]V{}
	}
	s.kept[k] = v
}

// opened is a role's or the audit key, and the identity that it is of.
type opened struct {
	key      keys.Key
	identity wrap.Identity
}

// device is this seed's keys in this vault.
type device struct {
	id     string
	signer sign.Signer
	age    wrap.Identity
}

// me is who this process is, able to act.
type me struct {
	Identity
	*device
}

func newRing(seed func(context.Context) (keys.Seed, error)) *ring { return &ring{seed: seed} }

// cloudKey is the id of the cloud key that opened a role, empty if none did.
func (r *ring) cloudKey() string {
	id, _ := r.cloud.Load().(string)
	return id
}

// secret returns the seed, asked for once.
func (r *ring) secret(ctx context.Context) (keys.Seed, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.secretLocked(ctx)
}

func (r *ring) secretLocked(ctx context.Context) (keys.Seed, error) {
	if !r.root.IsZero() {
		return r.root, nil
	}
	if r.seed == nil {
		return keys.Seed{}, ErrNoIdentity
	}
	seed, err := r.seed(ctx)
	if err != nil {
		return keys.Seed{}, err
	}
	if seed.IsZero() {
		return keys.Seed{}, ErrNoIdentity
	}
	r.root = seed
	return seed, nil
}

// unlocked says whether the seed was asked for before.
func (r *ring) unlocked() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.root.IsZero()
}

// own is the seed's device in the vault with this nonce.
func (r *ring) own(ctx context.Context, nonce [32]byte) (*device, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.device != nil {
		return r.device, nil
	}
	seed, err := r.secretLocked(ctx)
	if err == nil {
		r.device, err = newDevice(seed, nonce)
	}
	return r.device, err
}

// newDevice makes a seed's keys in the vault with this nonce.
func newDevice(seed keys.Seed, nonce [32]byte) (*device, error) {
	signing, opening := seed.Device(nonce)
	identity, err := wrap.NewIdentity(opening)
	if err != nil {
		return nil, err
	}
	signer := sign.NewSigner(signing)
	return &device{policy.DeviceID(signer.Public(), identity.Recipient()), signer, identity}, nil
}

// unlocking is the state that keys are unlocked from: the newest one.
func (v *Vault) unlocking() *chain.State {
	if v.head != nil {
		return v.head
	}
	return v.state
}

// me says who this process is at the newest state.
func (v *Vault) me(ctx context.Context) (me, error) {
	s := v.unlocking()
	own, err := v.ring.own(ctx, s.Founding().Nonce)
	if err != nil {
		return me{}, err
	}
	m, d, ok := s.Policy().Device(own.id)
	if !ok {
		return me{}, ErrNotMember
	}
	return me{Identity{m, d, m.Active() && d.Active()}, own}, nil
}

// holder is [Vault.me] of somebody who is not retired.
func (v *Vault) holder(ctx context.Context) (me, error) {
	who, err := v.me(ctx)
	if err == nil && !who.Active {
		return me{}, named(ErrNotMember, who.Member.Handle+" was removed")
	}
	return who, err
}

// file reads a file of a state: by its hash, and checked against the SHA-256
// that the verified chain fixes.
func (v *Vault) file(s *chain.State, path string) ([]byte, error) {
	id, sum, ok := s.File(path)
	if !ok {
		return nil, &IntegrityError{Path: path, What: "the file is missing"}
	}
	return v.blob(path, id, sum)
}

func (v *Vault) blob(path string, id [20]byte, sum [32]byte) ([]byte, error) {
	data, err := v.objects().Blob(id)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if sha256.Sum256(data) != sum {
		return nil, &IntegrityError{Path: path, What: "its bytes are not those that were signed"}
	}
	return data, nil
}

// role unlocks the current key of a role: directly, or as one who manages.
func (v *Vault) role(ctx context.Context, name string) (opened, error) {
	s := v.unlocking()
	p := s.Policy()
	role, ok := p.Role(name)
	if !ok {
		return opened{}, fmt.Errorf("no role %q", name)
	}
	ref := policy.KeyRef{Kind: policy.RoleKey, Name: name}
	at := atEpoch{name, role.Epoch}
	if o, ok := v.ring.roles.get(at); ok {
		return o, nil
	}
	who, err := v.holder(ctx)
	if v.readsByCloud(err) {
		return v.cloudRole(ctx, role, err)
	}
	if err != nil {
		return opened{}, err
	}
	path, opener := policy.KeyFolder(ref, role.Epoch)+who.device.id+".age", who.age
	if !who.Member.Has(name) {
		managing, ok := managingRole(p, who.Member)
		if !ok {
			return opened{}, &DeniedError{Handle: who.Member.Handle, Manage: true}
		}
		m, err := v.role(ctx, managing)
		if err != nil {
			return opened{}, err
		}
		path, opener = policy.KeyFolder(ref, role.Epoch)+"@"+managing+".age", m.identity
	}
	key, err := v.unwrap(s, path, opener, wrap.Context{Kind: wrap.Role, Vault: v.ID(), Name: name, Epoch: role.Epoch})
	if err != nil {
		return opened{}, err
	}
	o, err := v.pair(path, key, role.Recipient)
	if err == nil {
		v.ring.roles.put(at, o)
	}
	return o, err
}

// pair makes the identity of a key that was unwrapped, and checks it against the
// recipient in the policy.
func (v *Vault) pair(path string, key keys.Key, recipient string) (opened, error) {
	identity, err := wrap.NewIdentity(key)
	if err != nil {
		return opened{}, err
	}
	if identity.Recipient() != recipient {
		return opened{}, v.blame(path, "it holds another key than the policy says", nil)
	}
	return opened{key, identity}, nil
}

// audit unlocks the current key of the receipts.
func (v *Vault) audit(ctx context.Context) (opened, error) {
	s := v.unlocking()
	a := s.Policy().Audit()
	if o, ok := v.ring.audits.get(a.Epoch); ok {
		return o, nil
	}
	who, err := v.holder(ctx)
	if err != nil {
		return opened{}, err
	}
	for _, name := range who.Member.Roles {
		r, ok := s.Policy().Role(name)
		if !ok || !r.Active() || !r.Manage && !r.Audit {
			continue
		}
		o, err := v.role(ctx, name)
		if err != nil {
			return opened{}, err
		}
		path := policy.KeyFolder(policy.KeyRef{Kind: policy.AuditKey}, a.Epoch) + name + ".age"
		key, err := v.unwrap(s, path, o.identity, wrap.Context{Kind: wrap.Audit, Vault: v.ID(), Epoch: a.Epoch})
		if err != nil {
			return opened{}, err
		}
		if o, err = v.pair(path, key, a.Recipient); err == nil {
			v.ring.audits.put(a.Epoch, o)
		}
		return o, err
	}
	return opened{}, &DeniedError{Handle: who.Member.Handle, Audit: true}
}

// managingRole is a role of the member that manages.
func managingRole(p *policy.Policy, m policy.Member) (string, bool) {
	for _, name := range m.Roles {
		if r, ok := p.Role(name); ok && r.Active() && r.Manage {
			return name, true
		}
	}
	return "", false
}

func (v *Vault) unwrap(s *chain.State, path string, opener wrap.Identity, c wrap.Context) (keys.Key, error) {
	data, err := v.file(s, path)
	if err != nil {
		return keys.Key{}, err
	}
	key, err := opener.Unwrap(data, c)
	if err != nil {
		return keys.Key{}, v.blame(path, "the wrap does not open for its holder", err)
	}
	return key, nil
}

// blame is an integrity error about a file of the newest state. It names the
// change that brought the file, found by going back through the trees.
func (v *Vault) blame(path, what string, err error) error {
	e := &IntegrityError{Path: path, What: what, Err: err}
	s := v.unlocking()
	id, _, ok := s.File(path)
	for seq := s.Head().Seq; ok && seq > 0; seq-- {
		if seq > 1 && v.fileAt(s, seq-1, path) == id {
			continue
		}
		link, _ := s.Link(seq)
		m, _, _ := s.Policy().Device(link.Device)
		e.Seq, e.Signer = seq, m.Handle
		break
	}
	return e
}

// fileAt is the blob at a path in the tree of an earlier change; zero when there
// is none, or when it can't be read.
func (v *Vault) fileAt(s *chain.State, seq uint64, path string) repo.Hash {
	link, _ := s.Link(seq)
	raw, err := v.objects().Commit(link.ID)
	if err != nil {
		return repo.Hash{}
	}
	c, err := change.Parse(raw)
	if err != nil {
		return repo.Hash{}
	}
	at := repo.Hash(c.Tree)
	for _, name := range strings.Split(path, "/") {
		entries, err := v.objects().Tree(at)
		if err != nil {
			return repo.Hash{}
		}
		i := slices.IndexFunc(entries, func(e repo.Entry) bool { return e.Name == name })
		if i < 0 {
			return repo.Hash{}
		}
		at = entries[i].Hash
	}
	return at
}
