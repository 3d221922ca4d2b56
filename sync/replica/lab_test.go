package replica_test

import (
	"context"
	"encoding/hex"
	"errors"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/sync/remote/remotetest"
	"github.com/secr/secr/sync/replay"
	"github.com/secr/secr/sync/replica"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/local"
	"github.com/secr/secr/vault/team"
)

// lab is a remote in a folder and the machines that use it.
type lab struct {
	t     testing.TB
	dir   string // the host's bare repository
	url   remote.URL
	clock time.Time
	began time.Time // when the clock began to go on; zero is that it stands
	// transport makes the way to the host; nil is the built-in one.
	transport func() remote.Transport
}

func newLab(t testing.TB) *lab {
	t.Helper()
	host := remotetest.Folder(t)
	l := &lab{t: t, dir: host.Create(t, "team"), clock: time.Unix(1_800_000_000, 0)}
	var err error
	if l.url, err = remote.Parse(host.Address("team"), remote.FromUser, ""); err != nil {
		t.Fatal(err)
	}
	return l
}

// now is what the lab's clock shows.
func (l *lab) now() time.Time {
	if l.began.IsZero() {
		return l.clock
	}
	return l.clock.Add(time.Since(l.began))
}

// machine is one person's machine.
type machine struct {
	l         *lab
	home      local.Home
	seed      keys.Seed
	transport remote.Transport
}

func (l *lab) machine() *machine {
	l.t.Helper()
	return l.machineWith(keys.NewSeed())
}

func (l *lab) machineWith(seed keys.Seed) *machine {
	l.t.Helper()
	dir := l.t.TempDir()
	home, err := local.NewHome(func(name string) string {
		if name == "SECR_HOME" {
			return dir
		}
		return ""
	}, filepath.Join(dir, "user"))
	if err != nil {
		l.t.Fatal(err)
	}
	m := &machine{l: l, home: home, seed: seed, transport: remote.NewBuiltin(remote.BuiltinOptions{})}
	if l.transport != nil {
		m.transport = l.transport()
	}
	return m
}

func (m *machine) native() *machine {
	m.transport = remote.NewNative(remote.NativeOptions{Git: remotetest.Git(m.l.t), Environ: remotetest.Env(m.l.t)})
	return m
}

func (m *machine) options(id string) vault.Options {
	return vault.Options{
		Home: m.home, ID: id,
		Seed:  func(context.Context) (keys.Seed, error) { return m.seed, nil },
		Clock: m.l.now,
	}
}

// client is an open vault and its way to the remote.
type client struct {
	*machine
	v *vault.Vault
	r *replica.Replica
}

func (m *machine) client(v *vault.Vault) *client {
	m.l.t.Cleanup(v.Close)
	return (&client{machine: m, v: v}).deciding(nil)
}

// deciding answers the plan's questions.
func (c *client) deciding(decide func(replay.Question) replay.Decision) *client {
	c.r = replica.New(replica.Options{Vault: c.v, Transport: c.transport, URL: c.l.url, Clock: c.l.now, Decide: decide})
	return c
}

// found is ana, who starts a vault and shares it.
func (l *lab) found() *client {
	l.t.Helper()
	m := l.machine()
	v, err := vault.Init(l.t.Context(), vault.InitOptions{Options: m.options(""), Handle: "ana", Name: "Ana", Device: "laptop"})
	if err != nil {
		l.t.Fatal(err)
	}
	c := m.client(v)
	c.sync()
	return c
}

// admit makes somebody a member, locally.
func (c *client) admit(m *machine, handle string, roles ...string) {
	c.l.t.Helper()
	place := team.Place{Vault: c.v.ID(), Nonce: c.v.State().Founding().Nonce}
	device, err := team.NewDevice(m.seed, place, team.DeviceOptions{Name: "laptop", Kind: policy.Machine})
	if err != nil {
		c.l.t.Fatal(err)
	}
	c.edit(team.Admit(team.Admission{Handle: handle, Kind: policy.Person, Roles: roles, Device: device}))
}

func (c *client) edit(edit func(*policy.Policy) error) {
	c.l.t.Helper()
	d := c.v.Draft()
	d.EditPolicy(edit)
	c.commit(d)
}

// join is somebody who is admitted by ana, shared and cloned.
func (c *client) join(handle string, roles ...string) *client {
	c.l.t.Helper()
	m := c.l.machine()
	c.admit(m, handle, roles...)
	c.sync()
	return m.clone()
}

func (m *machine) clone() *client {
	m.l.t.Helper()
	v, err := m.tryClone(replica.CloneOptions{})
	if err != nil {
		m.l.t.Fatal(err)
	}
	return m.client(v)
}

func (m *machine) tryClone(o replica.CloneOptions) (*vault.Vault, error) {
	id := o.Vault.ID
	o.Vault = m.options(id)
	o.Transport, o.URL, o.Clock = m.transport, m.l.url, m.l.now
	return replica.Clone(m.l.t.Context(), o)
}

func (c *client) set(pairs ...string) {
	c.l.t.Helper()
	d := c.v.Draft()
	for i := 0; i < len(pairs); i += 2 {
		d.Set(policy.Development, pairs[i], keys.NewSecret([]byte(pairs[i+1])), vault.Meta{})
	}
	c.commit(d)
}

func (c *client) delete(name string) {
	c.l.t.Helper()
	d := c.v.Draft()
	d.Delete(policy.Development, name)
	c.commit(d)
}

func (c *client) commit(d *vault.Draft) {
	c.l.t.Helper()
	if _, err := d.Commit(c.l.t.Context(), "a change"); err != nil {
		c.l.t.Fatal(err)
	}
}

func (c *client) sync() replica.Result {
	c.l.t.Helper()
	result, err := c.r.Sync(c.l.t.Context())
	if err != nil {
		c.l.t.Fatal(err)
	}
	return result
}

// values reads development.
func (c *client) values() map[string]string {
	c.l.t.Helper()
	return c.valuesOf(c.v)
}

func (c *client) valuesOf(v *vault.Vault) map[string]string {
	c.l.t.Helper()
	willing := vault.WitnessFunc(func(context.Context, vault.Reading) error { return nil })
	all, err := v.Reveal(c.l.t.Context(), willing, vault.Request{Environment: policy.Development, Action: "test"})
	if err != nil {
		c.l.t.Fatal(err)
	}
	out := map[string]string{}
	for _, x := range all {
		out[x.Label.Name] = string(x.Secret.Reveal())
	}
	return out
}

// git runs git on the host's repository.
func (l *lab) git(args ...string) string {
	l.t.Helper()
	return remotetest.Run(l.t, l.dir, args...)
}

// tip is what the remote's branch has.
func (l *lab) tip() string { return l.git("rev-parse", replica.Branch) }

func badKind(err error) replica.BadKind {
	var bad *replica.BadHeadError
	if errors.As(err, &bad) {
		return bad.Kind
	}
	return 0
}

func hexID(id [20]byte) string { return hex.EncodeToString(id[:]) }

func atoi(t testing.TB, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// interrupted is a transport before whose next push something happens.
type interrupted struct {
	remote.Transport
	before func()
}

func (i *interrupted) Push(ctx context.Context, p remote.Push) error {
	if f := i.before; f != nil {
		i.before = nil
		f()
	}
	return i.Transport.Push(ctx, p)
}
