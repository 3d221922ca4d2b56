package audit

import (
	"context"
	"slices"
	"strings"

	"github.com/secr/secr/audit/receipt"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/change"
	"github.com/secr/secr/vault/record"
)

// Filter says what somebody wants to see. Empty fields let everything pass.
type Filter struct {
	Environment string
	Member      string   // handle
	Action      string   // of a change: set, delete, rotate, member-added, ...; of a reading: run, get, ...
	Since       int64    // Unix seconds, the first that counts
	Until       int64    // the first that doesn't; 0 is for ever
	Secrets     []string // ids, any of them
}

// when says whether a time passes.
func (f Filter) when(t int64) bool { return t >= f.Since && (f.Until == 0 || t < f.Until) }

func (f Filter) who(handle string) bool { return f.Member == "" || f.Member == handle }

// operations is what passes of a change. A change of nothing, a checkpoint, passes
// only where no part is asked for.
func (f Filter) operations(all []Operation) ([]Operation, bool) {
	if f.Environment == "" && f.Action == "" && len(f.Secrets) == 0 {
		return all, true
	}
	var out []Operation
	for _, o := range all {
		if (f.Environment == "" || f.Environment == o.Environment) && (f.Action == "" || f.Action == o.Action) && (len(f.Secrets) == 0 || slices.Contains(f.Secrets, o.Secret)) {
			out = append(out, o)
		}
	}
	return out, len(out) > 0
}

// Actions lists what a change can do, as Operation.Action has it.
func Actions() []string {
	out := []string{string(change.Set), string(change.Label), string(change.Delete), string(change.Rotate)}
	for _, a := range change.Actions() {
		out = append(out, action(string(a)))
	}
	return out
}

// action is a word of one piece for an action of package change.
func action(words string) string { return strings.ReplaceAll(words, " ", "-") }

// reading is a filter with what it takes to judge receipts that say "all".
type reading struct {
	Filter
	lives map[string][][]life // of the secrets, by environment
}

// life is from which change on a secret had a value, or had none.
type life struct {
	seq  uint64
	live bool
}

// reading works out when the secrets that the filter is about had a value.
func (f Filter) reading(ctx context.Context, v *vault.Vault) (reading, error) {
	r := reading{Filter: f, lives: map[string][][]life{}}
	for _, e := range v.Policy().Environments() {
		if f.Environment != "" && f.Environment != e.Name {
			continue
		}
		for _, id := range f.Secrets {
			entry, ok := v.State().Secret(e.Name, id)
			if !ok {
				continue
			}
			lives, err := lives(ctx, v, entry)
			if err != nil {
				return r, err
			}
			r.lives[e.Name] = append(r.lives[e.Name], lives)
		}
	}
	return r, nil
}

// lives goes back from a record through all that were before it.
func lives(ctx context.Context, v *vault.Vault, entry chain.Entry) ([]life, error) {
	var out []life
	for before := (&record.Before{Hash: entry.Hash, Sum: entry.Sum}); before != nil; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		data, err := v.Repo().Blob(before.Hash)
		if err != nil {
			return nil, err
		}
		r, err := record.Parse(data)
		if err != nil {
			return nil, err
		}
		out = append(out, life{r.Header.Seq, r.Header.State == record.Live})
		before = r.Header.Before
	}
	slices.Reverse(out)
	return out, nil
}

// passes says whether a receipt passes.
func (r reading) passes(x Read) bool {
	switch {
	case !r.when(x.Time), r.Environment != "" && r.Environment != x.Environment, r.Action != "" && r.Action != x.Action:
		return false
	case len(r.Filter.Secrets) == 0:
		return true
	case x.All:
		return slices.ContainsFunc(r.lives[x.Environment], func(all []life) bool { return lived(all, x.Seq) })
	}
	return slices.ContainsFunc(x.Secrets, func(s receipt.Secret) bool { return slices.Contains(r.Filter.Secrets, s.ID) })
}

// lived says whether a secret had a value in the state that a change left.
func lived(all []life, seq uint64) bool {
	was := false
	for _, l := range all {
		if l.seq > seq {
			break
		}
		was = l.live
	}
	return was
}

// Operation is one thing that a change did.
type Operation struct {
	Action      string // set, label, delete, rotate, member-added, grant-changed, ...
	Environment string // empty if it is about none
	Secret      string // id, of set, label and delete
	Version     uint64 // of the secret
	Subject     string // of policy: handle, role, environment, or id
	Field       string // which part of it
	From, To    string // before and after. Names and notes in them are anybody's text.
}

// operationsOf puts package change's words into ours.
func operationsOf(all []change.Operation) []Operation {
	var out []Operation
	for _, o := range all {
		switch o.Kind {
		case change.Policy:
			for _, e := range o.Edits {
				out = append(out, Operation{
					Action: action(string(e.Action)), Environment: environmentOf(e),
					Subject: e.Subject, Field: e.Field, From: e.From, To: e.To,
				})
			}
		case change.Rotate:
			out = append(out, rotation(o))
		default:
			out = append(out, Operation{Action: string(o.Kind), Environment: o.Environment, Secret: o.Secret, Version: o.Header.Version})
		}
	}
	return out
}

func rotation(o change.Operation) Operation {
	r := Operation{Action: string(change.Rotate), Subject: o.Key.Name, Field: o.Key.Kind.String(), Version: o.Epoch}
	if strings.HasPrefix(r.Field, "environment") {
		r.Environment = o.Key.Name
	}
	return r
}

// environmentOf is the environment that an edit of policy is about.
func environmentOf(e change.Edit) string {
	switch e.Action {
	case change.EnvAdded, change.EnvRetired, change.EnvChanged, change.TemplateEdited:
		return e.Subject
	case change.GrantChanged:
		if e.Field != "manage" && e.Field != "audit" {
			return e.Field
		}
	}
	return ""
}
