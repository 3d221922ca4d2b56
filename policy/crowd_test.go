package policy_test

import (
	"testing"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/policy/policytest"
)

const (
	awsKey = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	gcpKey = "projects/acme-prod/locations/europe-west3/keyRings/secr/cryptoKeys/vault"
)

// crowd is a policy with one of everything: ana manages, ben develops on two
// machines, cleo views, dan has left, ci is a service with an expiring token; a cloud
// key opens developer, another one guards two environments of which one is due, a
// role and an environment are retired, a template and an invite are there.
func crowd(t testing.TB) *policy.Policy {
	t.Helper()
	p := policytest.Edit(t, policytest.Default(t), func(d *policy.Policy) {
		ben := policytest.Member("ben", policy.Developer)
		ben.Devices = append(ben.Devices, policytest.Device("ben 2"))
		d.PutMember(ben)
		d.PutMember(policytest.Member("cleo", policy.Viewer))
		d.PutMember(policytest.Member("dan", policy.Viewer))
		d.PutRole(policy.Role{Name: "old", Grants: map[string]policy.Level{"legacy": policy.Read}})
		d.PutEnvironment(policy.NewEnvironment("legacy"))
		ci := policytest.Member("ci", policy.Viewer)
		ci.Kind, ci.Devices[0].Kind, ci.Devices[0].Expires, ci.Expires = policy.Service, policy.Token, 1798761600, 1798761600
		d.PutMember(ci)
		d.PutCloudKey(policy.CloudKey{
			ID: policy.CloudKeyID(policy.AWS, awsKey, 0), Provider: policy.AWS, Key: awsKey, Roles: []string{policy.Developer},
		})
		d.PutTemplate(policy.Template{Environment: policy.Production, Entries: []policy.TemplateEntry{
			{Name: "DATABASE_URL", Required: true, Type: policy.TypeURL, Note: "the main one"},
			{Name: "LOG_LEVEL", Type: policy.TypeString},
		}})
		ana, _ := d.MemberByHandle("ana")
		d.PutInvite(policy.Invite{
			ID: policytest.ID("invite"), Handle: "eve", Roles: []string{policy.Viewer}, Expires: 1798761600, By: ana.ID, Verifier: "00ff",
		})
	})
	p = policytest.Edit(t, p, func(d *policy.Policy) {
		guard := policy.CloudKeyID(policy.GCP, gcpKey, 0)
		d.PutCloudKey(policy.CloudKey{ID: guard, Provider: policy.GCP, Key: gcpKey})
		for _, name := range []string{"guarded", "late"} {
			e := policy.NewEnvironment(name)
			e.RequireKMS = []string{guard}
			d.PutEnvironment(e)
		}
		d.PutRole(policy.Role{Name: "ops", Grants: map[string]policy.Level{"guarded": policy.Write, "late": policy.Write}})
		d.PutMember(policytest.Member("olga", "ops"))
	})
	return policytest.Edit(t, p, func(d *policy.Policy) {
		late, _ := d.Environment("late")
		late.Due = true
		d.PutEnvironment(late)
		retire(t, d, "dan")
		r, _ := d.Role("old")
		r.Retired = true
		d.PutRole(r)
		e, _ := d.Environment("legacy")
		e.Retired = true
		d.PutEnvironment(e)
	})
}

// retire takes a member out of a draft.
func retire(t testing.TB, d *policy.Policy, handle string) {
	t.Helper()
	m, ok := d.MemberByHandle(handle)
	if !ok {
		t.Fatalf("no %s", handle)
	}
	m.Retired = true
	d.PutMember(m)
}
