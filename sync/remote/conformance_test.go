package remote_test

import (
	"context"
	"encoding/hex"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/sync/remote/remotetest"
	"github.com/secr/secr/vault/repo"
)

const branch = "refs/heads/secr/vault"

// repository is this machine's repository.
func repository(t *testing.T) *repo.Repo {
	t.Helper()
	r, err := repo.Create(filepath.Join(t.TempDir(), "local.git"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func quarantine(t *testing.T, r *repo.Repo, have ...remote.Hash) *repo.Quarantine {
	t.Helper()
	q, err := r.Quarantine(context.Background(), have...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := q.Discard(); err != nil {
			t.Error(err)
		}
	})
	return q
}

// lab is one transport against one host, with a local repository.
type lab struct {
	t         *testing.T
	host      *remotetest.Host
	transport remote.Transport
	notes     *[]string
	local     *repo.Repo
	there     string // the host's bare repository
	url       remote.URL
}

// transports are the ways to make a transport that a host lets in.
func transports() map[string]func(*testing.T, *remotetest.Host, ...string) (remote.Transport, *[]string) {
	return map[string]func(*testing.T, *remotetest.Host, ...string) (remote.Transport, *[]string){
		"builtin": builtin,
		"native": func(t *testing.T, h *remotetest.Host, env ...string) (remote.Transport, *[]string) {
			notes := &[]string{}
			return remote.NewNative(remote.NativeOptions{
				Git: remotetest.Git(t), Environ: append(remotetest.Env(t, h.Env...), env...),
				Note: func(s string) { *notes = append(*notes, s) },
			}), notes
		},
	}
}

func conform(t *testing.T, claim func(*lab)) {
	t.Parallel()
	hosts := remotetest.Hosts(t)
	for name, make := range transports() {
		for _, h := range hosts {
			t.Run(name+"/"+h.Name, func(t *testing.T) {
				t.Parallel() // ssh mostly waits
				l := &lab{t: t, host: h, local: repository(t)}
				l.transport, l.notes = make(t, h)
				repository := strings.ReplaceAll(t.Name(), "/", "-")
				l.there, l.url = h.Create(t, repository), parse(t, h.Address(repository))
				claim(l)
			})
		}
	}
}

func builtin(t *testing.T, h *remotetest.Host, _ ...string) (remote.Transport, *[]string) {
	t.Helper()
	if h.Key == "" {
		h.Key = remotetest.Keygen(t)
	}
	notes := &[]string{}
	o := remotetest.BuiltinOptions(t, h)
	o.SSH.User, o.Note = "nobody", func(s string) { *notes = append(*notes, s) }
	return remote.NewBuiltin(o), notes
}

func parse(t *testing.T, raw string) remote.URL {
	t.Helper()
	u, err := remote.Parse(raw, remote.FromUser, "")
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func hash(t *testing.T, text string) remote.Hash {
	t.Helper()
	h, err := repo.ParseHash(text)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (l *lab) commit(parent remote.Hash, path, content string) remote.Hash {
	l.t.Helper()
	name := ""
	if !parent.IsZero() {
		name = parent.String()
	}
	return hash(l.t, remotetest.Commit(l.t, l.local.Dir(), name, path, content))
}

func (l *lab) push(old, new remote.Hash) error {
	return l.transport.Push(context.Background(), remote.Push{URL: l.url, Ref: branch, Old: old, New: new, From: l.local.Dir()})
}

func (l *lab) mustPush(old, new remote.Hash) {
	l.t.Helper()
	if err := l.push(old, new); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) list(refs ...string) map[string]remote.Hash {
	l.t.Helper()
	got, err := l.transport.List(context.Background(), remote.List{URL: l.url, Refs: refs})
	if err != nil {
		l.t.Fatal(err)
	}
	return got
}

func (l *lab) fetch(q *repo.Quarantine, limits remote.Limits, have ...remote.Hash) (remote.Hash, error) {
	return l.transport.Fetch(context.Background(), remote.Fetch{URL: l.url, Ref: branch, Have: have, Into: q, Limits: limits})
}

func (l *lab) stands(want remote.Hash) {
	l.t.Helper()
	got := l.list(branch)
	expected := map[string]remote.Hash{branch: want}
	if want == (remote.Hash{}) {
		expected = map[string]remote.Hash{}
	}
	if diff := cmp.Diff(expected, got); diff != "" {
		l.t.Errorf("the remote's branch (-want +got):\n%s", diff)
	}
}

func wantKind(t *testing.T, err error, want remote.Kind) {
	t.Helper()
	if got := remote.KindOf(err); err == nil || got != want {
		t.Errorf("error %v is of kind %q, want %q", err, got, want)
	}
}

func TestAnEmptyRepositoryHasNoRefsAndNoBranch(t *testing.T) {
	conform(t, func(l *lab) {
		l.stands(remote.Hash{})
		_, err := l.fetch(quarantine(l.t, l.local), remote.Limits{})
		wantKind(l.t, err, remote.NoBranch)
	})
}

func TestListGivesOnlyWhatWasAskedFor(t *testing.T) {
	conform(t, func(l *lab) {
		tip := remotetest.Commit(l.t, l.there, "", "a", "1")
		for _, ref := range []string{branch, "refs/heads/main", "refs/heads/secr/join/x1", "refs/heads/secr/join/x2", "refs/tags/v1", "refs/heads/x/" + branch} {
			remotetest.Run(l.t, l.there, "update-ref", ref, tip)
		}
		h := hash(l.t, tip)
		want := map[string]remote.Hash{branch: h, "refs/heads/secr/join/x1": h, "refs/heads/secr/join/x2": h}
		if diff := cmp.Diff(want, l.list(branch, "refs/heads/secr/join/", "refs/heads/not-there")); diff != "" {
			l.t.Errorf("refs (-want +got):\n%s", diff)
		}
	})
}

func TestPushMovesTheBranchOnlyFromWhereItStands(t *testing.T) {
	conform(t, func(l *lab) {
		one := l.commit(remote.Hash{}, "a", "1")
		two := l.commit(one, "b", "2")
		other := l.commit(one, "c", "3")
		l.mustPush(remote.Hash{}, one)
		l.stands(one)
		wantKind(l.t, l.push(remote.Hash{}, two), remote.Moved)
		l.stands(one)
		l.mustPush(one, two)
		l.stands(two)
		wantKind(l.t, l.push(one, other), remote.Moved)
		l.stands(two)
		// A repair may go sideways or back, from exactly what was seen.
		l.mustPush(two, other)
		l.stands(other)
		l.mustPush(other, one)
		l.stands(one)
		wantKind(l.t, l.push(two, other), remote.Moved)
		l.mustPush(one, remote.Hash{})
		l.stands(remote.Hash{})
		remotetest.Run(l.t, l.there, "fsck", "--strict")
	})
}

func TestFetchBringsTheBranchAndOnlyWhatIsMissing(t *testing.T) {
	conform(t, func(l *lab) {
		one := l.commit(remote.Hash{}, "a", "1")
		l.mustPush(remote.Hash{}, one)
		two := hash(l.t, remotetest.Commit(l.t, l.there, one.String(), "b", "2"))
		remotetest.Run(l.t, l.there, "update-ref", branch, two.String())

		fresh := quarantine(l.t, repository(l.t))
		got, err := l.fetch(fresh, remote.Limits{})
		if err != nil || got != two {
			l.t.Fatalf("fetch into nothing: %x, %v; want %x", got, err, two)
		}
		remotetest.Run(l.t, fresh.Dir(), "fsck", "--strict", two.String())
		if n := objects(l.t, fresh.Dir()); n != 6 {
			l.t.Errorf("a first fetch brought %d objects, want 6", n)
		}

		more := quarantine(l.t, l.local, one)
		if got, err = l.fetch(more, remote.Limits{}, one); err != nil || got != two {
			l.t.Fatalf("fetch of the rest: %x, %v; want %x", got, err, two)
		}
		if n := objects(l.t, more.Dir()); n != 3 {
			l.t.Errorf("the fetch of one commit brought %d objects, want 3", n)
		}
	})
}

func TestFetchOfWhatIsHereBringsNothing(t *testing.T) {
	conform(t, func(l *lab) {
		one := l.commit(remote.Hash{}, "a", "1")
		two := l.commit(one, "b", "2")
		l.mustPush(remote.Hash{}, one)
		for _, have := range [][]remote.Hash{{one}, {two}, {two, one}} {
			q := quarantine(l.t, l.local, have...)
			got, err := l.fetch(q, remote.Limits{}, have...)
			if err != nil || got != one {
				l.t.Fatalf("fetch: %x, %v; want %x", got, err, one)
			}
			if n := objects(l.t, q.Dir()); n != 0 {
				l.t.Errorf("a fetch of nothing new brought %d objects", n)
			}
		}
	})
}

// objects counts what a quarantine itself holds.
func objects(t *testing.T, dir string) int {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, "objects", "info", "alternates")); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	out := remotetest.Run(t, dir, "cat-file", "--batch-check", "--batch-all-objects")
	if out == "" {
		return 0
	}
	return strings.Count(out, "\n") + 1
}

func TestFetchEndsAtItsLimits(t *testing.T) {
	conform(t, func(l *lab) {
		tip := remotetest.Commit(l.t, l.there, "", "a", strings.Repeat("x", 10))
		for i := range 20 {
			tip = remotetest.Commit(l.t, l.there, tip, "noise", randomText(i))
		}
		remotetest.Run(l.t, l.there, "update-ref", branch, tip)
		_, err := l.fetch(quarantine(l.t, repository(l.t)), remote.Limits{Objects: 62})
		wantKind(l.t, err, remote.TooMuch)
		_, err = l.fetch(quarantine(l.t, repository(l.t)), remote.Limits{Bytes: 50_000})
		wantKind(l.t, err, remote.TooMuch)
		if _, err = l.fetch(quarantine(l.t, repository(l.t)), remote.Limits{Objects: 63, Bytes: 1 << 20}); err != nil {
			l.t.Errorf("a fetch exactly at the limit: %v", err)
		}
	})
}

// randomText is text that doesn't compress, the same for every run.
func randomText(seed int) string {
	state := uint32(seed*2654435761 + 12345)
	out := make([]byte, 5000)
	for i := range out {
		state ^= state << 13
		state ^= state >> 17
		state ^= state << 5
		out[i] = byte(state)
	}
	return hex.EncodeToString(out[:])
}

func TestFetchTakesOnlyTheBranchOfAHostWithManyRefs(t *testing.T) {
	conform(t, func(l *lab) {
		tip := remotetest.Commit(l.t, l.there, "", "a", "1")
		remotetest.Run(l.t, l.there, "update-ref", branch, tip)
		other := remotetest.Commit(l.t, l.there, "", "noise", "2")
		var script strings.Builder
		for i := range 800 {
			script.WriteString("create refs/heads/other/" + hex.EncodeToString([]byte{byte(i >> 8), byte(i)}) + " " + other + "\n")
			script.WriteString("create refs/tags/t" + hex.EncodeToString([]byte{byte(i >> 8), byte(i)}) + " " + tip + "\n")
		}
		remotetest.RunInput(l.t, l.there, script.String(), "update-ref", "--stdin")
		remotetest.Run(l.t, l.there, "pack-refs", "--all")
		q := quarantine(l.t, repository(l.t))
		got, err := l.fetch(q, remote.Limits{})
		if err != nil || got != hash(l.t, tip) {
			l.t.Fatalf("fetch: %x, %v", got, err)
		}
		if n := objects(l.t, q.Dir()); n != 3 {
			l.t.Errorf("the quarantine holds %d objects, want the branch's 3", n)
		}
		if refs := remotetest.Run(l.t, q.Dir(), "for-each-ref", "--format=%(refname)"); strings.Contains(refs, "tags") || strings.Contains(refs, "other") {
			l.t.Errorf("refs came along:\n%s", refs)
		}
	})
}

func TestARejectedPushSaysWhyInCleanWords(t *testing.T) {
	conform(t, func(l *lab) {
		if l.host.Name == "file" {
			return // see TestAFolderStartsNothing
		}
		remotetest.Hook(l.t, l.there, "pre-receive", `printf '\033[31mno pushes\033[0m on \033]0;title\007Fridays\n' >&2; exit 1`)
		err := l.push(remote.Hash{}, l.commit(remote.Hash{}, "a", "1"))
		wantKind(l.t, err, remote.Rejected)
		if err == nil || !strings.Contains(err.Error(), "no pushes on Fridays") || strings.ContainsAny(err.Error(), "\x1b\x07") {
			l.t.Errorf("the message is %q", err)
		}
		l.stands(remote.Hash{})
		remotetest.Hook(l.t, l.there, "pre-receive", `echo 'your storage quota is used up' >&2; exit 1`)
		wantKind(l.t, l.push(remote.Hash{}, l.commit(remote.Hash{}, "a", "1")), remote.Quota)
	})
}

func TestAMissingRepositoryIsNamed(t *testing.T) {
	conform(t, func(l *lab) {
		l.url = parse(l.t, l.host.Address("not-there"))
		_, err := l.fetch(quarantine(l.t, repository(l.t)), remote.Limits{})
		wantKind(l.t, err, remote.NoRepository)
		wantKind(l.t, l.push(remote.Hash{}, l.commit(remote.Hash{}, "a", "1")), remote.NoRepository)
		_, err = l.transport.List(context.Background(), remote.List{URL: l.url, Refs: []string{branch}})
		wantKind(l.t, err, remote.NoRepository)
		if err != nil && !strings.Contains(err.Error(), l.url.String()) {
			l.t.Errorf("the message %q doesn't name the address", err)
		}
	})
}

func TestARefusedConnectionIsNamed(t *testing.T) {
	for name, make := range transports() {
		for _, scheme := range []string{"https", "ssh"} {
			t.Run(name+"/"+scheme, func(t *testing.T) {
				if scheme == "ssh" {
					remotetest.Need(t, "ssh")
				}
				address := remotetest.Refusing(t)
				tr, _ := make(t, &remotetest.Host{}, "GIT_SSH_COMMAND=ssh -F none")
				_, err := tr.List(context.Background(), remote.List{URL: parse(t, scheme+"://"+address+"/x.git"), Refs: []string{branch}})
				wantKind(t, err, remote.Refused)
			})
		}
	}
}

// silent is a server that takes connections and says nothing.
func silent(t *testing.T) (address string, connected <-chan struct{}) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	seen := make(chan struct{}, 100)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
			seen <- struct{}{}
		}
	}()
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().String(), seen
}

func TestASilentHostRunsIntoTheDeadline(t *testing.T) {
	for name, make := range transports() {
		for _, scheme := range []string{"https", "ssh"} {
			t.Run(name+"/"+scheme, func(t *testing.T) {
				if scheme == "ssh" {
					remotetest.Need(t, "ssh")
				}
				address, _ := silent(t)
				tr, _ := make(t, &remotetest.Host{}, "GIT_SSH_COMMAND=ssh -F none")
				for _, limits := range []remote.Limits{{Idle: 300 * time.Millisecond}, {Time: 300 * time.Millisecond}} {
					_, err := tr.List(context.Background(), remote.List{URL: parse(t, scheme+"://"+address+"/x.git"), Refs: []string{branch}, Limits: limits})
					wantKind(t, err, remote.Timeout)
				}
			})
		}
	}
}

func TestAnInterruptionEndsTheTransfer(t *testing.T) {
	for name, make := range transports() {
		for _, scheme := range []string{"https", "ssh"} {
			t.Run(name+"/"+scheme, func(t *testing.T) {
				if scheme == "ssh" {
					remotetest.Need(t, "ssh")
				}
				address, connected := silent(t)
				ctx, cancel := context.WithCancel(context.Background())
				go func() { <-connected; cancel() }()
				tr, _ := make(t, &remotetest.Host{}, "GIT_SSH_COMMAND=ssh -F none")
				_, err := tr.Fetch(ctx, remote.Fetch{URL: parse(t, scheme+"://"+address+"/x.git"), Ref: branch, Into: quarantine(t, repository(t))})
				wantKind(t, err, remote.Interrupted)
				if !errors.Is(err, context.Canceled) {
					t.Errorf("%v doesn't wrap context.Canceled", err)
				}
			})
		}
	}
}
