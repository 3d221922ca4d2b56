package receipt_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/audit/receipt"
)

func TestOriginIsWhatTheEnvironmentSays(t *testing.T) {
	for name, c := range map[string]struct {
		env            map[string]string
		ssh, ci, agent string
	}{
		"nothing":    {},
		"ssh":        {env: map[string]string{"SSH_CONNECTION": "198.51.100.4 50022 192.0.2.7 22"}, ssh: "198.51.100.4 50022"},
		"old ssh":    {env: map[string]string{"SSH_CLIENT": "2001:db8::4 50022 22"}, ssh: "2001:db8::4 50022"},
		"odd ssh":    {env: map[string]string{"SSH_CONNECTION": "x"}},
		"github":     {env: map[string]string{"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "a/b", "GITHUB_RUN_ID": "7", "GITHUB_JOB": "test"}, ci: "github a/b 7 test"},
		"gitlab":     {env: map[string]string{"CI": "true", "GITLAB_CI": "true", "CI_PROJECT_PATH": "a/b", "CI_JOB_ID": "9"}, ci: "gitlab a/b 9"},
		"other ci":   {env: map[string]string{"CI": "1"}, ci: "ci"},
		"no ci":      {env: map[string]string{"CI": "false"}},
		"named":      {env: map[string]string{"AI_AGENT": "robot"}, agent: "robot"},
		"known":      {env: map[string]string{"CURSOR_AGENT": "1"}, agent: "cursor"},
		"no program": {env: map[string]string{"CLAUDECODE": "0"}},
	} {
		o := receipt.NewOrigin(func(n string) string { return c.env[n] }, "host")
		want := receipt.Origin{Host: "host", Addresses: o.Addresses, SSH: c.ssh, CI: c.ci, Agent: c.agent}
		if d := cmp.Diff(want, o); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		for _, a := range o.Addresses {
			if _, err := netip.ParseAddr(a); err != nil {
				t.Error(err)
			}
		}
		if len(o.Addresses) > 2 {
			t.Error(o.Addresses)
		}
		r := o.Of(reading("p"))
		if d := cmp.Diff([]string{"host", c.ssh, c.ci, c.agent, "deploy"}, []string{r.Host, r.SSH, r.CI, r.Agent, r.Reason}); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}
