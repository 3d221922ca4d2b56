// Package chaintest builds chains of changes for tests, with real keys, real wraps and
// real signatures.
//
// A World is a vault together with every private key that there ever was in it, so it
// can make whatever change a test asks for, honest or not: take a Draft of an honest
// change, spoil it, and ask Judge for the verdict. It knows the formats by itself and
// works out git trees in its own way, so that a mistake in package chain is no mistake
// here.
package chaintest

import (
	"bytes"
	"crypto/rand"
	"maps"
	"slices"
	"testing"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/sign"
	"github.com/secr/secr/keys/wrap"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/change"
)

// Start is the time of a vault's first change. Each one after it is a minute later.
const Start = 1767225600

// An Actor is a device and whoever holds it.
type Actor struct {
	Handle   string
	Seed     keys.Seed
	Signer   sign.Signer
	Identity wrap.Identity
	Device   policy.Device
}

// Member is the actor as a new person with these roles.
func (a *Actor) Member(roles ...string) policy.Member {
	slices.Sort(roles)
	return policy.Member{ID: a.Device.ID, Handle: a.Handle, Kind: policy.Person, Roles: roles, Devices: []policy.Device{a.Device}}
}

// A Signed change is what a remote would serve.
type Signed struct {
	ID      [20]byte
	Raw     []byte
	Touched []chain.Touched
}

// A World is a vault and all that is secret in it. State and Changes are what Commit
// made of it; a test may look back at any of them.
type World struct {
	t        testing.TB
	Founding policy.Founding
	Vault    string // its id
	Ana      *Actor // the founder
	State    *chain.State
	States   []*chain.State // by number of the change, less one
	Changes  []Signed

	keys  keychain
	plain map[[20]byte]Plain // by git id of the record
	trees map[[20]byte]*tree // of the current state, by git id
}

// Plain is what is sealed in a record.
type Plain struct {
	Name  string
	Value []byte // nil when deleted
}

// New is a vault that ana has just founded.
func New(t testing.TB) *World {
	t.Helper()
	w := Unfounded(t)
	w.Commit(w.FoundingDraft(w.FoundingPolicy()))
	return w
}

// Unfounded is a vault before its first change, which is FoundingDraft.
func Unfounded(t testing.TB) *World {
	t.Helper()
	w := &World{t: t, keys: newKeychain(), plain: map[[20]byte]Plain{}, trees: map[[20]byte]*tree{}}
	f := policy.Founding{Format: 1, Created: Start}
	rand.Read(f.Nonce[:])
	w.Founding = f
	ana := w.keysOf("ana")
	f.Sign, f.Recipient = ana.Device.Sign, ana.Device.Recipient
	copy(f.Join[:], ana.Signer.Join(f.NonceHex(), "", f.Recipient))
	w.Founding = f
	ana.Device = f.Device("laptop")
	w.Ana = ana
	w.Vault = keys.VaultID(w.foundingFile())
	return w
}

func (w *World) foundingFile() []byte {
	b, err := w.Founding.Bytes()
	w.must(err)
	return b
}

// keysOf makes a device's keys for the vault's nonce.
func (w *World) keysOf(handle string) *Actor {
	seed := keys.NewSeed()
	signSeed, ageSeed := seed.Device(w.Founding.Nonce)
	identity, err := wrap.NewIdentity(ageSeed)
	w.must(err)
	a := &Actor{Handle: handle, Seed: seed, Signer: sign.NewSigner(signSeed), Identity: identity}
	a.Device = policy.Device{Name: "laptop", Kind: policy.Machine, Sign: a.Signer.Public(), Recipient: identity.Recipient()}
	a.Device.ID = policy.DeviceID(a.Device.Sign, a.Device.Recipient)
	return a
}

// NewActor is a device that has signed to join the vault. It is no member's yet.
func (w *World) NewActor(handle string) *Actor {
	a := w.keysOf(handle)
	copy(a.Device.Join[:], a.Signer.Join(w.Vault, "", a.Device.Recipient))
	return a
}

// Admit makes a person with these roles a member, by ana.
func (w *World) Admit(handle string, roles ...string) *Actor {
	w.t.Helper()
	a := w.NewActor(handle)
	w.Commit(w.Edit(w.Ana, func(p *policy.Policy) { p.PutMember(a.Member(roles...)) }))
	return a
}

// A Draft is a change that can be spoiled before it is signed.
type Draft struct {
	By     *Actor
	Parent *chain.State      // nil for the founding change
	Files  map[string][]byte // touched files by path, nil to delete
	// Change alters the change after its fields were worked out, and Raw the commit
	// after it was signed. Either may be nil.
	Change func(*change.Draft)
	Raw    func([]byte) []byte
	// Extra are entries in the tree that no touched path tells of.
	Extra []Extra
	// Sign signs in place of By's device.
	Sign func(payload []byte) string
	// Subject, Time and Op are chosen when they are zero.
	Subject string
	Time    int64
	Op      change.Op
}

// Draft is an empty change by an actor onto the current state.
func (w *World) Draft(by *Actor) *Draft {
	return &Draft{By: by, Parent: w.State, Files: map[string][]byte{}}
}

// Seal signs a draft as it is.
func (w *World) Seal(d *Draft) Signed {
	w.t.Helper()
	touched := make([]chain.Touched, 0, len(d.Files))
	sums := make([]change.Sum, 0, len(d.Files))
	root := w.treeOf(d.Parent)
	for _, path := range slices.Sorted(maps.Keys(d.Files)) {
		t := chain.Touched{Path: path}
		if data := d.Files[path]; data != nil {
			t.New = change.NewBlob(data)
			root = root.put(path, &t.New.Hash)
		} else {
			root = root.put(path, nil)
		}
		touched, sums = append(touched, t), append(sums, t.SumOf())
	}
	c := w.changeOf(d)
	c.ChangesSum = change.ChangesSum(sums)
	if root != nil {
		c.Tree = root.id
		w.trees[root.id] = root
	}
	for _, e := range d.Extra {
		c.Tree = root.withExtra(e)
	}
	if d.Change != nil {
		d.Change(&c)
	}
	signer := d.Sign
	if signer == nil {
		signer = d.By.Signer.SignCommit
	}
	raw, err := c.Encode(signer)
	w.must(err)
	if d.Raw != nil {
		raw = d.Raw(bytes.Clone(raw))
	}
	return Signed{ID: change.CommitID(raw), Raw: raw, Touched: touched}
}

func (w *World) changeOf(d *Draft) change.Draft {
	c := change.Draft{
		Author: change.Author{Handle: d.By.Handle, Device: d.By.Device.ID, Vault: w.Vault},
		Time:   d.Time, Subject: d.Subject, Op: d.Op, Seq: 1,
	}
	if d.Parent != nil {
		head := d.Parent.Head()
		c.Seq, c.Parent, c.ParentSum = head.Seq+1, head.ID, head.Sum
	}
	if c.Time == 0 {
		c.Time = Start + 60*int64(c.Seq)
	}
	if c.Subject == "" {
		c.Subject = "a change for a test"
	}
	if c.Op == (change.Op{}) {
		rand.Read(c.Op[:])
	}
	return c
}

// treeOf is the tree of a state, from what was sealed or, failing that, its files.
func (w *World) treeOf(s *chain.State) *tree {
	if s == nil {
		return nil
	}
	if t, ok := w.trees[s.Tree()]; ok {
		return t
	}
	var root *tree
	for f := range s.Files("") {
		root = root.put(f.Path, &f.Hash)
	}
	return root
}

// Judge asks for the verdict on a draft. Nothing of the world changes.
func (w *World) Judge(d *Draft) (*chain.State, error) {
	w.t.Helper()
	return Apply(d.Parent, w.Seal(d))
}

// Apply judges a signed change after a state, or as the founding one after nil.
func Apply(s *chain.State, c Signed) (*chain.State, error) {
	if s == nil {
		return chain.Found(c.Raw, c.Touched)
	}
	return s.Apply(c.ID, c.Raw, c.Touched)
}

// Commit makes a valid draft the head of the world.
func (w *World) Commit(d *Draft) {
	w.t.Helper()
	c := w.Seal(d)
	s, err := Apply(d.Parent, c)
	w.must(err)
	w.State, w.States, w.Changes = s, append(w.States, s), append(w.Changes, c)
	w.trees = map[[20]byte]*tree{s.Tree(): w.treeOf(s)}
}

func (w *World) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}
