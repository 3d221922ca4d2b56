package chain_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/chain/chaintest"
	"github.com/secr/secr/vault/record"
)

var (
	modelRuns  = flag.Int("model-runs", 1, "random histories of the model test")
	modelSteps = flag.Int("model-steps", 10, "changes of each")
	modelSeed  = flag.Uint64("model-seed", 1, "seed of the first history")
)

// model is a random history. An actor is a device or a cloud key that holds roles: a lost
// laptop is somebody else than the member's other one.
type model struct {
	*chaintest.World
	t       *testing.T
	rnd     *rand.Rand
	ledger  *chaintest.Ledger
	devices map[string]*chaintest.Actor // by device id
	guard   policy.CloudKey             // the cloud key that environments may need
	outcast string                      // id of the one device that the cloud lets in nowhere
	n       int                         // for new names
	did     []string
}

func newModel(t *testing.T, seed uint64) *model {
	m := &model{World: chaintest.New(t), t: t, rnd: rand.New(rand.NewPCG(seed, 0)), devices: map[string]*chaintest.Actor{}}
	m.ledger = chaintest.NewLedger(m.Vault)
	m.guard = m.NewCloudKey("guard")
	m.join(m.Ana)
	m.saw(m.Changes[0])
	m.commit("a team", m.Edit(m.Ana, func(p *policy.Policy) {
		p.PutCloudKey(m.guard)
		for handle, role := range map[string]string{"out": policy.Admin, "dan": policy.Admin, "ben": policy.Developer, "cleo": policy.Viewer} {
			a := m.NewActor(handle)
			if handle == "out" {
				m.outcast = a.Device.ID
			}
			m.join(a)
			p.PutMember(a.Member(role))
		}
	}))
	return m
}

// join makes a device an actor. The cloud lets all in but the outcast.
func (m *model) join(a *chaintest.Actor) {
	m.devices[a.Device.ID] = a
	m.ledger.Give(a.Device.ID, a.Device.Recipient, a.Identity)
	if a.Device.ID != m.outcast {
		m.ledger.Give(a.Device.ID, m.guard.ID, m.Cloud(m.guard))
	}
}

func (m *model) name(prefix string) string {
	m.n++
	return fmt.Sprintf("%s%d", prefix, m.n)
}

func (m *model) saw(c chaintest.Signed) {
	for _, t := range c.Touched {
		if t.New != nil {
			m.ledger.See(t.Path, t.New.Data)
		}
	}
}

func (m *model) commit(what string, d *chaintest.Draft) {
	m.did = append(m.did, what)
	m.Commit(d)
	m.saw(m.Changes[len(m.Changes)-1])
}

// pick is one of a list, at random.
func pick[T any](m *model, list []T) T { return list[m.rnd.IntN(len(list))] }

// some is a part of a list, at random and in order.
func some[T any](m *model, list []T) []T {
	out := []T{}
	for _, x := range list {
		if m.rnd.IntN(3) == 0 {
			out = append(out, x)
		}
	}
	return out
}

// active are the things in use of a list.
func active[T interface{ Active() bool }](list []T) []T {
	return slices.DeleteFunc(list, func(x T) bool { return !x.Active() })
}

func roleNames(p *policy.Policy) []string {
	var out []string
	for _, r := range active(p.Roles()) {
		out = append(out, r.Name)
	}
	return out
}

// manager is a device in use of somebody who manages.
func (m *model) manager() *chaintest.Actor {
	p := m.State.Policy()
	for {
		if member, d, ok := p.Device(pick(m, slices.Sorted(maps.Keys(m.devices)))); ok && d.Active() && p.Manages(member.ID) {
			return m.devices[d.ID]
		}
	}
}

// step makes one random change, if the one it thinks of is possible.
func (m *model) step() {
	if m.rnd.IntN(3) == 0 {
		m.write()
		return
	}
	if m.rnd.IntN(8) == 0 {
		m.rotate()
		return
	}
	edits := m.edits()
	name := pick(m, slices.Sorted(maps.Keys(edits)))
	by := m.manager()
	d, err := m.TryEdit(by, edits[name])
	switch {
	case errors.Is(err, policy.ErrIncomplete) || errors.Is(err, policy.ErrMalformed):
		return // the last manager, the last reader, a cloud key that is needed
	case err != nil:
		m.t.Fatalf("%s after %q: %v", name, m.did, err)
	case len(d.Files) == 0:
		return
	}
	m.commit(name, d)
}

// write sets some secrets by somebody who may.
func (m *model) write() {
	p := m.State.Policy()
	for _, id := range m.shuffled() {
		member, device, ok := p.Device(id)
		if !ok || !device.Active() || !member.Active() {
			continue
		}
		d := m.Draft(m.devices[id])
		for _, e := range active(p.Environments()) {
			if p.Level(member.ID, e.Name) == policy.Write && !e.Due {
				m.Write(d, e.Name, chaintest.Plain{Name: fmt.Sprintf("KEY_%d", m.rnd.IntN(4)), Value: []byte(m.name("value "))}, nil)
			}
		}
		if len(d.Files) > 0 {
			m.commit("write", d)
			return
		}
	}
}

// rotate turns some key, though nobody loses it.
func (m *model) rotate() {
	p := m.State.Policy()
	refs := []policy.KeyRef{{Kind: policy.AuditKey}}
	for _, name := range roleNames(p) {
		refs = append(refs, policy.KeyRef{Kind: policy.RoleKey, Name: name})
	}
	for _, e := range active(p.Environments()) {
		if !e.Due {
			refs = append(refs, policy.KeyRef{Kind: policy.EnvironmentKey, Name: e.Name})
		}
	}
	ref := pick(m, refs)
	m.commit("rotate "+ref.String(), m.Edit(m.manager(), func(*policy.Policy) {}, ref))
}

func (m *model) shuffled() []string {
	ids := slices.Sorted(maps.Keys(m.devices))
	m.rnd.Shuffle(len(ids), func(i, k int) { ids[i], ids[k] = ids[k], ids[i] })
	return ids
}

// edits are the things that can be done to a policy, with what they are done to chosen.
func (m *model) edits() map[string]func(*policy.Policy) {
	p := m.State.Policy()
	member := pick(m, active(p.Members()))
	role, env := pick(m, active(p.Roles())), pick(m, active(p.Environments()))
	out := map[string]func(*policy.Policy){
		"admit": func(p *policy.Policy) {
			a := m.NewActor(m.name("member"))
			m.join(a)
			p.PutMember(a.Member(some(m, roleNames(p))...))
		},
		"remove":     func(p *policy.Policy) { member.Retired = true; p.PutMember(member) },
		"give roles": func(p *policy.Policy) { member.Roles = some(m, roleNames(p)); p.PutMember(member) },
		"add a device": func(p *policy.Policy) {
			a := m.NewActor(member.Handle)
			m.join(a)
			member.Devices = append(member.Devices, a.Device)
			p.PutMember(member)
		},
		"retire a device": func(p *policy.Policy) {
			member.Devices[m.rnd.IntN(len(member.Devices))].Retired = true
			p.PutMember(member)
		},
		"grant": func(p *policy.Policy) {
			if level := policy.Level(m.rnd.IntN(4)); level == policy.None {
				delete(role.Grants, env.Name)
			} else if !env.Due {
				role.Grants[env.Name] = level
			}
			p.PutRole(role)
		},
		"manage":      func(p *policy.Policy) { role.Manage = !role.Manage; p.PutRole(role) },
		"audit":       func(p *policy.Policy) { role.Audit = !role.Audit; p.PutRole(role) },
		"retire role": func(p *policy.Policy) { role.Retired = true; p.PutRole(role) },
		"new role": func(p *policy.Policy) {
			p.PutRole(policy.Role{Name: m.name("role"), Grants: map[string]policy.Level{}, Manage: m.rnd.IntN(4) == 0})
		},
		"new environment": func(p *policy.Policy) {
			e := policy.NewEnvironment(m.name("env"))
			if m.rnd.IntN(2) == 0 {
				e.RequireKMS = []string{m.guard.ID}
			}
			p.PutEnvironment(e)
			role.Grants[e.Name] = policy.Write
			p.PutRole(role)
		},
		"retire environment": func(p *policy.Policy) {
			if !env.Due && len(active(p.Environments())) > 2 {
				env.Retired = true
			}
			p.PutEnvironment(env)
		},
		"need a cloud": func(p *policy.Policy) {
			if env.RequireKMS = []string{}; m.rnd.IntN(2) == 0 {
				env.RequireKMS = []string{m.guard.ID}
			}
			env.Due = false
			p.PutEnvironment(env)
		},
		"due": func(p *policy.Policy) {
			if before, _ := m.State.Policy().Environment(env.Name); len(before.RequireKMS) > 0 {
				env.Due = true
				p.PutEnvironment(env)
			}
		},
		"turn what is due": func(p *policy.Policy) {
			for _, e := range active(p.Environments()) {
				e.Due = false
				p.PutEnvironment(e)
			}
		},
		"cloud key as holder": func(p *policy.Policy) {
			c := m.NewCloudKey(m.name("ci"), role.Name)
			m.ledger.Give(c.ID, c.ID, m.Cloud(c))
			p.PutCloudKey(c)
		},
		"cloud key changes": func(p *policy.Policy) {
			all := active(p.CloudKeys())
			c := pick(m, all)
			if c.ID == m.guard.ID {
				return
			}
			c.Waiting = some(m, c.Roles)
			c.Retired = m.rnd.IntN(3) == 0
			p.PutCloudKey(c)
		},
	}
	return out
}

// check compares what everybody should open with what he can.
func (m *model) check() {
	m.t.Helper()
	if err := m.ledger.Learn(); err != nil {
		m.t.Fatalf("after %q: %v", m.did, err)
	}
	p := m.State.Policy()
	for _, actor := range m.ledger.Actors() {
		should := chaintest.Reach(p, actor, m.devices[actor] != nil && actor != m.outcast)
		expect := func(ref policy.KeyRef) bool {
			m.t.Helper()
			can, epoch := m.ledger.Knows(actor, ref, p.Epoch(ref)), p.Epoch(ref)
			if can != should[ref] {
				m.t.Fatalf("%s can know %s at epoch %d: %v, should: %v; after %q", m.who(actor), ref, epoch, can, should[ref], m.did)
			}
			return can
		}
		for _, r := range active(p.Roles()) {
			expect(policy.KeyRef{Kind: policy.RoleKey, Name: r.Name})
		}
		expect(policy.KeyRef{Kind: policy.AuditKey})
		for _, e := range active(p.Environments()) {
			if e.Due { // its key stays as it was, and nothing is written under it
				continue
			}
			reads := expect(policy.KeyRef{Kind: policy.EnvironmentKey, Name: e.Name})
			lists := expect(policy.KeyRef{Kind: policy.NamesKey, Name: e.Name})
			m.checkRecords(actor, e.Name, reads, lists || reads)
		}
	}
}

// checkRecords really opens the records of an environment that the newest change wrote.
func (m *model) checkRecords(actor, environment string, reads, lists bool) {
	m.t.Helper()
	for _, t := range m.Changes[len(m.Changes)-1].Touched {
		id := t.Path[strings.LastIndex(t.Path, "/")+1:]
		e, ok := m.State.Secret(environment, id)
		if !ok || e.Path != t.Path {
			continue
		}
		where := record.Where{Vault: m.Vault, Environment: environment, ID: id}
		value, opened := m.ledger.OpensValue(actor, where, t.New.Data)
		if opened != reads || opened && string(value.Reveal()) != string(m.Plain(e).Value) {
			m.t.Fatalf("%s opens a value of %s: %v, should: %v; after %q", m.who(actor), environment, opened, reads, m.did)
		}
		label, listed := m.ledger.OpensLabel(actor, where, t.New.Data)
		if listed != lists || listed && label.Name != m.Plain(e).Name {
			m.t.Fatalf("%s opens a label of %s: %v, should: %v; after %q", m.who(actor), environment, listed, lists, m.did)
		}
	}
}

func (m *model) who(actor string) string {
	if a := m.devices[actor]; a != nil {
		return a.Handle + "'s device " + actor
	}
	return "the cloud key " + actor
}

// TestNobodyOutsideThePolicyOpensANewValueAndEverybodyInsideDoes is the model test: random
// changes of policy, with every private key that everybody ever held, and the whole history
// of files to try them on.
func TestNobodyOutsideThePolicyOpensANewValueAndEverybodyInsideDoes(t *testing.T) {
	for run := range *modelRuns {
		seed := *modelSeed + uint64(run)
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			m := newModel(t, seed)
			m.check()
			for range *modelSteps {
				for before := m.State.Head().Seq; m.State.Head().Seq == before; {
					m.step()
				}
				m.check()
				if err := chaintest.CheckKeyFiles(m.State); err != nil {
					t.Fatalf("%v; after %q", err, m.did)
				}
			}
			t.Logf("%d changes: %q", len(m.did), m.did)
		})
	}
}

// TestTheLedgerSeesALeak gives the ledger what the chain would refuse: it is no use if it
// can't tell.
func TestTheLedgerSeesALeak(t *testing.T) {
	s := newScene(t)
	l := chaintest.NewLedger(s.Vault)
	l.Give("mal", s.mal.Device.Recipient, s.mal.Identity)
	l.Give("ben", s.ben.Device.Recipient, s.ben.Identity)
	see := func(c chaintest.Signed) {
		for _, f := range c.Touched {
			if f.New != nil {
				l.See(f.Path, f.New.Data)
			}
		}
		if err := l.Learn(); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range s.Changes {
		see(c)
	}
	production, staging := policy.KeyRef{Kind: policy.EnvironmentKey, Name: policy.Production}, policy.KeyRef{Kind: policy.EnvironmentKey, Name: policy.Staging}
	p := s.State.Policy()
	if l.Knows("mal", production, p.Epoch(production)) || !l.Knows("ben", staging, p.Epoch(staging)) || l.Knows("ben", production, p.Epoch(production)) {
		t.Fatal("the ledger is wrong about the honest vault")
	}
	see(s.Seal(hiddenWrap(ana)(s)))
	if !l.Knows("mal", production, p.Epoch(production)) || !l.Knows("mal", staging, 1) {
		t.Error("a hidden wrap of the admins' key opens production and all before, and the ledger does not see it")
	}
	d := lazily(removeBen)(s)
	see(s.Seal(d))
	after := policyAfter(s, d)
	if !l.Knows("ben", staging, after.Epoch(staging)) {
		t.Error("without rotation who was removed still opens staging, and the ledger does not see it")
	}
	see(s.Seal(edit(ana, removeBen, nil)(s)))
	if l.Knows("ben", staging, after.Epoch(staging)+1) {
		t.Error("after a rotation who was removed opens staging")
	}
}
