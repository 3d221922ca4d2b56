package change

import (
	"fmt"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/record"
)

// A Kind says what an operation does.
type Kind string

// The kinds of operation. A change is one or more of the first three, or one or more of
// the others; one with none is a checkpoint.
const (
	Set    Kind = "set"    // gives a secret a value
	Label  Kind = "label"  // gives a secret another label
	Delete Kind = "delete" // takes a secret's value away
	Policy Kind = "policy" // adds, replaces or deletes one policy file
	Rotate Kind = "rotate" // gives a key its next epoch
)

// An Operation is one thing that a change did, with its result: what it made, not what
// somebody wanted. Wraps and records that were only sealed again are no operations: they
// follow from the policy and the rotations, and are made anew when those are done again.
type Operation struct {
	Kind Kind
	Path string // the touched file; empty for Rotate

	// Of Set, Label and Delete:
	Environment string
	Secret      string         // its id
	Record      []byte         // the new record
	Header      record.Header  // its header
	Before      *record.Before // the record that the parent had, or nil

	// Of Policy. A file that differs only in keys and epochs is no operation:
	Old, New []byte // nil for none
	Edits    []Edit // what that means

	// Of Rotate:
	Key   policy.KeyRef
	Epoch uint64 // the new one
}

// Parent is what Operations asks of the state before a change. chain.State has it.
type Parent interface {
	Policy() *policy.Policy
	File(path string) (hash [20]byte, sum [32]byte, ok bool)
}

// Operations tells what a change did to its parent, nil for the founding change, in a
// fixed order: secrets and policy files by path, then rotations. The change must have
// been judged valid; of anything else the answer may be an error or wrong.
func Operations(parent Parent, touched []Touched) ([]Operation, error) {
	var out []Operation
	files := map[string][]byte{}
	for _, t := range touched {
		environment, id, ok := secretOf(t.Path)
		switch {
		case policy.IsPath(t.Path):
			files[t.Path] = t.data()
		case ok && t.New != nil && parent != nil:
			op, err := secretOperation(parent, t, environment, id)
			if err != nil {
				return nil, err
			}
			if op.Header.Kind != record.Reseal {
				out = append(out, op)
			}
		}
	}
	if len(files) == 0 {
		return out, nil
	}
	old := new(policy.Policy)
	if parent != nil {
		old = parent.Policy()
	}
	next, err := nextPolicy(parent, files)
	if err != nil {
		return nil, fmt.Errorf("operations of a change: %w", err)
	}
	return append(append(out, policyOperations(old, next, files)...), rotations(old, next)...), nil
}

func (t Touched) data() []byte {
	if t.New == nil {
		return nil
	}
	return t.New.Data
}

func nextPolicy(parent Parent, files map[string][]byte) (*policy.Policy, error) {
	if parent == nil {
		return policy.Parse(files)
	}
	return parent.Policy().With(files)
}

func secretOperation(parent Parent, t Touched, environment, id string) (Operation, error) {
	r, err := record.Parse(t.New.Data)
	if err != nil {
		return Operation{}, fmt.Errorf("operations of a change: %q: %w", t.Path, err)
	}
	op := Operation{
		Kind: kindOf(r.Header.Kind), Path: t.Path, Environment: environment, Secret: id,
		Record: t.New.Data, Header: r.Header,
	}
	if hash, sum, ok := parent.File(t.Path); ok {
		op.Before = &record.Before{Hash: hash, Sum: sum}
	}
	return op, nil
}

func kindOf(k record.Kind) Kind {
	switch k {
	case record.Delete:
		return Delete
	case record.Relabel:
		return Label
	default:
		return Set
	}
}

// policyOperations tells of every policy file that differs in more than its keys.
func policyOperations(old, next *policy.Policy, files map[string][]byte) []Operation {
	was := map[string][]byte{}
	if old.Format() != 0 {
		was = old.Files()
	}
	var out []Operation
	for _, path := range sorted(files) {
		if edits := editsOf(old, next, path); len(edits) > 0 {
			out = append(out, Operation{Kind: Policy, Path: path, Old: was[path], New: files[path], Edits: edits})
		}
	}
	return out
}

// rotations tells of every key that was there before and is now at another epoch.
func rotations(old, next *policy.Policy) []Operation {
	var refs []policy.KeyRef
	for _, r := range next.Roles() {
		refs = append(refs, policy.KeyRef{Kind: policy.RoleKey, Name: r.Name})
	}
	for _, e := range next.Environments() {
		refs = append(refs, policy.KeyRef{Kind: policy.EnvironmentKey, Name: e.Name})
	}
	refs = append(refs, policy.KeyRef{Kind: policy.AuditKey})
	var out []Operation
	for _, ref := range refs {
		if was, is := old.Epoch(ref), next.Epoch(ref); was != 0 && was != is {
			out = append(out, Operation{Kind: Rotate, Key: ref, Epoch: is})
		}
	}
	return out
}
