package policy_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/policy/policytest"
)

func TestDefaultPolicyIsWholeAndRoundTrips(t *testing.T) {
	p := policytest.Default(t)
	again, err := policy.Parse(p.Files())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p.Files(), again.Files()); diff != "" {
		t.Error(diff)
	}
	if err := policy.Transition(p, again); err != nil {
		t.Error(err)
	}
	ana, ok := p.MemberByHandle("ana")
	if !ok || !p.Manages(ana.ID) || !p.Audits(ana.ID) || p.Level(ana.ID, policy.Production) != policy.Write {
		t.Errorf("the founder manages: %+v", ana)
	}
	if got := len(policy.KeyChanges(nil, p)); got != 7 {
		t.Errorf("a new vault wraps %d keys, want 3 roles, 3 environments and the audit key", got)
	}
}

func TestAdmittingTurnsNothingAndWrapsOneKey(t *testing.T) {
	p := policytest.Default(t)
	ben := policytest.Member("ben", policy.Developer)
	next := policytest.Edit(t, p, func(d *policy.Policy) { d.PutMember(ben) })
	if err := policy.Transition(p, next); err != nil {
		t.Fatal(err)
	}
	want := []policy.KeyChange{{
		Ref: policy.KeyRef{Kind: policy.RoleKey, Name: policy.Developer}, Old: 1, New: 1,
		Wraps: []policy.KeyFile{{
			Path: "keys/roles/developer/1/" + ben.ID + ".age", Kind: policy.WrapRole, Recipient: ben.Devices[0].Recipient,
		}},
	}}
	if diff := cmp.Diff(want, policy.KeyChanges(p, next)); diff != "" {
		t.Error(diff)
	}
}

func TestRemovingAManagerTurnsEverything(t *testing.T) {
	ben := policytest.Member("ben", policy.Admin)
	p := policytest.Edit(t, policytest.Default(t), func(d *policy.Policy) { d.PutMember(ben) })
	draft := p.Clone()
	ben.Retired = true
	draft.PutMember(ben)
	if got := len(policy.Turns(p, draft)); got != 7 {
		t.Errorf("%d keys turn, want all 7: %v", got, policy.Turns(p, draft))
	}
	lazy, err := draft.Check()
	if err != nil {
		t.Fatal(err)
	}
	if err := policy.Transition(p, lazy); !errors.Is(err, policy.ErrIncomplete) {
		t.Errorf("removal without rotation: %v", err)
	}
	policytest.Turn(p, draft)
	next, err := draft.Check()
	if err != nil {
		t.Fatal(err)
	}
	if err := policy.Transition(p, next); err != nil {
		t.Error(err)
	}
}

func TestRecipientChecksTheRealThing(t *testing.T) {
	if err := policy.CheckRecipient(policytest.Recipient("x")); err != nil {
		t.Error(err)
	}
}
