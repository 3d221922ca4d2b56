package policy_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/policy/policytest"
)

// TestALargeTeamIsTheSameHoweverItCameAbout lets a team change for so long that its
// members lie in several layers, and asks the policy that grew what it asks one that was
// read from its files, and one from a cache.
func TestALargeTeamIsTheSameHoweverItCameAbout(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	grown := team(t, 100)
	for n := range 150 {
		before := grown
		grown = policytest.Edit(t, grown, func(d *policy.Policy) {
			members := d.Members()
			m := members[r.IntN(len(members))]
			switch r.IntN(4) {
			case 0:
				m = policytest.Member(fmt.Sprint("new-", n), policy.Viewer)
			case 1:
				m.Devices = append(m.Devices, policytest.Device(fmt.Sprint("second-", n)))
			case 2:
				m.Retired = m.Handle != "ana"
			case 3:
				m.Roles = append(m.Roles[:0:0], policy.Viewer)
				if m.Handle == "ana" {
					m.Roles = append([]string{policy.Admin}, m.Roles...)
				}
			}
			d.PutMember(m)
		})
		if n%30 == 0 {
			sameAnswers(t, before, grown)
		}
	}
}

func sameAnswers(t *testing.T, before, grown *policy.Policy) {
	t.Helper()
	files := grown.Files()
	parsed, err := policy.Parse(files)
	if err != nil {
		t.Fatal(err)
	}
	cached, err := policy.Decode(grown.Encode(), func(path string) ([]byte, error) { return files[path], nil })
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]*policy.Policy{"parsed": parsed, "cached": cached} {
		same := func(what string, a, b any) {
			t.Helper()
			if diff := cmp.Diff(a, b); diff != "" {
				t.Fatalf("%s: %s: %s", name, what, diff)
			}
		}
		same("members", grown.Members(), p.Members())
		same("handles", slices.Sorted(grown.Handles()), slices.Sorted(p.Handles()))
		same("reach", grown.Reach(), p.Reach())
		same("what changed", policy.Changed(before, grown), policy.Changed(before, p))
		same("nothing changed", map[string][]byte{}, policy.Changed(grown, p))
		same("events", policy.Changes(before, grown), policy.Changes(before, p))
		same("wraps", policy.KeyChanges(before, grown), policy.KeyChanges(before, p))
		same("what may follow", policy.Transition(before, grown), policy.Transition(before, p))
		same("what turns", policy.Turns(grown, before), policy.Turns(p, before))
		for _, m := range grown.Members() {
			found, _ := p.MemberByHandle(m.Handle)
			same("by handle", m, found)
			for _, d := range m.Devices {
				member, device, ok := p.Device(d.ID)
				same("by device", []any{m, d, true}, []any{member, device, ok})
			}
		}
		if _, _, ok := p.Device("nobody"); ok {
			t.Fatalf("%s: a device of nobody", name)
		}
		refusesSeconds(t, name, p)
	}
	refusesSeconds(t, "grown", grown)
}

// refusesSeconds puts somebody into a team who has something of somebody else's.
func refusesSeconds(t *testing.T, name string, p *policy.Policy) {
	t.Helper()
	for i, m := range p.Members() {
		if i%5 != 0 {
			continue
		}
		for what, alike := range map[string]func(*policy.Member){
			"a handle":    func(x *policy.Member) { x.Handle = m.Handle },
			"a device":    func(x *policy.Member) { x.Devices = append(x.Devices, m.Devices[len(m.Devices)-1]) },
			"a recipient": func(x *policy.Member) { swapRecipient(x, m) },
		} {
			d := p.Clone()
			x := policytest.Member(fmt.Sprint("somebody-else-", i))
			alike(&x)
			d.PutMember(x)
			if _, err := d.Check(); !errors.Is(err, policy.ErrMalformed) {
				t.Fatalf("%s: %s of %s a second time: %v", name, what, m.Handle, err)
			}
		}
	}
}

func swapRecipient(x *policy.Member, m policy.Member) {
	d := &x.Devices[0]
	d.Recipient = m.Devices[len(m.Devices)-1].Recipient
	d.ID = policy.DeviceID(d.Sign, d.Recipient)
	x.ID = d.ID
}
