package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// shared is a vault on a remote in a folder, and plain git beside it.
type shared struct {
	v      vault
	remote string // bare repository
	plain  string // a bare clone of it for plain git
	id     string // of the vault
	token  string // of a machine that may write
}

// share puts a vault of many secrets, and at least as many changes, on a remote.
func (b *bench) share() (shared, error) {
	v, err := b.fresh("shared", b.large())
	if err != nil {
		return shared{}, err
	}
	if _, err := b.secr(v, "import", v.plain).once(); err != nil {
		return shared{}, err
	}
	token, id, err := b.token(v, "developer")
	if err != nil {
		return shared{}, err
	}
	if _, err := b.lengthenAs(v.as(token), id, b.large()); err != nil {
		return shared{}, err
	}
	s := shared{v: v, id: id, token: token, remote: filepath.Join(b.dir, "remote.git"), plain: filepath.Join(b.dir, "plain.git")}
	steps := command{dir: v.project, env: v.env, argvs: [][]string{
		{"git", "init", "-q", "--bare", s.remote},
		{"git", "init", "-q"},
		{"git", "remote", "add", "origin", s.remote},
	}}
	if _, err := steps.once(); err != nil {
		return s, err
	}
	if _, err := b.secr(v, "sync").once(); err != nil {
		return s, err
	}
	_, err = s.git(b, "clone", "-q", "--bare", "--branch", "secr/vault", "file://"+s.remote, s.plain).once()
	return s, err
}

// git is one call of plain git.
func (s shared) git(b *bench, args ...string) command {
	return command{dir: b.dir, env: append(base(b.dir), "GIT_AUTHOR_NAME=b", "GIT_AUTHOR_EMAIL=b@example.com",
		"GIT_COMMITTER_NAME=b", "GIT_COMMITTER_EMAIL=b@example.com"), argvs: [][]string{append([]string{"git"}, args...)}}
}

// syncing measures sync against what plain git takes to move the same.
func syncing(b *bench, t *table) error {
	s, err := b.share()
	if err != nil {
		return err
	}
	changes, err := s.git(b, "--git-dir="+s.plain, "rev-list", "--count", "secr/vault").number()
	if err != nil {
		return err
	}
	fetch := s.git(b, "--git-dir="+s.plain, "fetch", "-q", "--no-tags", s.remote, "refs/heads/secr/vault")
	idle, err := medians(b.times(40), b.secr(s.v, "sync"), fetch)
	if err != nil {
		return err
	}
	t.number("`sync` with nothing to do, more than `git fetch`, "+thousands(changes)+" changes", milliseconds(idle[0]-idle[1]), 10, "ms")
	if err := b.oneChange(s, t, fetch, changes); err != nil {
		return err
	}
	if err := b.manyChanges(s, t); err != nil {
		return err
	}
	if err := b.cloning(s, t, changes); err != nil {
		return err
	}
	return b.racing(s, t)
}

// oneChange measures the sharing of one change.
func (b *bench) oneChange(s shared, t *table, fetch command, changes int) error {
	var ours, theirs []time.Duration
	for i := range b.times(100) {
		if _, err := b.secr(s.v, "set", fmt.Sprintf("VARIABLE_00001=shared-%d", i)).once(); err != nil {
			return err
		}
		took, err := b.secr(s.v, "sync").once()
		if err != nil {
			return err
		}
		ours = append(ours, took)
		if took, err = s.plainPush(b, fetch, 1); err != nil {
			return err
		}
		theirs = append(theirs, took)
	}
	t.ratio("`sync` of one change, "+thousands(changes)+" before it", "`git fetch` and `git push` of one commit", median(ours), median(theirs), 1.3)
	return nil
}

// plainPush commits n times to the plain branch, and times a fetch and a push.
func (s shared) plainPush(b *bench, fetch command, n int) (time.Duration, error) {
	for range n {
		script := `t=$(git --git-dir="$1" rev-parse plain^{tree} 2>/dev/null || git --git-dir="$1" rev-parse secr/vault^{tree})
p=$(git --git-dir="$1" rev-parse -q --verify plain || git --git-dir="$1" rev-parse secr/vault)
b=$(head -c 640 /dev/urandom | git --git-dir="$1" hash-object -w --stdin)
t=$( { git --git-dir="$1" ls-tree $t | grep -v noise; printf '100644 blob %s\tnoise\n' $b; } | git --git-dir="$1" mktree)
git --git-dir="$1" update-ref refs/heads/plain $(git --git-dir="$1" commit-tree -m x -p $p $t)`
		make := s.git(b)
		make.argvs = [][]string{{"sh", "-c", script, "sh", s.plain}}
		if _, err := make.once(); err != nil {
			return 0, err
		}
	}
	push := s.git(b, "--git-dir="+s.plain, "push", "-q", s.remote, "refs/heads/plain:refs/heads/plain")
	push.argvs = append(append([][]string{}, fetch.argvs...), push.argvs...)
	return push.once()
}

// manyChanges measures the replay of many local changes on a head that moved.
func (b *bench) manyChanges(s shared, t *table) error {
	many := 1_000
	if b.quick {
		many = 100
	}
	other, err := b.second(s)
	if err != nil {
		return err
	}
	path, _ := b.program("secr")
	head, err := command{dir: other.project, env: other.env, argvs: [][]string{{path, "git", "rev-list", "--count", "HEAD"}}}.number()
	if err != nil {
		return err
	}
	other = other.as(s.token) // who makes changes again must be who made them
	if _, err := b.lengthenAs(other, s.id, head+many); err != nil {
		return err
	}
	for _, args := range [][]string{{"set", "NEW=there"}, {"sync"}} {
		if _, err := b.secr(s.v, args...).once(); err != nil {
			return err
		}
	}
	ours, err := b.secr(other, "sync").once()
	if err != nil {
		return err
	}
	theirs, err := s.plainPush(b, s.git(b, "--git-dir="+s.plain, "fetch", "-q", s.remote, "refs/heads/secr/vault"), many)
	if err != nil {
		return err
	}
	t.ratio("`sync` that replays "+thousands(many)+" changes", "`git fetch` and `git push` of as many commits", ours, theirs, 20)
	return nil
}

// second is another machine of the same person, with a clone.
func (b *bench) second(s shared) (vault, error) {
	v, err := b.beside(s, "second")
	if err != nil {
		return v, err
	}
	_, err = b.secr(v, "clone").once()
	return v, err
}

// beside is a machine with the same identity and the project's files, without the vault.
func (b *bench) beside(s shared, name string) (vault, error) {
	home := filepath.Join(b.dir, name)
	v := vault{size: s.v.size, home: home, project: filepath.Join(home, "project")}
	v.env = append(base(home), "SECR_HOME="+filepath.Join(home, "secr"), "SECR_KEYRING=file", "SECR_PASSPHRASE=only-for-this-benchmark")
	if err := os.MkdirAll(v.project, 0o700); err != nil {
		return v, err
	}
	if err := os.CopyFS(filepath.Join(home, "secr", "config"), os.DirFS(filepath.Join(s.v.home, "secr", "config"))); err != nil {
		return v, err
	}
	if err := os.Remove(filepath.Join(home, "secr", "config", "links.json")); err != nil {
		return v, err
	}
	steps := command{dir: v.project, env: v.env, argvs: [][]string{
		{"cp", filepath.Join(s.v.project, "secr.toml"), "."}, {"git", "init", "-q"}, {"git", "remote", "add", "origin", s.remote},
	}}
	_, err := steps.once()
	return v, err
}

// cloning measures a first clone, which verifies every change.
func (b *bench) cloning(s shared, t *table, changes int) error {
	var ours, theirs []time.Duration
	for i := range 5 {
		v, err := b.beside(s, fmt.Sprint("clone-", i))
		if err != nil {
			return err
		}
		clone, err := b.secr(v, "clone").once()
		if err != nil {
			return err
		}
		plain, err := s.git(b, "clone", "-q", "--bare", "--branch", "secr/vault", "file://"+s.remote, filepath.Join(b.dir, fmt.Sprint("plain-clone-", i))).once()
		if err != nil {
			return err
		}
		if err := os.RemoveAll(filepath.Join(v.home, "secr", "cache")); err != nil {
			return err
		}
		var verified [2]time.Duration
		for k := range verified {
			if verified[k], err = b.secr(v, "ls").once(); err != nil {
				return err
			}
		}
		ours, theirs = append(ours, clone), append(theirs, plain+max(verified[0]-verified[1], 0))
	}
	t.ratio("first `clone`, "+thousands(s.v.size)+" secrets, "+thousands(changes)+" changes", "`git clone --bare`, and verifying every change", median(ours), median(theirs), 1.3)
	return nil
}
