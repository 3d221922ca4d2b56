package audit

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/secr/secr/audit/batch"
	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/local"
	"github.com/secr/secr/vault/repo"
)

// attempts is how often another device may be faster before [Exchange] gives up.
const attempts = 12

// Remote is where the receipts branch is shared.
type Remote struct {
	Transport remote.Transport
	URL       remote.URL
	Branch    string // full name of the ref; empty is batch.Branch
	Limits    remote.Limits
}

// name is what the remote is called in this machine's memory: another branch of one
// repository is another place.
func (r Remote) name() string { return local.RemoteName(r.URL.String()) + "#" + r.ref() }

func (r Remote) ref() string {
	if r.Branch == "" {
		return batch.Branch
	}
	return r.Branch
}

// BranchBeside is the receipts branch that goes with a vault's branch, both full
// names of refs: several vaults on one remote have one each.
func BranchBeside(vaultBranch string) string {
	if vaultBranch == "" || vaultBranch == "refs/heads/secr/vault" {
		return batch.Branch
	}
	return vaultBranch + "-receipts"
}

// Exchanged is what [Exchange] did.
type Exchanged struct {
	Published int       // receipts
	Batches   int       // that they were published in
	Known     Known     // what this machine has of the branch now
	Findings  []Finding // what the remote did to the branch, if anything
}

// Exchange brings the receipts branch of a remote here and, with a source, publishes
// the device's pending receipts on top of it. The vault's own branch is to be synced
// before. Only ever something is added: a branch that the remote set back is put
// forward again, and one that it replaced is a finding, while what was seen before
// stays on this machine. Another device that is faster is no error; a failed push
// leaves the receipts pending.
func Exchange(ctx context.Context, v *vault.Vault, r Remote, s *Source) (Exchanged, error) {
	for try := range attempts {
		if err := pause(ctx, try); err != nil {
			return Exchanged{}, err
		}
		x, err := exchange(ctx, v, r, s)
		if remote.KindOf(err) != remote.Moved {
			return x, err
		}
	}
	return Exchanged{}, fmt.Errorf("other devices published receipts faster %d times; they stay here until the next sync", attempts)
}

// pause waits a little before a try after the first, not as long as others do.
func pause(ctx context.Context, try int) error {
	if try == 0 {
		return ctx.Err()
	}
	t := time.NewTimer(time.Duration(1+rand.IntN(20<<min(try, 6))) * time.Millisecond)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func exchange(ctx context.Context, v *vault.Vault, r Remote, s *Source) (Exchanged, error) {
	there, onto, x, err := receive(ctx, v, r)
	if err != nil || s == nil {
		return x, err
	}
	d, err := Prepare(ctx, v, *s, v.Repo(), onto)
	if err != nil {
		return x, err
	}
	if d.Tip != there && !d.Tip.IsZero() {
		if err := locked(ctx, v, func() error { return d.Objects.Flush(ctx) }); err != nil {
			return x, err
		}
		push := remote.Push{URL: r.URL, Ref: r.ref(), Old: there, New: d.Tip, From: v.Repo().Dir(), Limits: r.Limits}
		if err := r.Transport.Push(ctx, push); err != nil {
			return x, fmt.Errorf("publish receipts: %w", err)
		}
	}
	// The log first: what it believes to be pending is looked for on the branch.
	if err := s.Log.Drop(ctx, d.Sent); err != nil {
		return x, err
	}
	x.Published, x.Batches = d.Receipts, d.Batches
	x.Known, err = move(ctx, v, r, d.Tip, nil)
	return x, err
}

// move notes where the branch is at a remote, after first, under the vault's lock.
func move(ctx context.Context, v *vault.Vault, r Remote, tip repo.Hash, first func() error) (known Known, err error) {
	err = locked(ctx, v, func() error {
		if first != nil {
			if err := first(); err != nil {
				return err
			}
		}
		if known, err = ReadKnown(v); err != nil { // another process may have moved it
			return err
		}
		if err := known.move(ctx, v, r.name(), tip); err != nil {
			return err
		}
		known, err = ReadKnown(v)
		return err
	})
	return known, err
}

// receive fetches the branch and compares it with what is known. onto is what is to
// be built on: what is there, or what was here if that is more.
func receive(ctx context.Context, v *vault.Vault, r Remote) (there, onto repo.Hash, x Exchanged, err error) {
	if x.Known, err = ReadKnown(v); err != nil {
		return there, onto, x, err
	}
	known := x.Known.at(r.name())
	have, err := present(v, x.Known.Tips())
	if err != nil {
		return there, onto, x, err
	}
	there, glanced := remote.Glance(r.Transport, r.ref())
	switch {
	case glanced && there.IsZero() && known.IsZero():
		onto, err = longest(ctx, v, have)
		return there, onto, x, err
	case glanced && there == known && slices.Contains(have, known):
		return there, known, x, nil
	}
	q, err := v.Repo().Quarantine(ctx, have...)
	if err != nil {
		return there, onto, x, err
	}
	there, err = r.Transport.Fetch(ctx, remote.Fetch{URL: r.URL, Ref: r.ref(), Have: have, Into: q, Limits: r.Limits})
	if remote.KindOf(err) == remote.NoBranch {
		err = nil
	}
	switch {
	case err != nil:
	case there.IsZero() && known.IsZero():
		onto, err = longest(ctx, v, have)
	default:
		onto, x.Findings, err = compare(ctx, q.Repo(), known, there)
	}
	if err != nil || there.IsZero() || there == known {
		return there, onto, x, errors.Join(err, q.Discard())
	}
	moved, err := move(ctx, v, r, onto, func() error { return q.Commit(ctx) })
	if err != nil {
		return there, onto, x, errors.Join(err, q.Discard())
	}
	x.Known = moved
	return there, onto, x, nil
}

// present is those of some commits that this machine has: its repository may have
// been made anew since it saw them.
func present(v *vault.Vault, ids []repo.Hash) ([]repo.Hash, error) {
	var out []repo.Hash
	for _, id := range ids {
		ok, err := v.Repo().Has(id)
		if err != nil {
			return nil, err
		}
		if ok && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out, nil
}

// longest is the line with the most commits: what a remote gets that never had a
// receipts branch, so that moving to another host loses nothing.
func longest(ctx context.Context, v *vault.Vault, tips []repo.Hash) (best repo.Hash, err error) {
	most := 0
	for _, tip := range tips {
		path, _, _, err := lineage(ctx, v.Repo(), tip, func(repo.Hash) bool { return false })
		if err != nil {
			return best, err
		}
		if len(path) > most {
			best, most = tip, len(path)
		}
	}
	return best, nil
}

// compare says what is to be built on, and what happened to the branch.
func compare(ctx context.Context, from *repo.Repo, known, there repo.Hash) (onto repo.Hash, found []Finding, err error) {
	if known.IsZero() || known == there {
		return there, nil, nil
	}
	f := Finding{Class: Rewind, Commit: known, Proof: []string{"here " + known.String(), "there " + there.String()}}
	if there.IsZero() {
		f.Note, f.What = true, "the remote has no receipts branch, and this machine has seen one"
		return known, []Finding{f}, nil
	}
	ahead, err := descends(ctx, from, there, known)
	if err != nil || ahead {
		return there, nil, err
	}
	behind, err := descends(ctx, from, known, there)
	if err != nil {
		return there, nil, err
	}
	if behind {
		f.Note, f.What = true, "the remote has less of the receipts branch than this machine has seen"
		return known, []Finding{f}, nil
	}
	f.What = "the receipts branch was replaced at the remote: it no longer holds what this machine has seen, which stays here"
	return there, []Finding{f}, nil
}

// locked does something under the vault's lock.
func locked(ctx context.Context, v *vault.Vault, do func() error) error {
	lock, err := v.Local().Lock(ctx, "receipts")
	if err != nil {
		return err
	}
	if _, died := lock.Abandoned(); died {
		_, err = v.Repo().Mend(ctx)
	}
	if err == nil {
		err = do()
	}
	return errors.Join(err, lock.Unlock())
}
