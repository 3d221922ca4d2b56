package policy_test

import (
	"fmt"
	"testing"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/policy/policytest"
)

// team is a policy of n developers beside the founder.
func team(t testing.TB, n int) *policy.Policy {
	t.Helper()
	return policytest.Edit(t, policytest.Default(t), func(d *policy.Policy) {
		for i := range n {
			d.PutMember(policytest.Member(fmt.Sprintf("member-%d", i), policy.Developer))
		}
	})
}

func sizes(b *testing.B, f func(b *testing.B, p *policy.Policy)) {
	for _, n := range []int{5, 1000} {
		p := team(b, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) { f(b, p) })
	}
}

// BenchmarkAdmit is one more member: read the file, check, follow, say what to wrap.
func BenchmarkAdmit(b *testing.B) {
	sizes(b, func(b *testing.B, p *policy.Policy) {
		next := policytest.Edit(b, p, func(d *policy.Policy) { d.PutMember(policytest.Member("newcomer", policy.Developer)) })
		files := policy.Changed(p, next)
		for b.Loop() {
			q, err := p.With(files)
			if err != nil {
				b.Fatal(err)
			}
			if err := policy.Transition(p, q); err != nil {
				b.Fatal(err)
			}
			if len(policy.KeyChanges(p, q)) != 1 {
				b.Fatal("not one wrap")
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	sizes(b, func(b *testing.B, p *policy.Policy) {
		files := p.Files()
		for b.Loop() {
			if _, err := policy.Parse(files); err != nil {
				b.Fatal(err)
			}
		}
	})
}
