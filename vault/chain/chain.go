// Package chain holds a vault's chain of changes to its rules.
//
// A State is the vault as one verified change left it. Found judges the first change and
// makes the first state; Apply judges the next change and makes the next state. Both are
// pure: they see the bytes of the change and nothing else, no clock, no settings, no key,
// no disk. Open, sync, audit and verify all use them, so a change is valid for everybody
// or for nobody. Nothing of a change is believed before it is valid, and no part of a
// state was ever believed because somebody served it: even the git tree of a change is
// computed from the verified files, and compared.
//
// The rules are a table of named functions, in the order in which they are asked; the
// first that objects gives the verdict. docs/spec/chain.md tells them in words.
//
// What can't be seen without keys (that a wrap opens, that a reseal kept the value, that
// an id fits its name) readers check when they first open what was turned.
package chain

import (
	"iter"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/change"
)

// State is the vault as one valid change left it. It never changes; states that follow
// each other share what the change between them did not touch. Any number of goroutines
// may use it.
type State struct {
	vault    string
	founding policy.Founding
	policy   *policy.Policy
	root     *dir
	log      *chainLog
	ops      ops
}

// A Head is the newest change of a state.
type Head struct {
	Seq  uint64
	ID   [20]byte // git id of the commit
	Sum  [32]byte // SHA-256 of the raw commit
	Time int64    // as the change says it
}

// Point is the place of the head in its chain.
func (h Head) Point() Point { return Point{Seq: h.Seq, Sum: h.Sum} }

// Found judges the first change of a vault, whose touched paths are all the files in its
// tree, and makes the state that it leaves. An error is an *Error.
func Found(raw []byte, files []Touched) (*State, error) {
	return FoundPrepared(Prepare(change.CommitID(raw), raw, files))
}

// FoundPrepared is Found for a change that was prepared.
func FoundPrepared(p *Prepared) (*State, error) {
	return (&State{log: &chainLog{}}).judge(p, foundingRules())
}

// Apply judges a change that claims to follow s, and makes the state that it leaves. The
// caller says what git calls the commit, and which paths its tree has otherwise than the
// tree before. A wrong list is refused like any other lie. An error is an *Error, and s
// stays as it is.
func (s *State) Apply(commitID [20]byte, raw []byte, touched []Touched) (*State, error) {
	return s.ApplyPrepared(Prepare(commitID, raw, touched))
}

// ApplyPrepared is Apply for a change that was prepared, perhaps on another core.
func (s *State) ApplyPrepared(p *Prepared) (*State, error) { return s.judge(p, rules()) }

// VaultID is the vault's id.
func (s *State) VaultID() string { return s.vault }

// Founding is what vault.json says.
func (s *State) Founding() policy.Founding { return s.founding }

// Policy is the policy that the next change is judged by.
func (s *State) Policy() *policy.Policy { return s.policy }

// Head is the newest change.
func (s *State) Head() Head {
	l := s.log.at(s.log.len())
	return Head{Seq: l.Seq, ID: l.ID, Sum: l.Sum, Time: l.Time}
}

// Tree is the git id of the tree.
func (s *State) Tree() [20]byte { return s.root.id }

// Link is what is known of one change of the chain, from 1 to the head's number. It panics
// with a *LostError if this machine's cache and its repository both lost the change, and so
// does all that asks about older changes: none of it then has an answer.
func (s *State) Link(seq uint64) (Link, bool) {
	if seq == 0 || seq > s.log.len() {
		return Link{}, false
	}
	return s.log.at(seq), true
}

// Done finds the change that carried out an operation, if one did.
func (s *State) Done(op change.Op) (Link, bool) { return s.Link(s.ops.find(op)) }

// File finds a file: its git id and the SHA-256 of its content.
func (s *State) File(path string) (hash [20]byte, sum [32]byte, ok bool) {
	f := s.root.file(path)
	if f == nil {
		return hash, sum, false
	}
	return f.id, f.sum, true
}

// A File is what a state knows of one file.
type File struct {
	Path string
	Hash [20]byte // git id
	Sum  [32]byte // SHA-256 of the content
	Size int64
}

// Files goes through all files at and under a folder, "" for all, in the tree's order.
func (s *State) Files(folder string) iter.Seq[File] {
	return func(yield func(File) bool) {
		prefix := folder
		if prefix != "" {
			prefix += "/"
		}
		s.root.dir(folder).walk(prefix, func(path string, f *file) bool {
			return yield(File{Path: path, Hash: f.id, Sum: f.sum, Size: f.size})
		})
	}
}

// A Child is a file, or a folder, that lies directly in a folder.
type Child struct {
	Name string
	Dir  bool
	Hash [20]byte // git id of the file, or of the folder's tree
}

// Children lists a folder, "" for the vault's own, in the tree's order: it is the content
// of the folder's git tree.
func (s *State) Children(folder string) []Child {
	d := s.root.dir(folder)
	if d == nil {
		return nil
	}
	out := make([]Child, len(d.entries()))
	for i, e := range d.entries() {
		out[i] = Child{Name: e.name, Dir: e.dir != nil}
		if e.dir != nil {
			out[i].Hash = e.dir.id
		} else {
			out[i].Hash = e.file.id
		}
	}
	return out
}

// An Entry is what a state knows of one secret without any key.
type Entry struct {
	Path    string
	Hash    [20]byte // git id of the record
	Sum     [32]byte // SHA-256 of the record
	Size    int64
	Epoch   uint64 // of the environment's key that it is sealed under
	Version uint64
	Seq     uint64 // of the change that wrote the record
	Since   uint64 // of the change that set the value, or deleted it
	Deleted bool
}

// Secrets goes through an environment's secrets by id, deleted ones included.
func (s *State) Secrets(environment string) iter.Seq2[string, Entry] {
	return func(yield func(string, Entry) bool) {
		folder := secretsDir + environment
		s.root.dir(folder).walk(folder+"/", func(path string, f *file) bool {
			return yield(parsePath(path).leaf, entryOf(path, f))
		})
	}
}

// Secret finds one secret by its id.
func (s *State) Secret(environment, id string) (Entry, bool) {
	path := SecretPath(environment, id)
	f := s.root.file(path)
	if f == nil || parsePath(path).kind != kindSecret {
		return Entry{}, false
	}
	return entryOf(path, f), true
}

// SecretPath is where a secret's record is.
func SecretPath(environment, id string) string {
	return SecretFolder(environment) + id[:min(2, len(id))] + "/" + id
}

// SecretFolder is what the paths of an environment's records begin with.
func SecretFolder(environment string) string { return secretsDir + environment + "/" }

func entryOf(path string, f *file) Entry {
	return Entry{
		Path: path, Hash: f.id, Sum: f.sum, Size: f.size,
		Epoch: f.secret.epoch, Version: f.secret.version,
		Seq: f.secret.seq, Since: f.secret.since, Deleted: f.secret.deleted,
	}
}
