package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/policy/policytest"
)

// words writes a difference as text.
func words(d policy.Difference) string {
	var b strings.Builder
	for _, s := range d.Shifts {
		right := s.Right.Environment
		if s.Right.Manage {
			right = "manage"
		} else if s.Right.Audit {
			right = "audit"
		}
		fmt.Fprintf(&b, "%s: %s %s -> %s\n", s.Who, right, s.From, s.To)
	}
	for _, e := range d.Events {
		fmt.Fprintln(&b, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", e.Subject, e.Name, e.Verb, e.What)))
	}
	return b.String()
}

func TestChangesSayWhoGainsAndLoses(t *testing.T) {
	p := crowd(t)
	for name, c := range map[string]struct {
		edit func(d *policy.Policy)
		want string
	}{
		"nothing": {func(*policy.Policy) {}, ""},
		"a new member": {
			func(d *policy.Policy) { d.PutMember(policytest.Member("eve", policy.Viewer)) },
			`eve: development none -> read
eve: staging none -> list
member eve added
device eve/laptop added
`,
		},
		"a member leaves": {
			func(d *policy.Policy) { retire(t, d, "ben") },
			`ben: development write -> none
ben: production list -> none
ben: staging write -> none
member ben retired
role developer key turned
environment development key turned
environment production key turned
environment staging key turned
`,
		},
		"a promotion": {
			func(d *policy.Policy) {
				m, _ := d.MemberByHandle("cleo")
				m.Roles, m.Name = []string{policy.Admin}, "Cleo"
				d.PutMember(m)
			},
			`cleo: development read -> write
cleo: guarded none -> read
cleo: late none -> read
cleo: production none -> write
cleo: staging list -> write
cleo: manage none -> read
cleo: audit none -> read
member cleo changed roles
member cleo changed name
role viewer key turned
environment development key turned
environment staging key turned
`,
		},
		"a wider role": {
			func(d *policy.Policy) {
				r, _ := d.Role(policy.Viewer)
				r.Grants[policy.Staging] = policy.Read
				d.PutRole(r)
			},
			`ci: staging list -> read
cleo: staging list -> read
role viewer changed grants
`,
		},
		"a cloud key leaves": {
			func(d *policy.Policy) {
				c, _ := d.CloudKey(policy.CloudKeyID(policy.AWS, awsKey, 0))
				c.Retired = true
				d.PutCloudKey(c)
			},
			policy.CloudKeyID(policy.AWS, awsKey, 0) + `: development read -> none
` + policy.CloudKeyID(policy.AWS, awsKey, 0) + `: production list -> none
` + policy.CloudKeyID(policy.AWS, awsKey, 0) + `: staging read -> none
role developer key turned
environment development key turned
environment production key turned
environment staging key turned
cloud key ` + awsKey + ` retired
`,
		},
		"settings, a template, an invite": {
			func(d *policy.Policy) {
				e, _ := d.Environment(policy.Production)
				e.MaxAge, e.Receipts, e.RequireReason, e.AllowNames = 3600, policy.ReceiptsRequired, true, []string{"NODE_OPTIONS"}
				d.PutEnvironment(e)
				d.DropTemplate(policy.Production)
				d.DropInvite(policytest.ID("invite"))
			},
			`environment production changed allow_names
environment production changed require_reason
environment production changed max_age
environment production changed receipts
template production removed
invite eve removed
`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			next := policytest.Edit(t, p, c.edit)
			if err := policy.Transition(p, next); err != nil {
				t.Fatal(err)
			}
			d := policy.Changes(p, next)
			if diff := cmp.Diff(c.want, words(d)); diff != "" {
				t.Error(diff)
			}
			if d.Empty() != (c.want == "") {
				t.Error("Empty says otherwise")
			}
		})
	}
}
