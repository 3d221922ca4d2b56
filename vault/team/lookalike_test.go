package team_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/team"
	"github.com/secr/secr/vault/vaulttest"
)

func TestLookAlikesAreNamed(t *testing.T) {
	v := vaulttest.NewMachine(t).Init(t)
	for _, h := range []string{"marina", "bob", "ci-production", "bill", "max", "clara"} {
		vaulttest.Admit(t, v, vaulttest.NewMachine(t), h, policy.Viewer)
	}
	for handle, want := range map[string][]string{
		"rnarina":       {"marina"},
		"marlna":        {"marina"},
		"mariana":       {"marina"},
		"marnia":        {"marina"},
		"b0b":           {"bob"},
		"cl-production": {"ci-production"},
		"ciproduction":  {"ci-production"},
		"bi11":          {"bill"},
		"rnax":          {"max"},
		"a-na":          {"ana"},
		"dara":          {"clara"},
		"c1ara":         {"clara"},
		"bo8":           {"bob"},
		"rob":           nil,
		"martina-b":     nil,
		"marina":        nil, // not alike but the same, which is refused elsewhere
	} {
		if diff := cmp.Diff(want, team.LookAlikes(v.Policy(), handle)); diff != "" {
			t.Errorf("%s: %s", handle, diff)
		}
	}
}
