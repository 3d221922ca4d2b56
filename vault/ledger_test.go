package vault_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/wrap"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/chain/chaintest"
	"github.com/secr/secr/vault/record"
	"github.com/secr/secr/vault/team"
	"github.com/secr/secr/vault/vaulttest"
)

var (
	modelRuns  = flag.Int("model-runs", 1, "random histories of the model test")
	modelSteps = flag.Int("model-steps", 6, "changes of each")
	modelSeed  = flag.Uint64("model-seed", 1, "seed of the first history")
)

// model is a random history of a vault, made by this package as people would make it. An
// actor is a device, or a cloud key that holds roles. All devices share one machine's
// folders, as if everybody had just synced.
type model struct {
	t       *testing.T
	rnd     *rand.Rand
	id      string
	home    vaulttest.Machine
	state   *chain.State
	ledger  *chaintest.Ledger
	devices map[string]vaulttest.Machine // by device id
	clouds  *memoryCloud
	values  map[string]string // what was last set, by environment/name
	n       int
	did     []string
}

func newModel(t *testing.T, seed uint64) *model {
	ana := vaulttest.NewMachine(t)
	v := ana.Init(t)
	m := &model{
		t: t, rnd: rand.New(rand.NewPCG(seed, 0)), id: v.ID(), home: ana, state: v.State(), ledger: chaintest.NewLedger(v.ID()),
		devices: map[string]vaulttest.Machine{}, clouds: newMemoryCloud(), values: map[string]string{},
	}
	m.know(ana, ana.Device(t, v, "laptop").ID)
	m.saw(v)
	must := func(edits ...team.Edit) {
		t.Helper()
		if err := m.edit("a team", ana, edits...); err != nil {
			t.Fatal(err)
		}
	}
	for handle, role := range map[string]string{"dan": policy.Admin, "ben": policy.Developer, "cleo": policy.Viewer} {
		must(m.admit(v, handle, role))
	}
	must(team.AddCloudKey(policy.AWS, deployKey, policy.Developer))
	must(team.AddCloudKey(policy.GCP, otherKey, policy.Viewer))
	return m
}

// anyCloud opens what was wrapped to a cloud key, whatever the policy of the cloud says
// now: access may have been there at another time.
type anyCloud struct {
	clouds *memoryCloud
	key    policy.CloudKey
}

func (a anyCloud) Unwrap(file []byte, c wrap.Context) (keys.Key, error) {
	side, err := (&memoryCloud{keys: a.clouds.keys, refused: map[string]bool{}}).Cloud(context.Background(), a.key, c)
	if err != nil {
		return keys.Key{}, err
	}
	return side.Unwrap(file, c)
}

// know makes a device an actor.
func (m *model) know(machine vaulttest.Machine, id string) {
	m.devices[id] = vaulttest.Machine{Home: m.home.Home, Seed: machine.Seed}
	_, age := machine.Seed.Device(m.state.Founding().Nonce)
	identity, err := wrap.NewIdentity(age)
	if err != nil {
		m.t.Fatal(err)
	}
	m.ledger.Give(id, identity.Recipient(), identity)
}

// open opens the vault as a device.
func (m *model) open(machine vaulttest.Machine) *vault.Vault {
	o := machine.Options(m.id)
	o.Clouds = m.clouds
	v, err := vault.Open(m.t.Context(), o)
	if err != nil {
		m.t.Fatalf("after %q: %v", m.did, err)
	}
	return v
}

// saw takes the newest state in, with every file of it.
func (m *model) saw(v *vault.Vault) {
	m.state = v.State()
	for f := range m.state.Files("keys") {
		data, err := v.Repo().Blob(f.Hash)
		if err != nil {
			m.t.Fatal(err)
		}
		m.ledger.See(f.Path, data)
	}
	for _, c := range m.state.Policy().CloudKeys() {
		m.ledger.Give(c.ID, c.ID, anyCloud{m.clouds, c})
	}
}

// edit commits edits by a device. A refusal is an answer; an invalid change is not.
func (m *model) edit(what string, by vaulttest.Machine, edits ...team.Edit) error {
	return m.commit(what, by, func(d *vault.Draft) {
		for _, e := range edits {
			d.EditPolicy(e)
		}
	})
}

func (m *model) commit(what string, by vaulttest.Machine, fill func(*vault.Draft)) error {
	v := m.open(by)
	defer v.Close()
	before := v.Head()
	d := v.Draft()
	fill(d)
	_, err := d.Commit(m.t.Context(), "a change")
	var invalid *chain.Error
	if errors.As(err, &invalid) && (invalid.Rule != "follows" || invalid.Class != chain.Denied) { // what the edit asked for itself
		m.t.Fatalf("%s made an invalid change: %v; after %q", what, err, m.did)
	}
	if err != nil && v.Head() != before {
		m.t.Fatalf("%s failed and moved the head: %v; after %q", what, err, m.did)
	}
	if err == nil && v.Head() != before {
		m.did = append(m.did, what)
		m.saw(v)
	}
	return err
}

func (m *model) name(prefix string) string {
	m.n++
	return fmt.Sprintf("%s%d", prefix, m.n)
}

func choose[T any](m *model, list []T) T { return list[m.rnd.IntN(len(list))] }

func inUse[T interface{ Active() bool }](list []T) []T {
	return slices.DeleteFunc(list, func(x T) bool { return !x.Active() })
}

// manager is a device in use of somebody who manages.
func (m *model) manager() vaulttest.Machine {
	p := m.state.Policy()
	for {
		id := choose(m, slices.Sorted(maps.Keys(m.devices)))
		if member, d, ok := p.Device(id); ok && d.Active() && p.Manages(member.ID) {
			return m.devices[id]
		}
	}
}

func (m *model) admit(v *vault.Vault, handle string, roles ...string) team.Edit {
	machine := vaulttest.NewMachine(m.t)
	d := machine.Device(m.t, v, "laptop")
	m.know(machine, d.ID)
	return team.Admit(team.Admission{Handle: handle, Kind: policy.Person, Roles: roles, Device: d})
}

// step tries one thing, which may be refused.
func (m *model) step() {
	switch m.rnd.IntN(8) {
	case 0, 1:
		m.write()
	case 2:
		_ = m.commit("rotate", m.manager(), func(d *vault.Draft) { d.Rotate(m.anyKey()) })
	case 3:
		m.clouds.mu.Lock()
		key := choose(m, []string{deployKey, otherKey})
		m.clouds.refused[key] = !m.clouds.refused[key]
		m.clouds.mu.Unlock()
		_ = m.edit("wrap again", m.manager(), team.RewrapCloudKeys())
	default:
		v := m.open(m.home)
		edits := m.edits(v)
		v.Close()
		name := choose(m, slices.Sorted(maps.Keys(edits)))
		_ = m.edit(name, m.manager(), edits[name]())
	}
}

func (m *model) anyKey() policy.KeyRef {
	p := m.state.Policy()
	refs := []policy.KeyRef{{Kind: policy.AuditKey}}
	for _, r := range inUse(p.Roles()) {
		refs = append(refs, policy.KeyRef{Kind: policy.RoleKey, Name: r.Name})
	}
	for _, e := range inUse(p.Environments()) {
		refs = append(refs, policy.KeyRef{Kind: policy.EnvironmentKey, Name: e.Name})
	}
	return choose(m, refs)
}

// write sets a secret by anybody, who may be refused.
func (m *model) write() {
	env := choose(m, inUse(m.state.Policy().Environments())).Name
	name, value := fmt.Sprintf("KEY_%d", m.rnd.IntN(3)), m.name("value ")
	by := m.devices[choose(m, slices.Sorted(maps.Keys(m.devices)))]
	err := m.commit("write "+env, by, func(d *vault.Draft) { d.Set(env, name, vaulttest.Secret(value), vault.Meta{}) })
	if err == nil {
		m.values[env+"/"+name] = value
	}
}

// edits are the things that can be done to a policy.
func (m *model) edits(v *vault.Vault) map[string]func() team.Edit {
	p := m.state.Policy()
	member, role, env := choose(m, inUse(p.Members())), choose(m, inUse(p.Roles())), choose(m, inUse(p.Environments()))
	other := choose(m, inUse(p.Roles()))
	guard, _ := cloudKey(p, otherKey)
	return map[string]func() team.Edit{
		"admit":     func() team.Edit { return m.admit(v, m.name("member"), role.Name) },
		"remove":    func() team.Edit { return team.Remove(member.Handle) },
		"set roles": func() team.Edit { return team.SetRoles(member.Handle, role.Name, other.Name) },
		"drop role": func() team.Edit { return team.DropRole(member.Handle, role.Name) },
		"add device": func() team.Edit {
			machine := vaulttest.NewMachine(m.t)
			d := machine.Device(m.t, v, m.name("device"))
			m.know(machine, d.ID)
			return team.AddDevice(member.Handle, d)
		},
		"remove device": func() team.Edit { return team.RemoveDevice(member.Handle, choose(m, member.Devices).ID) },
		"grant":         func() team.Edit { return team.Grant(role.Name, env.Name, policy.Level(m.rnd.IntN(4))) },
		"manage": func() team.Edit {
			return team.PutRole(team.Role{Name: role.Name, Grants: role.Grants, Manage: !role.Manage, Audit: role.Audit})
		},
		"audit": func() team.Edit {
			return team.PutRole(team.Role{Name: role.Name, Grants: role.Grants, Manage: role.Manage, Audit: !role.Audit})
		},
		"new role":    func() team.Edit { return team.PutRole(team.Role{Name: m.name("role"), Grants: role.Grants}) },
		"retire role": func() team.Edit { return team.RetireRole(role.Name) },
		"new environment": func() team.Edit {
			return team.AddEnvironment(m.name("env"), map[string]policy.Level{role.Name: policy.Write})
		},
		"retire environment": func() team.Edit {
			if len(inUse(p.Environments())) < 3 {
				return func(*policy.Policy) error { return errors.New("the model needs some") }
			}
			return team.RetireEnvironment(env.Name)
		},
		"need a cloud": func() team.Edit {
			need := []string{}
			if len(env.RequireKMS) == 0 {
				need = append(need, guard.ID)
			}
			return team.SetEnvironment(env.Name, team.Settings{RequireKMS: &need})
		},
		"cloud key for a role": func() team.Edit { return team.AddCloudKey(policy.AWS, deployKey, role.Name) },
		"cloud key off a role": func() team.Edit { return team.RemoveCloudKey(deployKey, "") },
	}
}

func cloudKey(p *policy.Policy, key string) (policy.CloudKey, bool) {
	for _, c := range inUse(p.CloudKeys()) {
		if c.Key == key {
			return c, true
		}
	}
	return policy.CloudKey{}, false
}

// check compares what everybody should open with what he can. Who holds the roles' share
// of an environment that needs a cloud is not thereby let in: no device has the cloud.
func (m *model) check() {
	m.t.Helper()
	if err := m.ledger.Learn(); err != nil {
		m.t.Fatalf("after %q: %v", m.did, err)
	}
	if err := chaintest.CheckKeyFiles(m.state); err != nil {
		m.t.Fatalf("%v; after %q", err, m.did)
	}
	p := m.state.Policy()
	v := m.open(m.home)
	defer v.Close()
	for _, actor := range m.ledger.Actors() {
		should := chaintest.Reach(p, actor, false)
		expect := func(ref policy.KeyRef) {
			m.t.Helper()
			if can := m.ledger.Knows(actor, ref, p.Epoch(ref)); can != should[ref] {
				m.t.Fatalf("%s can know %s at epoch %d: %v, should: %v; after %q", actor, ref, p.Epoch(ref), can, should[ref], m.did)
			}
		}
		for _, r := range inUse(p.Roles()) {
			expect(policy.KeyRef{Kind: policy.RoleKey, Name: r.Name})
		}
		expect(policy.KeyRef{Kind: policy.AuditKey})
		for _, e := range inUse(p.Environments()) {
			if e.Due || len(e.RequireKMS) > 0 && actor == guardID(p) {
				continue
			}
			reads, lists := policy.KeyRef{Kind: policy.EnvironmentKey, Name: e.Name}, policy.KeyRef{Kind: policy.NamesKey, Name: e.Name}
			expect(reads)
			expect(lists)
			m.checkSecrets(v, actor, e, should[reads], should[lists])
		}
	}
}

// guardID is the cloud key that environments need, which alone opens a share of them.
func guardID(p *policy.Policy) string {
	c, _ := cloudKey(p, otherKey)
	return c.ID
}

// checkSecrets really opens all secrets of an environment.
func (m *model) checkSecrets(v *vault.Vault, actor string, e policy.Environment, reads, lists bool) {
	m.t.Helper()
	for id, entry := range m.state.Secrets(e.Name) {
		if entry.Deleted {
			continue
		}
		data, err := v.Repo().Blob(entry.Hash)
		if err != nil {
			m.t.Fatal(err)
		}
		where := record.Where{Vault: m.id, Environment: e.Name, ID: id}
		label, listed := m.ledger.OpensLabel(actor, where, data)
		if listed != lists {
			m.t.Fatalf("%s opens a label of %s: %v, should: %v; after %q", actor, e.Name, listed, lists, m.did)
		}
		value, opened := m.ledger.OpensValue(actor, where, data)
		if opened != reads || opened && string(value.Reveal()) != m.values[e.Name+"/"+label.Name] {
			m.t.Fatalf("%s opens a value of %s: %v, should: %v; after %q", actor, e.Name, opened, reads, m.did)
		}
	}
}

// TestHistoriesGiveEverybodyWhatThePolicySaysAndNoMore is the model test of the
// chain, on changes that this package makes: with people who are refused, and clouds that
// can't be reached.
func TestHistoriesGiveEverybodyWhatThePolicySaysAndNoMore(t *testing.T) {
	for run := range *modelRuns {
		seed := *modelSeed + uint64(run)
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			m := newModel(t, seed)
			m.check()
			for tries := 0; tries < 20**modelSteps && len(m.did) < *modelSteps+5; tries++ {
				before := m.state.Head()
				m.step()
				if m.state.Head() != before {
					m.check()
				}
			}
			t.Logf("%d changes: %s", len(m.did), strings.Join(m.did, ", "))
		})
	}
}
