package policy_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/policy/policytest"
)

var runs = flag.Int("runs", 12, "how many random histories to play")

// history plays random operations on policies. It keeps what a vault would: the files
// under keys/, each with the recipient that it was wrapped to when it was written.
type history struct {
	t      *testing.T
	r      *rand.Rand
	policy *policy.Policy
	wraps  map[string]string
	n      int
}

func (h *history) pick(n int) int { return h.r.IntN(n) }

func one[T any](h *history, list []T) (T, bool) {
	if len(list) == 0 {
		var none T
		return none, false
	}
	return list[h.pick(len(list))], true
}

func (h *history) name(kind string) string {
	h.n++
	return fmt.Sprintf("%s-%d", kind, h.n)
}

// edit makes one random operation on a draft. What isn't allowed is found out later.
func (h *history) edit(d *policy.Policy) string {
	switch h.pick(15) {
	case 0, 1:
		m := policytest.Member(h.name("member"))
		if r, ok := one(h, d.Roles()); ok {
			m.Roles = []string{r.Name}
		}
		d.PutMember(m)
		return "admit " + m.Handle
	case 2:
		m, _ := one(h, d.Members())
		m.Retired = true
		d.PutMember(m)
		return "remove " + m.Handle
	case 3:
		m, _ := one(h, d.Members())
		m.Devices = append(m.Devices, policytest.Device(h.name("device")))
		d.PutMember(m)
		return "add a device of " + m.Handle
	case 4:
		m, _ := one(h, d.Members())
		m.Devices[h.pick(len(m.Devices))].Retired = true
		d.PutMember(m)
		return "retire a device of " + m.Handle
	case 5, 6:
		m, _ := one(h, d.Members())
		m.Roles = nil
		for _, r := range d.Roles() {
			if h.pick(3) == 0 {
				m.Roles = append(m.Roles, r.Name)
			}
		}
		d.PutMember(m)
		return "roles of " + m.Handle
	case 7, 8:
		r, _ := one(h, d.Roles())
		e, _ := one(h, d.Environments())
		if level := policy.Level(h.pick(4)); level == policy.None {
			delete(r.Grants, e.Name)
		} else {
			r.Grants[e.Name] = level
		}
		d.PutRole(r)
		return "grant of " + r.Name + " on " + e.Name
	case 9:
		r, _ := one(h, d.Roles())
		r.Manage, r.Audit = h.pick(3) == 0, h.pick(3) == 0
		d.PutRole(r)
		return "rights of " + r.Name
	case 10:
		name := h.name("role")
		d.PutRole(policy.Role{Name: name, Manage: h.pick(4) == 0, Grants: map[string]policy.Level{policy.Staging: policy.Read}})
		return "new role " + name
	case 11:
		if h.pick(2) == 0 {
			r, _ := one(h, d.Roles())
			r.Retired = true
			d.PutRole(r)
			return "retire role " + r.Name
		}
		e, _ := one(h, d.Environments())
		e.Retired = true
		d.PutEnvironment(e)
		return "retire environment " + e.Name
	case 12:
		e := policy.NewEnvironment(h.name("env"))
		d.PutEnvironment(e)
		r, _ := d.Role(policy.Admin)
		r.Grants[e.Name] = policy.Write
		d.PutRole(r)
		return "new environment " + e.Name
	case 13:
		e, _ := one(h, d.Environments())
		e.Due = !e.Due && h.pick(2) == 0
		d.PutEnvironment(e)
		return "due or not: " + e.Name
	default:
		return h.cloud(d)
	}
}

func (h *history) cloud(d *policy.Policy) string {
	if c, ok := one(h, d.CloudKeys()); ok && h.pick(2) == 0 {
		if h.pick(3) == 0 {
			c.Retired = true
		} else if r, ok := one(h, d.Roles()); ok {
			c.Roles, c.Waiting = []string{r.Name}, nil
			if h.pick(3) == 0 {
				c.Waiting = c.Roles
			}
		}
		d.PutCloudKey(c)
		return "change cloud key " + c.ID
	}
	key := fmt.Sprintf("projects/project-%d/locations/global/keyRings/r/cryptoKeys/k", h.pick(4))
	earlier := 0
	for _, c := range d.CloudKeys() {
		if c.Key == key {
			earlier++
		}
	}
	id := policy.CloudKeyID(policy.GCP, key, earlier)
	d.PutCloudKey(policy.CloudKey{ID: id, Provider: policy.GCP, Key: key, Roles: []string{policy.Developer}})
	if h.pick(3) == 0 {
		e, _ := one(h, d.Environments())
		e.RequireKMS = []string{id}
		d.PutEnvironment(e)
	}
	return "add cloud key " + id
}

// step tries one to three operations at once and takes them if they are allowed. It
// reports whether they were.
func (h *history) step() bool {
	draft := h.policy.Clone()
	what := ""
	for range 1 + h.pick(3) {
		what += h.edit(draft) + "; "
	}
	var also []policy.KeyRef
	if h.pick(6) == 0 {
		r, _ := one(h, draft.Roles())
		also = append(also, policy.KeyRef{Kind: policy.RoleKey, Name: r.Name})
	}
	policytest.Turn(h.policy, draft, also...)
	next, err := draft.Check()
	if err != nil {
		return false
	}
	switch err := policy.Transition(h.policy, next); {
	case errors.Is(err, policy.ErrIncomplete):
		h.t.Fatalf("%s: turned everything that Turns lists, and still: %v", what, err)
	case err != nil:
		return false
	}
	h.checkReach(what, next)
	h.checkWraps(what, next)
	h.checkRights(what, next)
	h.checkRaises(what, next)
	h.policy = next
	return true
}

// checkReach is rule 4 in its plain words.
func (h *history) checkReach(what string, next *policy.Policy) {
	after := next.Reach()
	for r := range h.policy.Reach() {
		if after[r] || next.Epoch(r.Key) > r.Epoch || h.retired(next, r.Key) || due(next, r.Key) {
			continue
		}
		h.t.Fatalf("%s: %s lost the %s key of epoch %d, which did not advance", what, r.Holder, r.Key, r.Epoch)
	}
}

func due(p *policy.Policy, ref policy.KeyRef) bool {
	e, _ := p.Environment(ref.Name)
	return ref.Kind != policy.RoleKey && e.Due
}

func (h *history) retired(p *policy.Policy, ref policy.KeyRef) bool {
	if ref.Kind == policy.RoleKey {
		r, _ := p.Role(ref.Name)
		return r.Retired
	}
	e, _ := p.Environment(ref.Name)
	return e.Retired
}

// checkWraps does to the files what KeyChanges says and holds the result to the whole
// policy: a file for every holder and nobody else, each to a recipient of today.
func (h *history) checkWraps(what string, next *policy.Policy) {
	for _, c := range policy.KeyChanges(h.policy, next) {
		if c.Old != c.New && c.Old != 0 {
			for path := range h.wraps {
				if ref, epoch, _, _ := policy.ParseKeyPath(path); ref == c.Ref && epoch == c.Old {
					delete(h.wraps, path)
				}
			}
		}
		for _, w := range c.Wraps {
			if _, there := h.wraps[w.Path]; there {
				h.t.Fatalf("%s: %s is written a second time", what, w.Path)
			}
			h.wraps[w.Path] = w.Recipient + w.CloudKey
		}
	}
	want := map[string]string{}
	var refs []policy.KeyRef
	for _, r := range next.Roles() {
		refs = append(refs, policy.KeyRef{Kind: policy.RoleKey, Name: r.Name})
	}
	for _, e := range next.Environments() {
		refs = append(refs, policy.KeyRef{Kind: policy.EnvironmentKey, Name: e.Name})
	}
	for _, ref := range append(refs, policy.KeyRef{Kind: policy.AuditKey}) {
		if due(next, ref) {
			continue
		}
		for _, f := range next.KeyFiles(ref) {
			want[f.Path] = f.Recipient + f.CloudKey
		}
	}
	got := map[string]string{}
	for path, to := range h.wraps {
		if ref, _, _, _ := policy.ParseKeyPath(path); ref.Kind == policy.AuditKey || !h.retired(next, ref) && !due(next, ref) {
			got[path] = to
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		h.t.Fatalf("%s: wraps differ from what the policy says: %s", what, diff)
	}
}

// checkRaises says that nobody gains anything without files that only who manages may
// write: whatever raises somebody changes a file under policy/, and the rights are
// those of the files, read by themselves.
func (h *history) checkRaises(what string, next *policy.Policy) {
	changed := policy.Changed(h.policy, next)
	for path := range changed {
		if !strings.HasPrefix(path, policy.Folder) {
			h.t.Fatalf("%s: %s is no file of the policy", what, path)
		}
	}
	for _, s := range policy.Changes(h.policy, next).Shifts {
		if s.Gains() && len(changed) == 0 {
			h.t.Fatalf("%s: %s gains %v from nothing", what, s.Who, s.Right)
		}
	}
	alone, err := policy.Parse(next.Files())
	if err != nil {
		h.t.Fatalf("%s: %v", what, err)
	}
	for _, m := range next.Members() {
		if alone.Manages(m.ID) != next.Manages(m.ID) || alone.Audits(m.ID) != next.Audits(m.ID) {
			h.t.Fatalf("%s: %s has other rights by the files alone", what, m.Handle)
		}
		for _, e := range next.Environments() {
			if alone.Level(m.ID, e.Name) != next.Level(m.ID, e.Name) {
				h.t.Fatalf("%s: %s has another level on %s by the files alone", what, m.Handle, e.Name)
			}
		}
	}
}

// checkRights says that rights and keys go together: what somebody may see he has the
// key of, and nothing else; and who may write may read.
func (h *history) checkRights(what string, next *policy.Policy) {
	reach := next.Reach()
	for _, m := range next.Members() {
		for _, d := range m.Devices {
			for _, e := range next.Environments() {
				level := next.Reads(m.ID, e.Name)
				if !d.Active() {
					level = policy.None
				}
				names := reach[policy.Reached{Holder: d.ID, Key: policy.KeyRef{Kind: policy.NamesKey, Name: e.Name}, Epoch: e.Epoch}]
				value := reach[policy.Reached{Holder: d.ID, Key: policy.KeyRef{Kind: policy.EnvironmentKey, Name: e.Name}, Epoch: e.Epoch}]
				if names != (level >= policy.List) || value != (level >= policy.Read) {
					h.t.Fatalf("%s: %s has level %s on %s and keys %v, %v", what, m.Handle, level, e.Name, names, value)
				}
			}
			audit := reach[policy.Reached{Holder: d.ID, Key: policy.KeyRef{Kind: policy.AuditKey}, Epoch: next.Audit().Epoch}]
			if audit != (next.Audits(m.ID) && d.Active()) {
				h.t.Fatalf("%s: %s audits: %v, and has the key: %v", what, m.Handle, next.Audits(m.ID), audit)
			}
		}
	}
}

// TestRandomHistoriesKeepKeysAndRightsTogether plays histories with fixed seeds.
func TestRandomHistoriesKeepKeysAndRightsTogether(t *testing.T) {
	taken := 0
	for seed := range *runs {
		h := &history{t: t, r: rand.New(rand.NewPCG(1, uint64(seed))), policy: policytest.Default(t), wraps: map[string]string{}}
		for _, c := range policy.KeyChanges(nil, h.policy) {
			for _, w := range c.Wraps {
				h.wraps[w.Path] = w.Recipient
			}
		}
		for range 25 {
			if h.step() {
				taken++
			}
		}
		if again, err := policy.Parse(h.policy.Files()); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		} else if diff := cmp.Diff(h.policy.Reach(), again.Reach()); diff != "" {
			t.Errorf("seed %d: %s", seed, diff)
		}
	}
	if taken < 5**runs {
		t.Errorf("only %d operations were allowed: the histories are too dull", taken)
	}
}
