package remote

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/secr/secr/vault/repo"
)

// Native is the transport of the user's own git program. Its arguments are fixed but for
// addresses, refs and folders; everything secret travels in the environment.
type Native struct {
	o      NativeOptions
	env    []string
	folder *Builtin // for folders that are the host, as far as it knows them
}

// NativeOptions say how git is run.
type NativeOptions struct {
	Git      string   // absolute path of the program, see [FindGit]
	Environ  []string // the user's environment; what could redirect git is taken out
	Project  string   // a folder in the project's work tree, which lends settings; empty: none
	Prompt   Prompt
	Progress func(line string) // what git and the host say meanwhile, clean; may be nil
	Note     func(text string) // settings that were not honoured; may be nil
}

// Prompt says what git and ssh may ask a person.
type Prompt int

const (
	// PromptNever asks nothing and starts no askpass program.
	PromptNever Prompt = iota
	// PromptPrograms lets the askpass programs that the environment names answer.
	PromptPrograms
	// PromptTerminal lets git and ssh ask on the terminal.
	PromptTerminal
)

// NewNative makes the transport. It starts nothing yet.
func NewNative(o NativeOptions) *Native {
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if o.Note == nil {
		o.Note = func(string) {}
	}
	n := &Native{o: o, env: scrub(o.Environ, o.Prompt)}
	n.folder = NewBuiltin(BuiltinOptions{Progress: o.Progress, Note: o.Note})
	n.folder.pack = n.packInto
	return n
}

// FindGit looks for git in the absolute folders of a PATH, never in the current folder.
func FindGit(path string) (string, error) {
	for _, dir := range filepath.SplitList(path) {
		if !filepath.IsAbs(dir) {
			continue
		}
		file := filepath.Join(dir, gitProgram)
		if info, err := os.Stat(file); err == nil && isProgram(info) {
			return file, nil
		}
	}
	return "", &Error{Kind: NoGit, URL: "git", Message: "not found in PATH"}
}

// settings that go before every command of ours. They beat every configuration file.
func settings() []string {
	return []string{
		"-c", "core.hooksPath=/dev/null",
		"-c", "core.fsmonitor=false",
		"-c", "core.bigFileThreshold=16m",
		"-c", "gc.auto=0",
		"-c", "maintenance.auto=false",
		"-c", "submodule.recurse=false",
		"-c", "protocol.version=2",
		"-c", "transfer.bundleURI=false",
		"-c", "fetch.uriProtocols=",
		"-c", "fetch.bundleURI=",
		"-c", "fetch.fsckObjects=false",
		"-c", "fetch.unpackLimit=1",
		"-c", "fetch.writeCommitGraph=false",
		"-c", "push.pushOption=",
		"-c", "safe.bareRepository=explicit",
	}
}

// List runs git ls-remote, or reads the folder.
func (n *Native) List(ctx context.Context, q List) (map[string]Hash, error) {
	patterns := make([]string, 0, len(q.Refs))
	for _, ref := range q.Refs {
		if err := checkRef(ref); err != nil {
			return nil, err
		}
		if strings.HasSuffix(ref, "/") {
			ref += "*"
		}
		patterns = append(patterns, ref)
	}
	if q.URL.scheme == File {
		if refs, err := n.folder.List(ctx, q); !isForGit(err) {
			return refs, err
		}
	}
	limits := q.Limits.orDefault()
	args := append(settings(), "ls-remote", "--refs", "--quiet", "--", q.URL.String())
	out, err := n.run(ctx, invocation{url: q.URL, args: append(args, patterns...), limits: limits, maxOutput: int64(limits.Refs) * maxRefLine})
	if err != nil {
		return nil, err
	}
	refs, err := parseRefs(out, q, limits.Refs)
	if err != nil {
		return nil, &Error{Kind: Broken, URL: q.URL.String(), Err: err}
	}
	return refs, nil
}

// maxRefLine is what a line of ls-remote may take.
const maxRefLine = 320

func parseRefs(out []byte, q List, limit int) (map[string]Hash, error) {
	refs := map[string]Hash{}
	for line := range strings.Lines(string(out)) {
		id, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		h, err := repo.ParseHash(id)
		if !ok || err != nil {
			return nil, errors.New("git ls-remote printed a line that isn't a ref")
		}
		if !q.wanted(name) || checkRef(name) != nil {
			continue
		}
		if len(refs) == limit {
			return nil, errors.New("too many refs")
		}
		refs[name] = h
	}
	return refs, nil
}

// incoming is where a fetched branch stands in its quarantine.
const incoming = "refs/secr/incoming"

// Fetch runs git fetch in the quarantine.
func (n *Native) Fetch(ctx context.Context, f Fetch) (Hash, error) {
	if err := checkRef(f.Ref); err != nil {
		return Hash{}, err
	}
	dir := f.Into.Dir()
	limits := f.Limits.orDefault()
	// Nothing in a quarantine needs to survive a crash, and its refs name all that is here
	// already: git need not ask the repository behind it.
	args := append([]string{"--git-dir=" + dir, "-c", "core.fsync=none", "-c", "core.alternateRefsCommand=:"}, settings()...)
	args = append(args, "fetch", "--progress", "--no-tags", "--no-prune", "--no-write-fetch-head", "--no-recurse-submodules",
		"--no-auto-maintenance", "--", f.URL.String(), "+"+f.Ref+":"+incoming)
	env := []string{fmt.Sprintf("GIT_ALLOC_LIMIT=%d", allocLimit(limits))}
	_, err := n.run(ctx, invocation{url: f.URL, args: args, env: env, limits: limits, maxOutput: 64 << 10, watch: filepath.Join(dir, "objects")})
	if err != nil {
		return Hash{}, err
	}
	text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(incoming)))
	if err != nil {
		return Hash{}, &Error{Kind: Broken, URL: f.URL.String(), Err: err}
	}
	tip, err := repo.ParseHash(strings.TrimSuffix(string(text), "\n"))
	if err != nil {
		return Hash{}, &Error{Kind: Broken, URL: f.URL.String(), Message: "git fetch left no branch"}
	}
	if got := treeSize(filepath.Join(dir, "objects")); got > limits.Bytes {
		return Hash{}, tooMuch(f.URL, limits)
	}
	return tip, countObjects(f.URL, dir, limits)
}

// allocLimit is the largest piece of memory that git may ask for at once: its table of
// the objects of a pack, and far more than any object of ours. A delta that unfolds into
// gigabytes ends there.
func allocLimit(l Limits) int64 { return max(32<<20, int64(l.Objects)*96) }

// plainReceive takes a push into a folder on this machine. Without it a repository that
// somebody left there could start its hooks, and commands out of its settings, as this user.
const plainReceive = "git -c core.hooksPath=/dev/null -c core.alternateRefsCommand=: -c core.fsmonitor=false -c receive.autogc=false receive-pack"

// Push runs git push with a lease, which is Git's compare-and-swap. A branch in a folder is
// moved by this process itself: a git that is killed there leaves a lock that could be
// anybody's.
func (n *Native) Push(ctx context.Context, p Push) error {
	if err := checkRef(p.Ref); err != nil {
		return err
	}
	if p.Old == p.New {
		return nil
	}
	if p.URL.scheme == File {
		if err := n.folder.Push(ctx, p); !isForGit(err) {
			return err
		}
		if err := n.folder.unlock(ctx, p); err != nil {
			return err
		}
	}
	lease, source := "", ""
	if p.Old != (Hash{}) {
		lease = p.Old.String()
	}
	if p.New != (Hash{}) {
		source = p.New.String()
	}
	args := append([]string{"--git-dir=" + p.From}, settings()...)
	args = append(args, "push")
	if p.URL.scheme == File {
		args = append(args, "--receive-pack="+plainReceive)
	}
	args = append(args, "--progress", "--porcelain", "--no-verify", "--no-signed", "--no-follow-tags", "--recurse-submodules=no",
		"--force-with-lease="+p.Ref+":"+lease, "--", p.URL.String(), source+":"+p.Ref)
	_, err := n.run(ctx, invocation{url: p.URL, args: args, limits: p.Limits.orDefault(), maxOutput: 64 << 10})
	return err
}

func tooMuch(u URL, l Limits) error {
	return &Error{Kind: TooMuch, URL: u.String(), Message: fmt.Sprintf("the limit is %d MiB and %d objects", l.Bytes>>20, l.Objects)}
}

// treeSize adds up the files below a folder. Files that vanish meanwhile don't count.
func treeSize(dir string) int64 {
	var total int64
	filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			total += info.Size()
		}
		return nil
	})
	return total
}
