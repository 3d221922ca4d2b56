package audit_test

import (
	"iter"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/audit"
	"github.com/secr/secr/audit/cloudlog"
	"github.com/secr/secr/audit/receipt"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/policy/policytest"
)

const (
	awsName = "arn:aws:kms:eu-central-1:111122223333:key/12345678-1234-1234-1234-123456789012"
	gcpName = "projects/acme-prod/locations/europe-west3/keyRings/secr/cryptoKeys/team"
)

// clouded is a policy with two cloud keys for developers; production needs the first.
func clouded(t *testing.T) *policy.Policy {
	t.Helper()
	return policytest.Edit(t, policytest.Default(t), func(p *policy.Policy) {
		aws := policy.CloudKey{ID: policy.CloudKeyID(policy.AWS, awsName, 0), Provider: policy.AWS, Key: awsName, Roles: []string{policy.Developer}}
		gcp := policy.CloudKey{ID: policy.CloudKeyID(policy.GCP, gcpName, 0), Provider: policy.GCP, Key: gcpName, Roles: []string{policy.Developer}}
		p.PutCloudKey(aws)
		p.PutCloudKey(gcp)
	})
}

func unlock(at int64, kind, name string) cloudlog.Event {
	return cloudlog.Event{
		Time: at, Provider: "aws", Keys: []string{awsName}, Principal: "deploy",
		Context: map[string]string{"secr-vault": "v", "secr-kind": kind, "secr-name": name},
	}
}

func reading(at int64, number uint64, environment string) audit.Event {
	return audit.Event{Time: at, Device: "d", Handle: "ana", Read: &audit.Read{Receipt: receipt.Receipt{Number: number, Environment: environment}}}
}

func seq(events ...audit.Event) iter.Seq2[audit.Event, error] {
	return func(yield func(audit.Event, error) bool) {
		for _, e := range events {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func states(all []audit.Unlock) []audit.UnlockState {
	var out []audit.UnlockState
	for _, x := range all {
		out = append(out, x.State)
	}
	return out
}

func TestUnlocksWithoutAReceiptStandOut(t *testing.T) {
	p := clouded(t)
	refused := unlock(now+6, "", "")
	refused.Failed, refused.Context = "AccessDenied", nil
	other := unlock(now+7, "role", "developer")
	other.Context["secr-vault"] = "another"
	google := cloudlog.Event{Time: now + 2000, Provider: "gcp", Keys: []string{gcpName}}
	stranger := cloudlog.Event{Time: now, Provider: "gcp", Keys: []string{"projects/x"}}
	for name, c := range map[string]struct {
		events []cloudlog.Event
		reads  []audit.Event
		want   []audit.UnlockState
		other  int
	}{
		"with":             {[]cloudlog.Event{unlock(now, "cloud-share", "production")}, []audit.Event{reading(now+2, 1, "production")}, []audit.UnlockState{audit.Receipted}, 0},
		"without":          {[]cloudlog.Event{unlock(now, "cloud-share", "production")}, nil, []audit.UnlockState{audit.Silent}, 0},
		"another place":    {[]cloudlog.Event{unlock(now, "cloud-share", "production")}, []audit.Event{reading(now, 1, "staging")}, []audit.UnlockState{audit.Silent}, 0},
		"too late":         {[]cloudlog.Event{unlock(now, "cloud-share", "production")}, []audit.Event{reading(now+audit.Window+1, 1, "production")}, []audit.UnlockState{audit.Silent}, 0},
		"behind an honest": {[]cloudlog.Event{unlock(now, "cloud-share", "production"), unlock(now+9, "cloud-share", "production")}, []audit.Event{reading(now+1, 1, "production")}, []audit.UnlockState{audit.Receipted, audit.Silent}, 0},
		"two of two":       {[]cloudlog.Event{unlock(now, "cloud-share", "production"), unlock(now+9, "cloud-share", "production")}, []audit.Event{reading(now+1, 1, "production"), reading(now+10, 2, "production")}, []audit.UnlockState{audit.Receipted, audit.Receipted}, 0},
		"a cloud reader":   {[]cloudlog.Event{unlock(now, "role", "developer")}, []audit.Event{reading(now, 1, "development")}, []audit.UnlockState{audit.ByCloud}, 0},
		"its second lock":  {[]cloudlog.Event{unlock(now, "role", "developer"), unlock(now+1, "cloud-share", "production")}, nil, []audit.UnlockState{audit.ByCloud, audit.ByCloud}, 0},
		"refused":          {[]cloudlog.Event{refused}, []audit.Event{reading(now, 1, "production")}, []audit.UnlockState{audit.Refused}, 0},
		"another vault's":  {[]cloudlog.Event{other, stranger}, nil, nil, 2},
		"no context":       {[]cloudlog.Event{google}, []audit.Event{reading(now+2000, 1, "development")}, []audit.UnlockState{audit.Receipted}, 0},
		"out of order":     {[]cloudlog.Event{google, unlock(now, "role", "developer")}, nil, []audit.UnlockState{audit.ByCloud, audit.Silent}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			u := audit.NewUses("v", p)
			for _, e := range c.events {
				u.Add(e)
			}
			all, err := u.Join(seq(c.reads...))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, states(all)); diff != "" || u.Other() != c.other {
				t.Errorf("%d others\n%s", u.Other(), diff)
			}
		})
	}
}
