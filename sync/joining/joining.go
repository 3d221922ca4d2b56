// Package joining carries requests to join through a vault's remote: a branch for each,
// secr/join/<device id>, whose one commit has one file, "request".
//
// The branches are anybody's who may push there, so nothing about them is believed. A
// branch is fetched into a quarantine of its own within small limits, its request is read
// by package team, which checks the device's signature, and it must lie on the branch of
// its own device. What is no request is counted and left alone. At most [MaxBranches] are
// looked at. Whether a request is let in is decided by a person, with team.Check.
//
//	joining.Leave(ctx, at, request, joining.Scratch{...})   // who wants to be let in
//	found, err := joining.Look(ctx, at, v)                  // who manages; kept for later
//	joining.Take(ctx, at, v, asked)                         // once it is answered
package joining

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/local"
	"github.com/secr/secr/vault/repo"
	"github.com/secr/secr/vault/team"
)

const (
	// Folder is where requests are on a remote.
	Folder = "refs/heads/secr/join/"
	// MaxBranches is how many branches are looked at.
	MaxBranches = 64

	fileName = "request"
)

// Place is where requests are left and found.
type Place struct {
	Transport remote.Transport
	URL       remote.URL
	Limits    remote.Limits // for one step; sizes are bounded more closely
}

// Asked is a request that was found.
type Asked struct {
	ID      string // of the device, and the branch's last part
	Tip     repo.Hash
	Request team.Request
}

// Found is what was at the remote.
type Found struct {
	Asked   []Asked  // by id, for this vault, by devices that are not in it
	Rubbish []string // ids of branches that hold no request
	Left    int      // branches beyond the first MaxBranches
}

// limits of one branch: a request, its commit and its tree, and some room.
func (p Place) limits() remote.Limits {
	l := p.Limits
	l.Bytes, l.Objects = 256<<10, 16
	return l
}

// Scratch says where a request is made that has no vault's repository yet.
type Scratch struct {
	Folder string // does not exist yet; it is removed again
	Time   int64  // of the commit, Unix seconds
}

// Leave puts a request on its branch, in place of an earlier one of the same device.
func Leave(ctx context.Context, p Place, r team.Request, s Scratch) (err error) {
	ref := Folder + r.DeviceID()
	there, err := p.Transport.List(ctx, remote.List{URL: p.URL, Refs: []string{ref}, Limits: p.limits()})
	if err != nil {
		return err
	}
	if err := local.MakeFolder(s.Folder); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.Folder)) }()
	dir := filepath.Join(s.Folder, "repo.git")
	from, err := repo.Create(dir)
	if err != nil {
		return err
	}
	defer from.Close()
	tip, err := write(ctx, from, r, s.Time)
	if err != nil || tip == there[ref] {
		return err
	}
	return p.Transport.Push(ctx, remote.Push{URL: p.URL, Ref: ref, Old: there[ref], New: tip, From: dir, Limits: p.Limits})
}

// write makes the commit of a request.
func write(ctx context.Context, to *repo.Repo, r team.Request, at int64) (repo.Hash, error) {
	text, err := r.Text()
	if err != nil {
		return repo.Hash{}, err
	}
	b := to.Batch()
	tree, err := b.Tree([]repo.Entry{{Name: fileName, Hash: b.Blob(text)}})
	if err != nil {
		return repo.Hash{}, err
	}
	who := fmt.Sprintf("%s <%s@%s> %d +0000", r.Handle, r.DeviceID(), r.Vault, at)
	tip := b.Commit(fmt.Appendf(nil, "tree %s\nauthor %s\ncommitter %s\n\na request to join\n", tree, who, who))
	return tip, b.Flush(ctx)
}

// Look finds the requests at a remote, and keeps what it found on this machine for
// [Kept]. Branches that it has seen before are not fetched again.
func Look(ctx context.Context, p Place, v *vault.Vault) (Found, error) {
	refs, err := p.Transport.List(ctx, remote.List{URL: p.URL, Refs: []string{Folder}, Limits: p.Limits})
	if err != nil {
		return Found{}, err
	}
	before, err := readKept(v.Local())
	if err != nil {
		return Found{}, err
	}
	var now kept
	names := slices.Sorted(maps.Keys(refs))
	for i, ref := range names {
		id := strings.TrimPrefix(ref, Folder)
		if i == MaxBranches {
			now.Left = len(names) - i
			break
		}
		b, ok := before.find(id, refs[ref].String())
		if !ok {
			if b, err = p.read(ctx, v, id, refs[ref]); err != nil {
				return Found{}, err
			}
		}
		now.Branches = append(now.Branches, b)
	}
	if !reflect.DeepEqual(now, before) {
		if err := writeKept(ctx, v.Local(), now); err != nil {
			return Found{}, err
		}
	}
	return now.found(v), nil
}

// read fetches one branch. An error is about the way to the remote, or this machine;
// what the branch holds is in the result.
func (p Place) read(ctx context.Context, v *vault.Vault, id string, tip repo.Hash) (branch, error) {
	b := branch{ID: id, Tip: tip.String()}
	if !policy.ValidID(id) {
		return b, nil
	}
	q, err := v.Repo().Quarantine(ctx)
	if err != nil {
		return b, err
	}
	got, err := p.Transport.Fetch(ctx, remote.Fetch{URL: p.URL, Ref: Folder + id, Into: q, Limits: p.limits()})
	switch kind := remote.KindOf(err); {
	case kind == remote.TooMuch || kind == remote.Broken || kind == remote.NoBranch:
		return b, q.Discard()
	case err != nil:
		return b, errors.Join(err, q.Discard())
	}
	b.Tip = got.String()
	if r, err := request(q.Repo(), got); err == nil && r.DeviceID() == id {
		if text, err := r.Text(); err == nil {
			b.Request = string(text)
		}
	}
	return b, q.Discard()
}

// request reads the request of a commit by anybody.
func request(from *repo.Repo, tip repo.Hash) (team.Request, error) {
	raw, err := from.Commit(tip)
	if err != nil {
		return team.Request{}, err
	}
	line, _, _ := strings.Cut(string(raw), "\n")
	tree, err := repo.ParseHash(strings.TrimPrefix(line, "tree "))
	if err != nil {
		return team.Request{}, err
	}
	entries, err := from.Tree(tree)
	if err != nil {
		return team.Request{}, err
	}
	if len(entries) != 1 || entries[0].Name != fileName || entries[0].Dir {
		return team.Request{}, team.ErrRequest
	}
	text, err := from.Blob(entries[0].Hash)
	if err != nil {
		return team.Request{}, err
	}
	return team.ParseRequest(text)
}

// Take removes a branch that was answered or refused, unless it moved meanwhile.
func Take(ctx context.Context, p Place, v *vault.Vault, a Asked) error {
	err := p.Transport.Push(ctx, remote.Push{URL: p.URL, Ref: Folder + a.ID, Old: a.Tip, From: v.Repo().Dir(), Limits: p.Limits})
	if err != nil {
		return err
	}
	k, err := readKept(v.Local())
	if err != nil {
		return err
	}
	k.Branches = slices.DeleteFunc(k.Branches, func(b branch) bool { return b.ID == a.ID })
	return writeKept(ctx, v.Local(), k)
}
