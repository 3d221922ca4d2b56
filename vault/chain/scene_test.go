package chain_test

import (
	"os"
	"strings"
	"testing"

	"github.com/secr/secr/keys/wrap"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/chain/chaintest"
	"github.com/secr/secr/vault/change"
)

// scene is a vault with somebody of every kind in it, for attacks on it.
type scene struct {
	*chaintest.World
	ben   *chaintest.Actor // developer
	cleo  *chaintest.Actor // viewer
	dan   *chaintest.Actor // admin
	eve   *chaintest.Actor // was admin and developer, removed
	fay   *chaintest.Actor // developer, expired
	gus   *chaintest.Actor // developer's lost device, removed; his other one stays
	gus2  *chaintest.Actor
	mal   *chaintest.Actor // nobody
	cloud policy.CloudKey
}

const (
	guarded = "guarded" // an environment that needs a cloud key
	overdue = "overdue" // one whose key is due to turn
	closed  = "closed"  // a retired one
)

func newScene(t testing.TB) *scene {
	t.Helper()
	s := &scene{World: chaintest.New(t)}
	s.mal = s.NewActor("mal")
	s.ben = s.Admit("ben", policy.Developer)
	s.cleo = s.Admit("cleo", policy.Viewer)
	s.dan = s.Admit("dan", policy.Admin)
	s.eve = s.Admit("eve", policy.Admin, policy.Developer)
	s.fay = s.NewActor("fay")
	s.gus, s.gus2 = s.NewActor("gus"), s.NewActor("gus")
	s.cloud = s.NewCloudKey("ci", policy.Admin)
	s.Commit(s.Edit(s.Ana, func(p *policy.Policy) {
		fay := s.fay.Member(policy.Developer)
		fay.Expires = chaintest.Start + 1
		p.PutMember(fay)
		gus := s.gus.Member(policy.Developer)
		gus.Devices = append(gus.Devices, s.gus2.Device)
		p.PutMember(gus)
		p.PutCloudKey(s.cloud)
	}))
	s.Commit(s.Edit(s.Ana, func(p *policy.Policy) {
		admin, _ := p.Role(policy.Admin)
		for _, name := range []string{guarded, overdue, closed} {
			e := policy.NewEnvironment(name)
			if name != closed {
				e.RequireKMS = []string{s.cloud.ID}
			}
			p.PutEnvironment(e)
			admin.Grants[name] = policy.Write
		}
		p.PutRole(admin)
	}))
	for _, env := range []string{policy.Production, guarded, overdue, closed} {
		s.Commit(s.Set(s.Ana, env, "URL", "1"))
	}
	s.Commit(s.Set(s.ben, policy.Development, "URL", "1"))
	s.Commit(s.Set(s.ben, policy.Development, "KEY", "1"))
	s.Commit(s.Set(s.ben, policy.Development, "KEY", "2"))
	s.Commit(s.Set(s.ben, policy.Development, "GONE", "1"))
	s.Commit(s.Delete(s.ben, policy.Development, "GONE"))
	s.Commit(s.Edit(s.Ana, func(p *policy.Policy) {
		e, _ := p.Environment(closed)
		e.Retired = true
		p.PutEnvironment(e)
		gus, _ := p.MemberByHandle("gus")
		gus.Devices[0].Retired = true
		p.PutMember(gus)
	}))
	s.Commit(s.Remove(s.Ana, s.eve))
	s.Commit(s.Edit(s.Ana, func(p *policy.Policy) {
		e, _ := p.Environment(overdue)
		e.Due = true
		p.PutEnvironment(e)
	}))
	s.Commit(s.Set(s.ben, policy.Development, "KEY", "3"))
	s.Commit(s.Draft(s.Ana))
	return s
}

// newer is a state of the same vault after somebody raised its format.
func (s *scene) newer() *chain.State {
	next, err := s.Judge(s.Edit(s.Ana, func(p *policy.Policy) { p.PutFormat(2) }))
	if err != nil {
		panic(err)
	}
	return next
}

// attack is a change that must be refused, by a rule and with a class.
type attack struct {
	rule  string
	class chain.Class
	draft func(*scene) *chaintest.Draft
	spoil func(*scene, *chaintest.Signed) // what happens to it after it was signed; may be nil
}

// edit is an honest edit by an actor, spoiled.
func edit(by func(*scene) *chaintest.Actor, e func(*scene, *policy.Policy), spoil func(*scene, *chaintest.Draft)) func(*scene) *chaintest.Draft {
	return func(s *scene) *chaintest.Draft {
		d := s.Edit(by(s), func(p *policy.Policy) { e(s, p) })
		if spoil != nil {
			spoil(s, d)
		}
		return d
	}
}

func ana(s *scene) *chaintest.Actor  { return s.Ana }
func ben(s *scene) *chaintest.Actor  { return s.ben }
func cleo(s *scene) *chaintest.Actor { return s.cleo }

// admitMal is the honest admission of mal as a viewer.
func admitMal(s *scene, p *policy.Policy) { p.PutMember(s.mal.Member(policy.Viewer)) }

// removeBen is the honest removal of ben.
func removeBen(_ *scene, p *policy.Policy) {
	m, _ := p.MemberByHandle("ben")
	m.Retired = true
	p.PutMember(m)
}

// changed is an empty change by an actor with its fields altered.
func changed(by func(*scene) *chaintest.Actor, alter func(*scene, *change.Draft)) func(*scene) *chaintest.Draft {
	return func(s *scene) *chaintest.Draft {
		d := s.Draft(by(s))
		d.Change = func(c *change.Draft) { alter(s, c) }
		return d
	}
}

// put is a change of one file to bytes.
func put(by func(*scene) *chaintest.Actor, path, data string) func(*scene) *chaintest.Draft {
	return func(s *scene) *chaintest.Draft {
		d := s.Draft(by(s))
		d.Files[path] = []byte(data)
		return d
	}
}

// only is the one path that a draft writes and that contains a text.
func only(d *chaintest.Draft, text string) string {
	found := ""
	for path, data := range d.Files {
		if data != nil && strings.Contains(path, text) {
			if found != "" {
				panic(text + " is in " + path + " and " + found)
			}
			found = path
		}
	}
	if found == "" {
		panic(text + " is in no path")
	}
	return found
}

// replace edits the bytes of the one file of a draft whose path contains a text.
func replace(text, old, new string) func(*scene, *chaintest.Draft) {
	return func(_ *scene, d *chaintest.Draft) {
		path := only(d, text)
		data := strings.Replace(string(d.Files[path]), old, new, 1)
		if data == string(d.Files[path]) {
			panic("no " + old + " in " + path)
		}
		d.Files[path] = []byte(data)
	}
}

// adminWrap is a wrap of a true key to the wrong person.
func (s *scene) wrapTo(a *chaintest.Actor, ref policy.KeyRef, path string) []byte {
	c := wrap.Context{Kind: wrap.Role, Vault: s.Vault, Name: ref.Name, Epoch: s.State.Policy().Epoch(ref)}
	return s.World.Wrap(policy.KeyFile{Path: path, Recipient: a.Device.Recipient}, c, s.RoleSeed(s.State.Policy(), ref.Name))
}

// wrapForTwo is an age file that ana and mal can open: not a wrap.
func (s *scene) wrapForTwo() []byte {
	var to []wrap.Recipient
	for _, a := range []*chaintest.Actor{s.Ana, s.mal} {
		r, err := wrap.ParseRecipient(a.Device.Recipient)
		if err != nil {
			panic(err)
		}
		to = append(to, r)
	}
	file, err := wrap.SealTo(to, make([]byte, 65))
	if err != nil {
		panic(err)
	}
	return file
}

// cloudWrap is a role's key for a cloud key.
func (s *scene) cloudWrap(c policy.CloudKey, role string) []byte {
	p := s.State.Policy()
	x := wrap.Context{Kind: wrap.Role, Vault: s.Vault, Name: role, Epoch: p.Epoch(policy.KeyRef{Kind: policy.RoleKey, Name: role})}
	return s.WrapCloud(c, x, s.RoleSeed(p, role))
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
