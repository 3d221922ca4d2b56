package vault_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/wrap"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/record"
	"github.com/secr/secr/vault/team"
	"github.com/secr/secr/vault/vaulttest"
)

// actor keeps every key that he could ever open, and never forgets one.
type actor struct {
	handle     string
	machine    vaulttest.Machine
	identities []wrap.Identity
	recipients map[string]bool
	keys       map[string][]keys.Key // environment keys, by environment
	names      map[string][]keys.Key // names keys, by environment
	seen       map[string]bool       // files that he tried all his identities on
}

func newActor(t *testing.T, handle string, v *vault.Vault, m vaulttest.Machine) *actor {
	a := &actor{handle: handle, machine: m, recipients: map[string]bool{}, keys: map[string][]keys.Key{}, names: map[string][]keys.Key{}, seen: map[string]bool{}}
	_, opening := m.Seed.Device(v.State().Founding().Nonce)
	a.learn(t, opening)
	return a
}

// learn takes in an identity, with which all files are worth another look.
func (a *actor) learn(t *testing.T, key keys.Key) {
	t.Helper()
	i, err := wrap.NewIdentity(key)
	if err != nil {
		t.Fatal(err)
	}
	if !a.recipients[i.Recipient()] {
		a.recipients[i.Recipient()] = true
		a.identities = append(a.identities, i)
		clear(a.seen)
	}
}

// hoard opens whatever opens: it tries each of his keys on each file of the vault,
// whoever the file is meant for.
func (a *actor) hoard(t *testing.T, v *vault.Vault) {
	t.Helper()
	k := keychain{t, v, a.machine}
	for more := true; more; {
		more = false
		for f := range v.State().Files("keys") {
			at := fmt.Sprintf("%s %x", f.Path, f.Sum)
			if a.seen[at] || !strings.HasSuffix(f.Path, ".age") && !strings.HasSuffix(f.Path, ".names") {
				continue
			}
			n := len(a.identities)
			a.try(t, f.Path, k.file(f.Path))
			if more = len(a.identities) > n; more {
				break
			}
			a.seen[at] = true
		}
	}
	a.backwards(t, v)
}

func (a *actor) try(t *testing.T, path string, file []byte) {
	t.Helper()
	for _, i := range a.identities {
		data, err := i.OpenFrom(file)
		if err != nil {
			continue
		}
		key, err := keys.KeyFromBytes(data[len(data)-keys.Size:])
		if err != nil {
			t.Fatal(err)
		}
		environment := strings.Split(path, "/")[2]
		switch {
		case strings.HasSuffix(path, ".names"):
			a.names[environment] = append(a.names[environment], key)
		case strings.HasPrefix(path, "keys/environments/"):
			a.keys[environment] = append(a.keys[environment], key)
			a.names[environment] = append(a.names[environment], keys.NamesKey(key))
		default:
			a.learn(t, key)
		}
		return
	}
}

// backwards opens what each environment key seals.
func (a *actor) backwards(t *testing.T, v *vault.Vault) {
	k := keychain{t, v, a.machine}
	for f := range v.State().Files("keys/environments") {
		if !strings.HasSuffix(f.Path, "/previous") || a.seen[f.Path] {
			continue
		}
		parts := strings.Split(f.Path, "/")
		var epoch uint64
		fmt.Sscan(parts[3], &epoch)
		for _, key := range a.keys[parts[2]] {
			data, err := keys.Open(key, ad("secr/1 previous\n", v, parts[2], epoch), k.file(f.Path))
			if err != nil {
				continue
			}
			older, err := keys.KeyFromBytes(data)
			if err != nil {
				t.Fatal(err)
			}
			a.keys[parts[2]] = append(a.keys[parts[2]], older)
			a.seen[f.Path] = true
			break
		}
	}
}

// opens says whether any key that he has opens a record's label and value.
func (a *actor) opens(r record.Record, where record.Where) (label, value bool) {
	for _, k := range a.names[where.Environment] {
		_, err := r.OpenLabel(k, where)
		label = label || err == nil
	}
	for _, k := range a.keys[where.Environment] {
		_, err := r.OpenValue(keys.ValueKey(k), where)
		value = value || err == nil
	}
	return label, value
}

// world is a vault and all who have to do with it.
type world struct {
	t       *testing.T
	v       *vault.Vault
	actors  map[string]*actor
	rng     *rand.Rand
	counter int
	opened  map[string]int // how often who may, and who may not, was seen
}

func pick[T any](w *world, list []T) T { return list[w.rng.IntN(len(list))] }

// step makes a random change of policy. One that the policy refuses is none.
func (w *world) step() {
	w.t.Helper()
	w.counter++
	name := fmt.Sprintf("x%d", w.counter)
	var roles, environments, members []string
	for _, r := range w.v.Policy().Roles() {
		roles = append(roles, r.Name)
	}
	for _, e := range w.v.Policy().Environments() {
		environments = append(environments, e.Name)
	}
	for _, m := range w.v.Policy().Members() {
		members = append(members, m.Handle)
	}
	level := pick(w, []policy.Level{policy.None, policy.List, policy.Read, policy.Write})
	d := w.v.Draft()
	switch w.rng.IntN(13) {
	case 0, 1, 2:
		m := vaulttest.NewMachine(w.t)
		w.actors[name] = newActor(w.t, name, w.v, m)
		d.EditPolicy(team.Admit(team.Admission{Handle: name, Kind: policy.Person, Roles: []string{pick(w, roles)}, Device: m.Device(w.t, w.v, "laptop")}))
	case 3, 4:
		d.EditPolicy(team.Remove(pick(w, members)))
	case 5:
		d.EditPolicy(team.AddRole(pick(w, members), pick(w, roles)))
	case 6:
		d.EditPolicy(team.SetRoles(pick(w, members), pick(w, roles)))
	case 7:
		d.EditPolicy(team.PutRole(team.Role{Name: name, Manage: w.rng.IntN(4) == 0, Grants: map[string]policy.Level{pick(w, environments): level}}))
	case 8, 9:
		d.EditPolicy(team.Grant(pick(w, roles), pick(w, environments), level))
	case 10:
		d.EditPolicy(team.RetireRole(pick(w, roles)))
	case 11:
		d.EditPolicy(team.AddEnvironment(name, map[string]policy.Level{pick(w, roles): policy.Read}))
	case 12:
		d.Rotate(policy.KeyRef{Kind: policy.RoleKey, Name: pick(w, roles)})
	}
	before := w.v.Head()
	if _, err := d.Commit(w.t.Context(), "step"); err != nil {
		for _, known := range []error{policy.ErrIncomplete, policy.ErrDenied, team.ErrNoMember, team.ErrNoRole, team.ErrNoEnvironment, team.ErrTaken} {
			if errors.Is(err, known) {
				if w.v.Head() != before {
					w.t.Fatalf("refused, and the head moved: %v", err)
				}
				return
			}
		}
		w.t.Fatal(err)
	}
}

// check sets a new value in each environment and has everybody try to open it.
func (w *world) check() {
	w.t.Helper()
	p := w.v.Policy()
	for _, e := range p.Environments() {
		me, _ := p.MemberByHandle("ana")
		if !e.Active() || p.Level(me.ID, e.Name) < policy.Write {
			continue
		}
		vaulttest.Set(w.t, w.v, e.Name, "VALUE", fmt.Sprint(w.rng.Uint64()))
	}
	handles := slices.Sorted(maps.Keys(w.actors))
	for _, h := range handles {
		w.actors[h].hoard(w.t, w.v)
	}
	for _, e := range p.Environments() {
		for id, entry := range w.v.State().Secrets(e.Name) {
			if entry.Seq+uint64(len(p.Environments())) < w.v.Head().Seq || !e.Active() {
				continue // an older value, whose readers of then may have left
			}
			r, err := record.Parse(keychain{w.t, w.v, w.actors["ana"].machine}.file(entry.Path))
			if err != nil {
				w.t.Fatal(err)
			}
			for _, h := range handles {
				m, _ := p.MemberByHandle(h)
				level := p.Level(m.ID, e.Name)
				if p.Manages(m.ID) {
					level = max(level, policy.Read)
				}
				label, value := w.actors[h].opens(r, record.Where{Vault: w.v.ID(), Environment: e.Name, ID: id})
				w.opened[fmt.Sprintf("label %v value %v", label, value)]++
				if label != (level >= policy.List) || value != (level >= policy.Read) {
					w.t.Errorf("change %d: %s has %s on %s, opens label %v, value %v", w.v.Head().Seq, h, level, e.Name, label, value)
				}
			}
		}
	}
}

// TestWhoOpensWhatIsWhatThePolicySays plays random changes of policy, with a ledger
// of every key that anybody ever held and a real attempt to open each new value:
// nobody outside the policy succeeds, everybody inside does.
func TestWhoOpensWhatIsWhatThePolicySays(t *testing.T) {
	worlds, steps := 2, 8
	if os.Getenv("SECR_TEST_LONG") == "1" {
		worlds, steps = 40, 40
	}
	opened := map[string]int{}
	for seed := range worlds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			m := vaulttest.NewMachine(t)
			w := &world{t: t, v: m.Init(t), actors: map[string]*actor{}, rng: rand.New(rand.NewPCG(uint64(seed), 7)), opened: opened}
			w.actors["ana"] = newActor(t, "ana", w.v, m)
			for range steps {
				w.step()
				w.check()
			}
		})
	}
	t.Log(opened)
	if len(opened) < 3 {
		t.Errorf("too little was seen: %v", opened)
	}
}
