// Package remote moves Git objects between a local repository and a remote one, and
// knows nothing of vaults. Three things are all that secr needs of a Git host: list a
// few refs, fetch one branch, and move one branch from a known value to a new one.
//
// There are two transports. [Native] runs the user's own git, so that credential
// helpers, ssh settings, proxies and certificates work as they do for the project.
// [Builtin] needs no git: it speaks Git's protocol over https, ssh and folders itself,
// with fewer settings, and says which ones it can't honour.
//
// Nothing that a remote sends is trusted. A fetch goes into a quarantine, a throw-away bare
// repository beside the real one (vault/repo), and ends at the first limit it meets; whoever
// called decides after looking whether the objects come in. No hook, filter, submodule or
// setting of a remote or of a project is ever run or obeyed, texts of a host are cleaned
// of terminal escapes, and a failure is an [Error] whose [Kind] says what to do about it.
//
// A transport never asks twice and never retries. When the context ends it stops the
// programs it started, and leaves the local repository as it was.
package remote

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/secr/secr/vault/repo"
)

// Hash is the name of a Git object. The zero Hash is no object; as the value of a ref
// it says that the ref isn't there.
type Hash = repo.Hash

// Transport is a way to a remote. Its methods may be called from several goroutines.
type Transport interface {
	// List returns those of the asked-for refs that the remote has.
	List(ctx context.Context, q List) (map[string]Hash, error)
	// Fetch brings one branch, with everything it needs that isn't here, into a
	// quarantine and returns where the branch stands. It fails with NoBranch when the
	// remote doesn't have the branch, and with TooMuch at the first limit.
	Fetch(ctx context.Context, f Fetch) (Hash, error)
	// Push moves one branch from a known value to a new one, or fails with Moved and
	// changes nothing. It does not look whether the new value descends from the old one.
	Push(ctx context.Context, p Push) error
}

// Glance is where a branch stands if the transport has asked already; the zero Hash says
// that the remote doesn't have it. A transport says so by a method of that name, and once:
// whoever asks again, because somebody was faster, asks the remote.
func Glance(t Transport, ref string) (tip Hash, known bool) {
	if asked, ok := t.(interface{ Glance(ref string) (Hash, bool) }); ok {
		return asked.Glance(ref)
	}
	return Hash{}, false
}

// List asks for refs.
type List struct {
	URL    URL
	Refs   []string // full names; one that ends in a slash asks for all refs under it
	Limits Limits
}

// Fetch asks for a branch.
type Fetch struct {
	URL    URL
	Ref    string           // full name, such as refs/heads/secr/vault
	Have   []Hash           // the commits that the quarantine was made with
	Into   *repo.Quarantine // receives the objects
	Limits Limits
}

// Push moves a branch.
type Push struct {
	URL    URL
	Ref    string
	Old    Hash   // what the remote must have now; zero: the ref isn't there
	New    Hash   // zero: delete the ref
	From   string // folder of the bare repository that holds New
	Limits Limits
}

// Limits bound what a remote can make this machine do. A zero field takes the field of
// [DefaultLimits].
type Limits struct {
	Bytes   int64         // received in one fetch
	Objects int           // received in one fetch
	Refs    int           // listed
	Time    time.Duration // for the whole step
	Idle    time.Duration // without any sign of progress
}

// DefaultLimits leave room for a vault a hundred times larger than a large one.
func DefaultLimits() Limits {
	return Limits{Bytes: 1 << 30, Objects: 4 << 20, Refs: 1 << 20, Time: 10 * time.Minute, Idle: time.Minute}
}

func (l Limits) orDefault() Limits {
	d := DefaultLimits()
	if l.Bytes == 0 {
		l.Bytes = d.Bytes
	}
	if l.Objects == 0 {
		l.Objects = d.Objects
	}
	if l.Refs == 0 {
		l.Refs = d.Refs
	}
	if l.Time == 0 {
		l.Time = d.Time
	}
	if l.Idle == 0 {
		l.Idle = d.Idle
	}
	return l
}

// errRef is the cause when a caller names a ref that secr would never use.
var errRef = errors.New("not the full name of a ref")

// checkRef accepts full ref names in plain letters. It is stricter than git on purpose:
// the names become arguments.
func checkRef(ref string) error {
	body, ok := strings.CutPrefix(ref, "refs/")
	if !ok || body == "" || len(ref) > 250 {
		return fmt.Errorf("%q: %w", ref, errRef)
	}
	for part := range strings.SplitSeq(strings.TrimSuffix(body, "/"), "/") {
		if !isWord(part) || strings.Contains(part, "..") || strings.HasSuffix(part, ".") || strings.HasSuffix(part, ".lock") {
			return fmt.Errorf("%q: %w", ref, errRef)
		}
	}
	return nil
}

// wanted reports whether ref is one that the list asks for.
func (q List) wanted(ref string) bool { return named(q.Refs, ref) }

// named reports whether ref is among names, or under one that ends in a slash.
func named(names []string, ref string) bool {
	for _, name := range names {
		if ref == name || strings.HasSuffix(name, "/") && strings.HasPrefix(ref, name) {
			return true
		}
	}
	return false
}
