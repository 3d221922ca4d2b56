package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/secr/secr/audit/batch"
	"github.com/secr/secr/audit/receipt"
	"github.com/secr/secr/keys/sign"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/change"
	"github.com/secr/secr/vault/repo"
)

// maxCommits bounds the walk over a branch that a stranger may have written.
const maxCommits = 1 << 20

// Posted is one batch on the branch, without its signature, which was good.
type Posted struct {
	batch.Batch
	ID     repo.Hash // of the commit
	Handle string    // of the member whose device signed it
	Kind   string    // of the device: machine, recovery, token
	// File is the git id of its file; zero if the commit lacks it.
	File repo.Hash
}

// Stray is a commit on the branch that counts for nobody, and how many batches were
// read before it.
type Stray struct {
	ID     repo.Hash
	Before int
}

// Branch is the receipts branch as it was read: every batch that a device of the
// vault signed, in the branch's order, and what is wrong.
type Branch struct {
	Posted   []Posted
	Strays   []Stray // stepped over, in the branch's order
	Findings []Finding
	Commits  int // looked at, also those that are no batches
}

// Unpublished leaves out of a device's pending receipts those that are on the branch
// already, because the log was not told.
func (b *Branch) Unpublished(pending []receipt.Entry) []receipt.Entry {
	var all []batch.Batch
	for _, p := range b.Posted {
		all = append(all, p.Batch)
	}
	left, _ := unpublished(pending, all, receipt.Link{})
	return left
}

// ReadBranch judges everything that leads to the tips, the current one first. A
// commit that is no batch is a finding and is stepped over: nobody can make others
// blind by writing rubbish. It needs no key. from holds the objects: the vault's own
// repository or a quarantine.
func ReadBranch(ctx context.Context, v *vault.Vault, from *repo.Repo, tips ...repo.Hash) (*Branch, error) {
	j := &judge{state: v.State(), from: from, device: newPast(v).device, branch: &Branch{}, seen: map[repo.Hash]place{}}
	for _, tip := range tips {
		if tip.IsZero() {
			continue
		}
		if err := j.line(ctx, tip); err != nil {
			return nil, err
		}
	}
	j.branch.Findings = append(j.branch.Findings, chains(j.branch.Posted)...)
	return j.branch, nil
}

// judge goes over the branch's lines.
type judge struct {
	state  *chain.State
	from   *repo.Repo                    // nil where only commits are at hand
	light  bool                          // without trees and files
	device func(id string) (span, error) // when a device of the policy was in use
	branch *Branch
	// head is the highest number of a change that a batch of this line so far knew of:
	// whoever was removed by then had no right to publish later. A line that was
	// replaced knew nothing of the one that took its place.
	head uint64
	seen map[repo.Hash]place
}

// place is what a line had come to with a commit that was judged.
type place struct {
	head uint64
	sum  [32]byte // SHA-256 of the raw commit
}

// after goes to where a line had come to with a commit, and gives its SHA-256; nil
// if nothing is known of it.
func (j *judge) after(parent repo.Hash) *[32]byte {
	at, ok := j.seen[parent]
	j.head = at.head
	if !ok {
		return nil
	}
	return &at.sum
}

// step is one commit of a line, with all done that needs no order.
type step struct {
	id    repo.Hash
	sum   [32]byte
	batch batch.Batch
	err   error // it is no batch
}

// line judges the commits that lead to a tip and were not seen yet, oldest first.
func (j *judge) line(ctx context.Context, tip repo.Hash) error {
	path, known, broken, err := lineage(ctx, j.from, tip, func(h repo.Hash) bool { _, ok := j.seen[h]; return ok })
	if err != nil {
		return err
	}
	if broken != nil {
		j.find(Finding{Class: Unreadable, Commit: broken.id, What: "the receipts branch can't be followed beyond commit " + broken.id.String(), Proof: []string{broken.err.Error()}})
	}
	before := j.after(known) // nil where nothing is before, or nothing that can be read
	j.branch.Commits += len(path)
	for window := range slices.Chunk(path, 256) {
		steps, err := j.prepare(ctx, window)
		if err != nil {
			return err
		}
		for _, s := range steps {
			if err := j.step(s, before); err != nil {
				return err
			}
			j.seen[s.id], before = place{j.head, s.sum}, &s.sum
		}
	}
	return nil
}

// cut is where a line ends because its next commit can't be read.
type cut struct {
	id  repo.Hash
	err error
}

// lineage is the commits that lead to a tip, oldest first, up to one that stop
// accepts, which is returned too. It follows first parents, through whatever was
// written there.
func lineage(ctx context.Context, from *repo.Repo, tip repo.Hash, stop func(repo.Hash) bool) (path []repo.Hash, known repo.Hash, broken *cut, err error) {
	own := map[repo.Hash]bool{}
	for at := tip; !at.IsZero(); {
		if err := ctx.Err(); err != nil {
			return nil, known, nil, err
		}
		if stop(at) {
			known = at
			break
		}
		raw, err := from.Commit(at)
		if err == nil && (own[at] || len(path) == maxCommits) {
			err = fmt.Errorf("more than %d commits", maxCommits)
		}
		if err != nil {
			broken = &cut{at, err}
			break
		}
		own[at] = true
		path = append(path, at)
		at = parentOf(raw)
	}
	slices.Reverse(path)
	return path, known, broken, nil
}

// parentOf is the first parent of any commit; zero if it has none.
func parentOf(raw []byte) repo.Hash {
	_, rest, _ := bytes.Cut(raw, []byte("\n"))
	rest, ok := bytes.CutPrefix(rest, []byte("parent "))
	if !ok || len(rest) < 40 {
		return repo.Hash{}
	}
	h, err := repo.ParseHash(string(rest[:40]))
	if err != nil {
		return repo.Hash{}
	}
	return h
}

// prepare reads commits and checks their signatures, on all cores.
func (j *judge) prepare(ctx context.Context, ids []repo.Hash) ([]step, error) {
	steps := make([]step, len(ids))
	err := parallel(ctx, len(ids), func(i int) error {
		raw, err := j.from.Commit(ids[i])
		if err != nil {
			return err
		}
		steps[i] = step{id: ids[i], sum: sha256.Sum256(raw)}
		steps[i].batch, steps[i].err = batch.Parse(raw)
		return nil
	})
	return steps, err
}

// parallel calls f for 0 to n-1 on all cores, and returns the error of the lowest
// number that failed.
func parallel(ctx context.Context, n int, f func(int) error) error {
	workers := min(runtime.GOMAXPROCS(0), n)
	errs := make([]error, n)
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			for i := w; i < n && ctx.Err() == nil; i += workers {
				errs[i] = caught(f, i)
			}
		})
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// caught is f(i), with an error for changes that are lost.
func caught(f func(int) error, i int) (err error) {
	defer chain.Caught(&err)
	return f(i)
}

func (j *judge) find(f Finding) { j.branch.Findings = append(j.branch.Findings, f) }

// stray notes a commit that counts for nobody, and why.
func (j *judge) stray(f Finding) {
	j.branch.Strays = append(j.branch.Strays, Stray{f.Commit, len(j.branch.Posted)})
	j.find(f)
}

// step judges one commit, whose parent has the given SHA-256.
func (j *judge) step(s step, before *[32]byte) error {
	b := s.batch
	if s.err != nil {
		class := Malformed
		if errors.Is(s.err, sign.ErrSignature) {
			class = BadSignature
		}
		j.stray(Finding{Class: class, Commit: s.id, What: "a commit on the receipts branch is no batch of receipts", Proof: []string{"git cat-file -p " + s.id.String(), s.err.Error()}})
		return nil
	}
	p := Posted{Batch: b, ID: s.id}
	m, d, known := j.state.Policy().Device(b.Author.Device)
	found := Finding{Commit: s.id, Device: b.Author.Device, Proof: []string{"git cat-file -p " + s.id.String()}}
	switch {
	case b.Author.Vault != j.state.VaultID():
		found.Class, found.What = Malformed, "a batch of receipts is of another vault"
	case !known && b.Head.Seq > j.state.Head().Seq:
		found.Class, found.Note, found.What = Unreadable, true, fmt.Sprintf("a batch is by a device that this machine doesn't know yet: it speaks of change %d", b.Head.Seq)
	case !known:
		found.Class, found.What = BadSignature, "a batch is signed in the name of a device that is no member's"
	case b.Signer != d.Sign:
		found.Class, found.What = BadSignature, "a batch is signed by a key that is not its device's"
	case b.Author.Handle != m.Handle:
		found.Class, found.What, found.Handle = Denied, "a batch is in the name of "+b.Author.Handle+" by a device of "+m.Handle, m.Handle
	case before != nil && b.ParentSum != *before:
		found.Class, found.What = Tampered, "Secr-Parent is not the SHA-256 of the commit before"
	}
	if found.Class != "" {
		j.stray(found)
		return nil
	}
	p.Handle, p.Kind = m.Handle, string(d.Kind)
	// There may be many: nothing of the raw commit stays in memory.
	p.Signature, p.Author = "", change.Author{Handle: m.Handle, Device: d.ID, Vault: j.state.VaultID()}
	if err := j.rights(p); err != nil {
		return err
	}
	if j.from != nil && !j.light {
		p.File = j.content(p)
	}
	j.branch.Posted = append(j.branch.Posted, p)
	return nil
}

// rights says whether the device was in use at the head that it had, and whether
// that head is one of ours.
func (j *judge) rights(p Posted) error {
	f := Finding{Commit: p.ID, Device: p.Author.Device, Handle: p.Handle, Seq: p.Head.Seq, Proof: []string{"git cat-file -p " + p.ID.String()}}
	s, err := j.device(p.Author.Device)
	if err != nil {
		return err
	}
	link, here := j.state.Link(p.Head.Seq)
	switch {
	case !here:
		f.Class, f.Note = Unreadable, true
		f.What = fmt.Sprintf("its device had seen change %d, and this machine has %d changes", p.Head.Seq, j.state.Head().Seq)
	case link.Sum != p.Head.Sum:
		f.Class = Fork
		f.What = fmt.Sprintf("its device had another change %d than this machine: the chain was forked", p.Head.Seq)
		f.Proof = append(f.Proof, "there "+hex.EncodeToString(p.Head.Sum[:]), "here "+hex.EncodeToString(link.Sum[:]))
	case p.Head.Seq < s.from:
		f.Class, f.What = Denied, fmt.Sprintf("a batch speaks of change %d as the newest, and its device came with change %d", p.Head.Seq, s.from)
	case s.to != 0 && p.Head.Seq >= s.to, s.to != 0 && j.head >= s.to:
		f.Class, f.What = Denied, fmt.Sprintf("a batch was published after its device was removed by change %d", s.to)
	}
	if f.Class != "" {
		j.find(f)
	}
	if here && link.Sum == p.Head.Sum {
		j.head = max(j.head, p.Head.Seq)
	}
	return nil
}

// content finds the file of a batch. Its tree holds that and nothing else.
func (j *judge) content(p Posted) repo.Hash {
	f := Finding{Class: Tampered, Commit: p.ID, Path: p.Path(), Device: p.Author.Device, Handle: p.Handle, Proof: []string{"git ls-tree -r " + p.ID.String()}}
	only := func(tree repo.Hash, name string, dir bool) (repo.Hash, bool) {
		entries, err := j.from.Tree(tree)
		if err != nil {
			f.Class, f.What = Unreadable, err.Error()
			return repo.Hash{}, false
		}
		f.What = "a commit's tree is not the one file that it says"
		ok := len(entries) == 1 && entries[0].Name == name && entries[0].Dir == dir
		return entries[0].Hash, ok
	}
	folder, ok := only(p.Tree, p.Author.Device, true)
	if ok {
		if file, ok := only(folder, p.Name(), false); ok {
			return file
		}
	}
	j.find(f)
	return repo.Hash{}
}
