// Package snapshot is the sealed local cache of one environment as one change
// left it: what `run` and `get` read instead of the vault, so that ten thousand
// secrets cost one decryption and no walk over a repository.
//
// A snapshot is derived, never synced, and worth nothing without the seed of
// the machine that wrote it. It is bound to vault, environment and change: the
// reader says which change he wants (the one in his head file), and a file of
// any other is [ErrStale]. Every error of this package but a witness's means the
// same: read the vault itself and write the snapshot anew. The format is in
// docs/spec/snapshot.md.
//
//	root := snapshot.Root(seed)
//	s, err := snapshot.Open(path, root, place)
//	values, err := s.Reveal(witness, nil)
//
// Values leave through [Snapshot.Reveal] and [Snapshot.Value] only, and both ask
// the witness first. The package belongs to the fast path: it imports keys,
// vault/local and the standard library.
package snapshot

import (
	"errors"
	"sort"
	"strings"

	"github.com/secr/secr/keys"
)

var (
	// ErrStale says that a file is of another change, environment or vault.
	ErrStale = errors.New("snapshot: of another change")
	// ErrDamaged says that a file is no whole snapshot of ours.
	ErrDamaged = errors.New("snapshot: damaged")
	// ErrNoSecret says that the environment has no secret of that name.
	ErrNoSecret = errors.New("snapshot: no secret of that name")
	// ErrNoWitness says that a reading without a witness was refused.
	ErrNoWitness = errors.New("snapshot: a reading needs a witness")
)

// Root is the key that all snapshots of one seed come from. A session may keep
// it where it would not keep the seed.
func Root(seed keys.Seed) keys.Key { return seed.Derive(nil, "secr/1 snapshot root") }

// Place says what a snapshot is of: an environment of a vault at the change
// with this number and this SHA-256 of its raw commit.
type Place struct {
	Vault, Environment string
	Seq                uint64
	Sum                [32]byte
}

// Receipts is what an environment's policy asks for when a value is read.
type Receipts byte

// The settings of receipts: none, written where that is possible, or no value
// without one.
const (
	ReceiptsOff Receipts = iota
	ReceiptsBest
	ReceiptsRequired
)

// Settings is what a reader has to know besides the values.
type Settings struct {
	Device, Handle string   // who reads: the ids of receipts
	Time           int64    // of the newest signed change, unix seconds
	MaxAge         int64    // refuse a state older than that many seconds; 0 is any
	RequireReason  bool     // a reading has to say why
	Receipts       Receipts // best, required, off
	AllowNames     []string // special names that policy allows
}

// ID is a secret's id, as bytes.
type ID [20]byte

// Entry is what a snapshot says of a secret besides its value.
type Entry struct {
	ID      ID
	Name    string
	Version uint64
	Since   uint64 // number of the change that set this value
	File    bool   // a file, not a variable
	Size    int    // of the value, bytes
}

// Secret is one secret on its way into a snapshot.
type Secret struct {
	Entry
	Value keys.Secret
}

// Reading is what a witness is told.
type Reading struct {
	Place    Place
	Settings Settings
	All      bool    // every secret of the environment; Entries is nil then
	Entries  []Entry // else these
}

// Witness notes a reading before it happens. When it returns an error nothing
// is yielded.
type Witness func(Reading) error

// File is the value of a secret file.
type File struct {
	Name  string
	Value keys.Secret
}

// Values is what a reading yields.
type Values struct {
	Environ []string // NAME=VALUE of variables, sorted by name; the snapshot's own memory
	Files   []File   // sorted by name
}

// Place says what s is of.
func (s *Snapshot) Place() Place { return s.place }

// Settings are the environment's and the reader's.
func (s *Snapshot) Settings() Settings { return s.settings }

// Len is the number of secrets.
func (s *Snapshot) Len() int { return s.body.count }

// Name is the name of the i-th secret, and says whether it is a variable.
func (s *Snapshot) Name(i int) (name string, variable bool) {
	return s.body.name(i), !s.body.row(i).isFile()
}

// Entry returns the i-th secret, in the order of names.
func (s *Snapshot) Entry(i int) Entry { return s.body.entry(i) }

// Find returns the secret of that name.
func (s *Snapshot) Find(name string) (Entry, bool) {
	i, ok := s.index(name)
	if !ok {
		return Entry{}, false
	}
	return s.body.entry(i), true
}

// Value yields one secret's value.
func (s *Snapshot) Value(w Witness, name string) (Entry, keys.Secret, error) {
	i, ok := s.index(name)
	if !ok {
		return Entry{}, keys.Secret{}, ErrNoSecret
	}
	e := s.body.entry(i)
	value, err := s.value(i)
	if err != nil {
		return Entry{}, keys.Secret{}, err
	}
	if err := s.witness(w, Reading{Entries: []Entry{e}}); err != nil {
		value.Wipe()
		return Entry{}, keys.Secret{}, err
	}
	return e, value, nil
}

// Reveal yields the values that keep wants, or all when keep is nil. Files are
// decrypted one by one; all variables are already.
func (s *Snapshot) Reveal(w Witness, keep func(Entry) bool) (Values, error) {
	var out Values
	var read []Entry
	for i := range s.body.count {
		if keep != nil {
			e := s.body.entry(i)
			if !keep(e) {
				continue
			}
			read = append(read, e)
		}
		if s.body.row(i).isFile() {
			value, err := s.value(i)
			if err != nil {
				return Values{}, err
			}
			out.Files = append(out.Files, File{s.body.name(i), value})
			continue
		}
		if out.Environ == nil {
			out.Environ = make([]string, 0, s.body.count)
		}
		out.Environ = append(out.Environ, s.body.pair(i))
	}
	if err := s.witness(w, Reading{All: keep == nil, Entries: read}); err != nil {
		return Values{}, err
	}
	return out, nil
}

func (s *Snapshot) witness(w Witness, r Reading) error {
	if w == nil {
		return ErrNoWitness
	}
	r.Place, r.Settings = s.place, s.settings
	return w(r)
}

func (s *Snapshot) index(name string) (int, bool) {
	return sort.Find(s.body.count, func(i int) int { return strings.Compare(name, s.body.name(i)) })
}

// value returns a copy of the i-th value; a file's is decrypted now.
func (s *Snapshot) value(i int) (keys.Secret, error) {
	r := s.body.row(i)
	if r.isFile() {
		return s.file(i)
	}
	return keys.NewSecret(s.body.block[r.at()+r.nameLen()+1 : r.end()-1]), nil
}
