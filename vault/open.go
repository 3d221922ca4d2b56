package vault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/change"
	"github.com/secr/secr/vault/local"
	"github.com/secr/secr/vault/repo"
)

// branch is the ref that shows the head to stock git.
const branch = "refs/heads/secr/vault"

// window is how many changes are read and prepared at a time.
const window = 256

// Refresh reads the head file again, and verifies what came since the state that
// this vault knows.
func (v *Vault) Refresh(ctx context.Context) error {
	if v.head != nil {
		return ErrReadOnly
	}
	head, err := v.local.ReadHead()
	if err != nil {
		return err
	}
	if v.state != nil && v.state.Head().Sum == head.Sum {
		return nil
	}
	base := v.state
	if base == nil {
		base = v.cached()
	}
	next, err := Verify(ctx, v.repo, base, head.ID)
	if err != nil {
		return err
	}
	if h := next.Head(); h.Sum != head.Sum || h.Seq != head.Seq || next.VaultID() != v.ID() {
		return &local.FileError{Path: filepath.Join(v.local.State(), "head"), Err: fmt.Errorf("%w: its number or hash is not that of its commit in this vault", local.ErrDamaged)}
	}
	v.state = next
	if next != base {
		v.writeCache(next)
	}
	return nil
}

// Verify returns the state that a commit leaves, with every change since the head
// of base checked; since the founding change when base is nil or when the commit
// does not descend from it. It reads a repository, perhaps a quarantine, and changes
// nothing. A change that breaks a rule is a
// *chain.Error.
func Verify(ctx context.Context, from *repo.Repo, base *chain.State, id repo.Hash) (*chain.State, error) {
	path, founded, err := way(ctx, from, base, id)
	if err != nil {
		return nil, err
	}
	if founded {
		base = nil
	}
	for len(path) > 0 {
		n := min(window, len(path))
		if base, err = advance(ctx, from, base, path[:n]); err != nil {
			return nil, err
		}
		path = path[n:]
	}
	return base, nil
}

// way is the commits after base's head up to id, oldest first. founded says that
// it starts at the founding change.
func way(ctx context.Context, from *repo.Repo, base *chain.State, id repo.Hash) (path []repo.Hash, founded bool, err error) {
	for at := id; ; {
		if base != nil && at == base.Head().ID {
			break
		}
		if err := ctx.Err(); err != nil {
			return nil, false, err
		}
		raw, err := from.Commit(at)
		if err != nil {
			return nil, false, fmt.Errorf("read change %x: %w", at[:4], err)
		}
		c, err := change.Parse(raw)
		if err != nil {
			return nil, false, err
		}
		path = append(path, at)
		if c.Founding() {
			founded = true
			break
		}
		at = c.Parent
	}
	for i, j := 0, len(path)-1; i < j; i, j = i+1, j-1 {
		path[i], path[j] = path[j], path[i]
	}
	return path, founded, nil
}

// advance applies commits to base, which is nil before the founding change. What
// needs no state is done on all cores.
func advance(ctx context.Context, from *repo.Repo, base *chain.State, path []repo.Hash) (*chain.State, error) {
	prepared := make([]*chain.Prepared, len(path))
	raws := make([][]byte, len(path))
	trees := make([]repo.Hash, len(path)+1)
	if base != nil {
		trees[0] = base.Tree()
	}
	for i, id := range path {
		raw, err := from.Commit(id)
		if err != nil {
			return nil, fmt.Errorf("read change %x: %w", id[:4], err)
		}
		c, err := change.Parse(raw)
		if err != nil {
			return nil, err
		}
		raws[i], trees[i+1] = raw, c.Tree
	}
	err := parallel(len(path), func(i int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		touched, err := touchedBetween(from, trees[i], trees[i+1])
		if err == nil {
			prepared[i] = chain.Prepare(path[i], raws[i], touched)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, p := range prepared {
		if base == nil {
			base, err = chain.FoundPrepared(p)
		} else {
			base, err = base.ApplyPrepared(p)
		}
		if err != nil {
			return nil, err
		}
	}
	return base, nil
}

// touched is what lies between two trees.
func touchedBetween(from *repo.Repo, old, new repo.Hash) ([]chain.Touched, error) {
	diff, err := repo.Diff(from, old, new, chain.MaxTouched)
	if err != nil {
		return nil, err
	}
	out := make([]chain.Touched, len(diff))
	for i, d := range diff {
		out[i].Path = d.Path
		if d.New == (repo.Hash{}) {
			continue
		}
		data, err := from.Blob(d.New)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", d.Path, err)
		}
		out[i].New = &chain.Blob{Hash: d.New, Data: data}
	}
	return out, nil
}

// parallel calls f for 0 to n-1 on all cores, and returns the error of the
// lowest number that failed.
func parallel(n int, f func(int) error) error { return spread(runtime.GOMAXPROCS(0), n, f) }

// spread is parallel with so many at once.
func spread(workers, n int, f func(int) error) error {
	workers = min(workers, n)
	errs := make([]error, n)
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			for i := w; i < n; i += workers {
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
	return nil
}

// caught is f(i), with an error for changes that are lost.
func caught(f func(int) error, i int) (err error) {
	defer chain.Caught(&err)
	return f(i)
}

// healRef puts the ref right that shows the head to stock git: it is written
// after the head file, so that a crash between leaves it behind. A vault that
// can't be written, or that somebody else is writing, stays as it is.
func (v *Vault) healRef(ctx context.Context) error {
	at, err := v.repo.Ref(branch)
	if err == nil && at == v.Head().ID {
		return nil
	}
	now, cancel := context.WithCancel(ctx)
	cancel() // one attempt: who holds the lock will write the ref himself
	lock, err := v.local.Lock(now, "open")
	if err != nil {
		return nil
	}
	defer lock.Unlock()
	if err := v.Refresh(ctx); err != nil {
		return err
	}
	if err := v.repo.SetRef(branch, v.Head().ID); err != nil && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}
