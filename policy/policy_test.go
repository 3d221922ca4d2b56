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

func TestNobodyHasALevelWhereAllIsOver(t *testing.T) {
	p := crowd(t)
	ben, _ := p.MemberByHandle("ben")
	if p.Level(ben.ID, policy.Staging) != policy.Write {
		t.Fatal("ben writes staging")
	}
	next := policytest.Edit(t, p, environment(policy.Staging, func(e *policy.Environment) { e.Retired = true }))
	for _, q := range []struct {
		p      *policy.Policy
		member string
		env    string
	}{
		{next, ben.ID, policy.Staging},
		{p, ben.ID, "nowhere"},
		{p, policytest.ID("nobody"), policy.Staging},
		{p, idOf("dan"), policy.Development},
	} {
		if got := q.p.Level(q.member, q.env); got != policy.None {
			t.Errorf("%s on %s: %s", q.member, q.env, got)
		}
	}
}

func TestKeyFilesSayWhatTheyHoldAndForWhom(t *testing.T) {
	p := crowd(t)
	got := map[string]policy.KeyFile{}
	for _, ref := range []policy.KeyRef{
		{Kind: policy.RoleKey, Name: policy.Developer}, {Kind: policy.EnvironmentKey, Name: "guarded"},
		{Kind: policy.EnvironmentKey, Name: policy.Production}, {Kind: policy.AuditKey},
	} {
		for _, f := range p.KeyFiles(ref) {
			got[f.Path] = f
		}
	}
	to := func(role string) string { r, _ := p.Role(role); return r.Recipient }
	want := map[string]policy.KeyFile{
		"keys/roles/developer/1/" + idOf("ben") + ".age":      {Kind: policy.WrapRole, Recipient: policytest.Device("ben").Recipient},
		"keys/roles/developer/1/" + idOf("ben 2") + ".age":    {Kind: policy.WrapRole, Recipient: policytest.Device("ben 2").Recipient},
		"keys/roles/developer/1/" + aws() + ".age":            {Kind: policy.WrapRole, CloudKey: aws()},
		"keys/roles/developer/1/@admin.age":                   {Kind: policy.WrapRole, Recipient: to(policy.Admin)},
		"keys/environments/guarded/1/ops.names":               {Kind: policy.WrapNames, Recipient: to("ops")},
		"keys/environments/guarded/1/ops.age":                 {Kind: policy.WrapRoleShare, Recipient: to("ops")},
		"keys/environments/guarded/1/cloud/" + gcp() + ".age": {Kind: policy.WrapCloudShare, CloudKey: gcp()},
		"keys/environments/production/1/developer.names":      {Kind: policy.WrapNames, Recipient: to(policy.Developer)},
		"keys/environments/production/1/admin.names":          {Kind: policy.WrapNames, Recipient: to(policy.Admin)},
		"keys/environments/production/1/admin.age":            {Kind: policy.WrapEnvironment, Recipient: to(policy.Admin)},
		"keys/audit/1/admin.age":                              {Kind: policy.WrapAudit, Recipient: to(policy.Admin)},
	}
	for path, f := range got {
		f.Path = ""
		got[path] = f
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTurnsAreInOrder(t *testing.T) {
	p := crowd(t)
	draft := p.Clone()
	retire(t, draft, "ben")
	draft.PutAudit(draft.Audit().Turned(policytest.Recipient("a")))
	var got []string
	for _, ref := range policy.Turns(p, draft) {
		got = append(got, ref.String())
	}
	want := []string{"role developer", "environment development", "environment production", "environment staging", "audit"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
