package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// command is one process, or several one after the other, to be timed as a whole.
type command struct {
	dir   string
	env   []string
	argvs [][]string
	stdin string // a file, or ""
}

// once runs it and returns how long that took.
func (c command) once() (time.Duration, error) {
	var took time.Duration
	for _, argv := range c.argvs {
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Dir, cmd.Env = c.dir, c.env
		var said bytes.Buffer
		cmd.Stderr = &said
		if c.stdin != "" {
			f, err := os.Open(c.stdin)
			if err != nil {
				return 0, err
			}
			defer f.Close()
			cmd.Stdin = f
		}
		begin := time.Now()
		err := cmd.Run()
		took += time.Since(begin)
		if err != nil {
			return 0, fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, said.String())
		}
	}
	return took, nil
}

// medians times commands in turn, so that whatever disturbs the machine disturbs all of
// them alike.
func medians(times int, commands ...command) ([]time.Duration, error) {
	all := make([][]time.Duration, len(commands))
	for range times {
		for i, c := range commands {
			took, err := c.once()
			if err != nil {
				return nil, err
			}
			all[i] = append(all[i], took)
		}
	}
	out := make([]time.Duration, len(commands))
	for i, one := range all {
		out[i] = median(one)
	}
	return out, nil
}

// beyond is how much longer one command takes than another: the median of the differences
// of neighbours in time, each of them first as often as the other.
func beyond(times int, longer, shorter command) (time.Duration, error) {
	var more []time.Duration
	for i := range times {
		pair := []command{longer, shorter}
		var took [2]time.Duration
		for n := range pair {
			which := (n + i) % 2
			var err error
			if took[which], err = pair[which].once(); err != nil {
				return 0, err
			}
		}
		more = append(more, took[0]-took[1])
	}
	return median(more), nil
}

func median(took []time.Duration) time.Duration {
	slices.Sort(took)
	return took[len(took)/2]
}

// bench is the place that everything is measured in.
type bench struct {
	options
	dir    string
	vaults []vault // with their secrets, by size
	made   []vault // all of them
	pasts  []past
}

// program is the path of a built program, and whether it was built.
func (b *bench) program(name string) (string, bool) {
	path := filepath.Join(b.programs, name)
	_, err := os.Stat(path)
	return path, err == nil
}

// vault is a project with a vault of so many secrets, and the same as a plain file.
type vault struct {
	size    int
	project string
	plain   string
	env     []string
	home    string
}

// as is the vault for who has a token.
func (v vault) as(token string) vault {
	v.env = append(slices.Clip(v.env), "SECR_TOKEN="+token)
	return v
}

// base is an environment with nothing of the caller's.
func base(home string) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "LC_ALL=C",
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
	}
}

// vault makes a vault of size secrets through secr's own commands, once.
func (b *bench) vault(size int) (vault, error) {
	for _, v := range b.vaults {
		if v.size == size {
			return v, nil
		}
	}
	v, err := b.fresh(fmt.Sprint("vault-", size), size)
	if err != nil {
		return v, err
	}
	for _, args := range [][]string{{"import", v.plain}, {"run", "--", "/bin/true"}} {
		if _, err := b.secr(v, args...).once(); err != nil {
			return v, err
		}
	}
	b.vaults = append(b.vaults, v)
	return v, nil
}

// fresh makes a project with an identity and a vault without secrets, and size variables
// in a plain file beside it.
func (b *bench) fresh(name string, size int) (vault, error) {
	home := filepath.Join(b.dir, name)
	v := vault{size: size, home: home, project: filepath.Join(home, "project"), plain: filepath.Join(home, "plain.env")}
	if err := os.MkdirAll(v.project, 0o700); err != nil {
		return v, err
	}
	v.env = append(base(home), "SECR_HOME="+filepath.Join(home, "secr"), "SECR_KEYRING=file", "SECR_PASSPHRASE=only-for-this-benchmark")
	if err := os.WriteFile(v.plain, variables(size), 0o600); err != nil {
		return v, err
	}
	b.made = append(b.made, v)
	for _, args := range [][]string{{"login", "--name", "bench"}, {"init"}} {
		if _, err := b.secr(v, args...).once(); err != nil {
			return v, err
		}
	}
	return v, nil
}

// secr is one call of secr in a vault.
func (b *bench) secr(v vault, args ...string) command {
	path, _ := b.program("secr")
	return command{dir: v.project, env: v.env, argvs: [][]string{append([]string{path}, args...)}}
}

// forget takes the identities out of the kernel's keyring.
func (b *bench) forget() {
	for _, v := range b.made {
		if _, err := b.secr(v, "logout", "--yes").once(); err != nil {
			fmt.Fprintln(os.Stderr, "measure:", err)
		}
	}
}

// variables are size lines of NAME=value, of a usual length.
func variables(size int) []byte {
	var out bytes.Buffer
	for i := range size {
		fmt.Fprintf(&out, "VARIABLE_%05d=value-%05d-%s\n", i, i, strings.Repeat("x", 24))
	}
	return out.Bytes()
}

// number runs a single command that prints a number.
func (c command) number() (int, error) {
	cmd := exec.Command(c.argvs[0][0], c.argvs[0][1:]...)
	cmd.Dir, cmd.Env = c.dir, c.env
	out, err := cmd.Output()
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(out)))
}
