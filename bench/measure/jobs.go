package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

// starting measures `secr run` against a program that reads plain variables.
func starting(b *bench, t *table) error {
	floor, _ := b.program("envexec")
	for _, c := range []struct {
		size         int
		bar, closure float64
	}{{10, 2.5, 1.25}, {b.large(), 1.6, 1.25}} {
		v, err := b.vault(c.size)
		if err != nil {
			return err
		}
		commands := []command{
			{dir: v.project, env: v.env, argvs: [][]string{{floor, v.plain, "/bin/true"}}},
			b.secr(v, "run", "--", "/bin/true"),
		}
		fast, built := b.program("closure")
		if built {
			commands = append(commands, command{dir: v.project, env: v.env, argvs: [][]string{{fast, "run", "--", "/bin/true"}}})
		}
		took, err := medians(b.times(5), commands...)
		if err != nil {
			return err
		}
		job := fmt.Sprintf("`run -- true`, %s secrets", thousands(c.size))
		t.ratio(job, "a Go program that reads them from a plain file", took[1], took[0], c.bar)
		if built {
			t.ratio(job+", the fast closure alone", "the same", took[2], took[0], c.closure)
		}
	}
	return initialisation(b, t)
}

// noting measures what a receipt adds to `run`: against an environment that wants none.
func noting(b *bench, t *table) error {
	with, err := b.vault(10)
	if err != nil {
		return err
	}
	without, err := b.fresh("unnoted", 10)
	if err != nil {
		return err
	}
	for _, args := range [][]string{{"import", without.plain}, {"env", "set", "development", "--receipts", "off"}, {"run", "--", "/bin/true"}} {
		if _, err := b.secr(without, args...).once(); err != nil {
			return err
		}
	}
	took, err := beyond(4*b.times(5), b.secr(with, "run", "--", "/bin/true"), b.secr(without, "run", "--", "/bin/true"))
	if err != nil {
		return err
	}
	empty, err := b.empty()
	if err != nil {
		return err
	}
	t.start("a receipt: what it adds to `run -- true`", milliseconds(took), 0.2, empty)
	return nil
}

// empty is how many milliseconds an empty Go program takes.
func (b *bench) empty() (float64, error) {
	program, _ := b.program("empty")
	took, err := medians(b.times(20), command{dir: b.dir, env: base(b.dir), argvs: [][]string{{program}}})
	if err != nil {
		return 0, err
	}
	return milliseconds(took[0]), nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

var initLine = regexp.MustCompile(`^init (\S+) @\S+ ms, (\S+) ms clock`)

// initialisation adds up the package initialisation of `run` that its way doesn't need.
func initialisation(b *bench, t *table) error {
	fast, built := b.program("closure")
	if !built {
		return nil
	}
	v, err := b.vault(10)
	if err != nil {
		return err
	}
	secr, _ := b.program("secr")
	whole, err := inits(v, secr)
	if err != nil {
		return err
	}
	needed, err := inits(v, fast)
	if err != nil {
		return err
	}
	sum := 0.0
	for name, ms := range whole {
		if _, ok := needed[name]; !ok {
			sum += ms
		}
	}
	empty, err := b.empty()
	if err != nil {
		return err
	}
	t.start("package initialisation that `run` doesn't need", sum, 2.5, empty)
	return nil
}

// inits returns the milliseconds of each package's initialisation: the least of some runs.
func inits(v vault, program string) (map[string]float64, error) {
	least := map[string]float64{}
	for range 7 {
		cmd := exec.Command(program, "run", "--", "/bin/true")
		cmd.Dir, cmd.Env = v.project, append(v.env, "GODEBUG=inittrace=1")
		var said bytes.Buffer
		cmd.Stderr = &said
		if err := cmd.Run(); err != nil {
			return nil, err
		}
		lines := bufio.NewScanner(&said)
		for lines.Scan() {
			m := initLine.FindStringSubmatch(lines.Text())
			if m == nil {
				continue
			}
			ms, err := strconv.ParseFloat(m[2], 64)
			if err != nil {
				return nil, err
			}
			if old, ok := least[m[1]]; !ok || ms < old {
				least[m[1]] = ms
			}
		}
	}
	return least, nil
}

// reading measures `secr get` against a program that does nothing.
func reading(b *bench, t *table) error {
	empty, _ := b.program("empty")
	for _, c := range []struct {
		size int
		bar  float64
	}{{1_000, 3}, {10_000, 5}} {
		if c.size > b.large() {
			continue
		}
		v, err := b.vault(c.size)
		if err != nil {
			return err
		}
		took, err := medians(b.times(5),
			command{dir: v.project, env: v.env, argvs: [][]string{{empty}}},
			b.secr(v, "get", fmt.Sprintf("VARIABLE_%05d", c.size/2)))
		if err != nil {
			return err
		}
		t.ratio(fmt.Sprintf("`get` of one of %s", thousands(c.size)), "an empty Go program", took[1], took[0], c.bar)
	}
	return nil
}

// writing measures `secr set` against a signed commit of one file in a work tree.
func writing(b *bench, t *table) error {
	v, err := b.vault(b.large())
	if err != nil {
		return err
	}
	tree, err := b.workTree(b.large())
	if err != nil {
		return err
	}
	file := filepath.Join(tree.dir, "00", "0")
	var ours, theirs []time.Duration
	for i := range b.times(100) {
		took, err := b.secr(v, "set", fmt.Sprintf("VARIABLE_00007=changed-%d", i)).once()
		if err != nil {
			return err
		}
		ours = append(ours, took)
		if err := os.WriteFile(file, fmt.Appendf(nil, "changed %d\n", i), 0o600); err != nil {
			return err
		}
		if took, err = tree.once(); err != nil {
			return err
		}
		theirs = append(theirs, took)
	}
	t.ratio(fmt.Sprintf("`set` of one of %s, signed and durable", thousands(b.large())),
		"`git add` and `git commit -S` in a work tree of as many files", median(ours), median(theirs), 1)
	return nil
}

// workTree is a Git work tree of size files with an SSH signing key, and the commands
// that commit one of them.
func (b *bench) workTree(size int) (command, error) {
	dir := filepath.Join(b.dir, "tree")
	env := append(base(b.dir), "GIT_AUTHOR_NAME=bench", "GIT_AUTHOR_EMAIL=b@example.com", "GIT_COMMITTER_NAME=bench", "GIT_COMMITTER_EMAIL=b@example.com")
	for i := range size {
		shard := filepath.Join(dir, fmt.Sprintf("%02x", i%256))
		if err := os.MkdirAll(shard, 0o700); err != nil {
			return command{}, err
		}
		if err := os.WriteFile(filepath.Join(shard, fmt.Sprint(i)), fmt.Appendf(nil, "value %d\n", i), 0o600); err != nil {
			return command{}, err
		}
	}
	key := filepath.Join(b.dir, "signing")
	setup := command{dir: dir, env: env, argvs: [][]string{
		{"git", "init", "-q"},
		{"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key},
		{"git", "config", "gpg.format", "ssh"},
		{"git", "config", "user.signingkey", key},
		{"git", "config", "gc.auto", "0"},
		{"git", "add", "."},
		{"git", "commit", "-q", "-S", "-m", "all"},
	}}
	if _, err := setup.once(); err != nil {
		return command{}, err
	}
	return command{dir: dir, env: env, argvs: [][]string{{"git", "add", "00/0"}, {"git", "commit", "-q", "-S", "-m", "one"}}}, nil
}

// importing measures `secr import` against git fast-import of as many blobs as large.
func importing(b *bench, t *table) error {
	size := b.large()
	stream := filepath.Join(b.dir, "stream")
	if err := os.WriteFile(stream, fastImport(size), 0o600); err != nil {
		return err
	}
	times := 5
	if b.quick {
		times = 3
	}
	var ours, theirs []time.Duration
	for i := range times {
		v, err := b.fresh(fmt.Sprint("fresh-", i), size)
		if err != nil {
			return err
		}
		took, err := b.secr(v, "import", v.plain).once()
		if err != nil {
			return err
		}
		ours = append(ours, took)
		bare := filepath.Join(b.dir, fmt.Sprint("bare-", i))
		if _, err := (command{dir: b.dir, env: base(b.dir), argvs: [][]string{{"git", "init", "-q", "--bare", bare}}}).once(); err != nil {
			return err
		}
		git := command{dir: bare, env: base(b.dir), stdin: stream, argvs: [][]string{{"git", "fast-import", "--quiet"}}}
		if took, err = git.once(); err != nil {
			return err
		}
		theirs = append(theirs, took)
	}
	t.ratio(fmt.Sprintf("import of %s", thousands(size)), "`git fast-import` of as many blobs of that size", median(ours), median(theirs), 3)
	return nil
}

func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
