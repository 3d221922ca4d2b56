package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// cloudKey is the one key of the program cloudtest.
const cloudKey = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"

// cloud is the program cloudtest as it runs.
type cloud struct {
	process *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Scanner
	url     string
}

func (b *bench) cloud() (*cloud, error) {
	program, _ := b.program("cloudtest")
	c := &cloud{process: exec.Command(program)}
	out, err := c.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.out = bufio.NewScanner(out)
	if c.in, err = c.process.StdinPipe(); err != nil {
		return nil, err
	}
	if err := c.process.Start(); err != nil {
		return nil, err
	}
	if !c.out.Scan() {
		return nil, errors.Join(errors.New("cloudtest says nothing"), c.stop())
	}
	c.url = c.out.Text()
	return c, nil
}

// calls is how often the cloud was called so far.
func (c *cloud) calls() (int, error) {
	if _, err := io.WriteString(c.in, "\n"); err != nil {
		return 0, err
	}
	if !c.out.Scan() {
		return 0, errors.New("cloudtest says nothing")
	}
	return strconv.Atoi(c.out.Text())
}

func (c *cloud) stop() error { return errors.Join(c.in.Close(), c.process.Wait()) }

// clouding measures what cloud keys cost those who need them, and those who don't.
func clouding(b *bench, t *table) error {
	if err := b.besideHelper(t); err != nil {
		return err
	}
	c, err := b.cloud()
	if err != nil {
		return err
	}
	defer c.stop()
	const size = 1_000
	dev, err := b.deploying(c, size)
	if err != nil {
		return err
	}
	job, err := b.job(dev)
	if err != nil {
		return err
	}
	if err := job.reach(c.url); err != nil {
		return err
	}
	before, err := c.calls()
	if err != nil {
		return err
	}
	if _, err := b.secr(job, "run", "--", "/bin/true").once(); err != nil {
		return err
	}
	after, err := c.calls()
	if err != nil {
		return err
	}
	t.count(fmt.Sprintf("calls to the cloud for a job's first `run`, %s secrets", thousands(size)), after-before, 1)
	if err := b.besideSilence(t, dev); err != nil {
		return err
	}
	return b.inSilence(t, job)
}

// besideHelper measures secr with secr-kms installed beside it and without.
func (b *bench) besideHelper(t *table) error {
	v, err := b.vault(10)
	if err != nil {
		return err
	}
	var programs [2]string
	for i, names := range [][]string{{"secr", "secr-kms"}, {"secr"}} {
		folder := filepath.Join(b.dir, fmt.Sprint("installed-", i))
		if err := os.Mkdir(folder, 0o700); err != nil {
			return err
		}
		for _, name := range names {
			path, _ := b.program(name)
			if _, err := (command{dir: folder, argvs: [][]string{{"cp", path, name}}}).once(); err != nil {
				return err
			}
		}
		programs[i] = filepath.Join(folder, "secr")
	}
	for _, args := range [][]string{{"--version"}, {"run", "--", "/bin/true"}} {
		took, err := medians(2*b.times(5),
			command{dir: v.project, env: v.env, argvs: [][]string{append(programs[:1:1], args...)}},
			command{dir: v.project, env: v.env, argvs: [][]string{append(programs[1:2:2], args...)}})
		if err != nil {
			return err
		}
		t.ratio("`secr "+strings.Join(args[:1], " ")+"` with `secr-kms` installed", "without", took[0], took[1], 1.05)
	}
	return nil
}

// deploying is a vault on a remote, of size secrets that a role reads which the cloud key
// opens.
func (b *bench) deploying(c *cloud, size int) (vault, error) {
	v, err := b.fresh("deploying", size)
	if err != nil {
		return v, err
	}
	v.env = append(v.env, credentials()...)
	if err := v.reach(c.url); err != nil {
		return v, err
	}
	remote := filepath.Join(v.home, "remote.git")
	steps := command{dir: v.project, env: v.env, argvs: [][]string{
		{"git", "init", "-q", "--bare", remote}, {"git", "init", "-q"}, {"git", "remote", "add", "origin", remote},
	}}
	if _, err := steps.once(); err != nil {
		return v, err
	}
	for _, args := range [][]string{
		{"import", v.plain}, {"role", "set", "deploy", "--grant", "development=read"}, {"kms", "add", "aws", cloudKey, "--role", "deploy"},
		{"sync"}, {"run", "--", "/bin/true"},
	} {
		if _, err := b.secr(v, args...).once(); err != nil {
			return v, err
		}
	}
	return v, nil
}

// job is a checkout of the project on a machine without an identity.
func (b *bench) job(dev vault) (vault, error) {
	home := filepath.Join(dev.home, "job")
	v := vault{size: dev.size, home: home, project: filepath.Join(home, "project")}
	v.env = append(base(home), append(credentials(), "SECR_HOME="+filepath.Join(home, "secr"))...)
	if err := os.MkdirAll(v.project, 0o700); err != nil {
		return v, err
	}
	_, err := command{dir: v.project, env: v.env, argvs: [][]string{
		{"cp", filepath.Join(dev.project, "secr.toml"), "."}, {"git", "init", "-q"},
		{"git", "remote", "add", "origin", filepath.Join(dev.home, "remote.git")},
	}}.once()
	return v, err
}

// credentials are those of the one principal that cloudtest knows.
func credentials() []string {
	return []string{
		"AWS_ACCESS_KEY_ID=AKIATEST", "AWS_SECRET_ACCESS_KEY=secret",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
	}
}

// reach leads a machine's calls to the cloud to an address.
func (v vault) reach(url string) error {
	folder := filepath.Join(v.home, "secr", "config")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "settings.toml"), fmt.Appendf(nil, "[clouds.endpoints]\naws = %q\n", url), 0o600)
}

// silence is an address where connections are taken and nothing is ever said.
func silence() (url string, end func() error, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	return "http://" + l.Addr().String(), l.Close, nil
}

// besideSilence measures reading by a device where the cloud is silent, against the same
// without a cloud key.
func (b *bench) besideSilence(t *table, dev vault) error {
	url, end, err := silence()
	if err != nil {
		return err
	}
	defer end()
	if err := dev.reach(url); err != nil {
		return err
	}
	plain, err := b.fresh("no-clouds", dev.size)
	if err != nil {
		return err
	}
	for _, args := range [][]string{{"import", plain.plain}, {"role", "set", "deploy", "--grant", "development=read"}, {"run", "--", "/bin/true"}} {
		if _, err := b.secr(plain, args...).once(); err != nil {
			return err
		}
	}
	for _, x := range []struct {
		job   string
		args  []string
		times int
	}{
		{"`run` by a device, the cloud of its role silent", []string{"run", "--", "/bin/true"}, b.times(5)},
		{"`get --at`, which unwraps keys anew, the same", []string{"get", "VARIABLE_00007", "--at", "2"}, b.times(40)},
	} {
		took, err := medians(x.times, b.secr(dev, x.args...), b.secr(plain, x.args...))
		if err != nil {
			return err
		}
		t.ratio(x.job, "without a cloud key", took[0], took[1], 1.05)
	}
	return nil
}

// inSilence measures how long a job waits that has nothing but a cloud key.
func (b *bench) inSilence(t *table, job vault) error {
	url, end, err := silence()
	if err != nil {
		return err
	}
	defer end()
	if err := b.waits(t, job, "until a job gives up, no answer from the cloud (limit 10 s)", url, 10.5); err != nil {
		return err
	}
	closed, endClosed, err := closedDoor()
	if errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	if err != nil {
		return err
	}
	defer endClosed()
	return b.waits(t, job, "the same, no connection to it (limit 3 s)", closed, 3.5)
}

// waits adds the seconds until a reading fails for want of its cloud.
func (b *bench) waits(t *table, job vault, what, url string, bar float64) error {
	const offline = 8
	if err := job.reach(url); err != nil {
		return err
	}
	run := b.secr(job, "run", "--", "/bin/true")
	cmd := exec.Command(run.argvs[0][0], run.argvs[0][1:]...)
	cmd.Dir, cmd.Env = run.dir, run.env
	begin := time.Now()
	said, err := cmd.CombinedOutput()
	took := time.Since(begin)
	if failed, ok := errors.AsType[*exec.ExitError](err); !ok || failed.ExitCode() != offline {
		return fmt.Errorf("a job without its cloud ended with %v: %s", err, said)
	}
	t.number(what, took.Seconds(), bar, "s")
	return nil
}
