package policy_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/policy/policytest"
)

var update = flag.Bool("update", false, "write golden files and vectors again")

// golden compares text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}

// TestActionsOfDefaultRoles holds what every default role may do, and what its key
// opens, as a table.
func TestActionsOfDefaultRoles(t *testing.T) {
	p := policytest.Edit(t, policytest.Default(t), func(d *policy.Policy) {
		for _, r := range policy.DefaultRoles() {
			d.PutMember(policytest.Member("one-"+r.Name, r.Name))
		}
		d.PutMember(policytest.Member("none"))
		d.PutMember(policytest.Member("both", policy.Developer, policy.Viewer))
		gone := policytest.Member("retired", policy.Developer)
		d.PutMember(gone)
	})
	p = policytest.Edit(t, p, func(d *policy.Policy) { retire(t, d, "retired") })
	reach := p.Reach()
	var b strings.Builder
	fmt.Fprintln(&b, "# Who may do what. \"key\" is what keys open, the rest is what changes may do.")
	yes := func(ok bool) string {
		if ok {
			return "yes"
		}
		return "-"
	}
	for _, who := range []string{"one-viewer", "one-developer", "one-admin", "both", "none", "retired"} {
		m, ok := p.MemberByHandle(who)
		if !ok {
			t.Fatal(who)
		}
		fmt.Fprintf(&b, "\n%s: manage %s, audit %s\n", who, yes(p.Manages(m.ID)), yes(p.Audits(m.ID)))
		fmt.Fprintf(&b, "  %-12s %-5s %-5s %-5s   %-9s %s\n", "environment", "list", "read", "write", "names key", "value key")
		for _, e := range p.Environments() {
			level := p.Level(m.ID, e.Name)
			key := func(kind policy.KeyKind) string {
				return yes(reach[policy.Reached{Holder: m.ID, Key: policy.KeyRef{Kind: kind, Name: e.Name}, Epoch: e.Epoch}])
			}
			fmt.Fprintf(&b, "  %-12s %-5s %-5s %-5s   %-9s %s\n", e.Name, yes(level >= policy.List), yes(level >= policy.Read),
				yes(level >= policy.Write), key(policy.NamesKey), key(policy.EnvironmentKey))
			if want := p.Reads(m.ID, e.Name); (want >= policy.List) != (key(policy.NamesKey) == "yes") || (want >= policy.Read) != (key(policy.EnvironmentKey) == "yes") {
				t.Errorf("%s, %s: Reads says %v, keys say otherwise", who, e.Name, want)
			}
		}
	}
	golden(t, "actions.golden", b.String())
}

func TestExplainSaysByWhichRole(t *testing.T) {
	p := policytest.Edit(t, policytest.Default(t), func(d *policy.Policy) {
		d.PutRole(policy.Role{Name: "guardian", Manage: true})
		d.PutMember(policytest.Member("gina", "guardian"))
		d.PutMember(policytest.Member("both", policy.Developer, policy.Viewer))
	})
	gina, _ := p.MemberByHandle("gina")
	both, _ := p.MemberByHandle("both")
	want := []policy.Reason{
		{Role: "guardian", Level: policy.Read, Through: policy.Admin},
		{Role: "guardian", Level: policy.List, Through: policy.Developer},
	}
	if diff := cmp.Diff(want, p.Explain(gina.ID, policy.Production)); diff != "" {
		t.Error(diff)
	}
	if p.Level(gina.ID, policy.Production) != policy.None || p.Reads(gina.ID, policy.Production) != policy.Read {
		t.Error("a manager without a grant reads by the keys of all roles and may not write")
	}
	want = []policy.Reason{{Role: policy.Developer, Level: policy.Write}, {Role: policy.Viewer, Level: policy.List}}
	if diff := cmp.Diff(want, p.Explain(both.ID, policy.Staging)); diff != "" {
		t.Error(diff)
	}
	var who []string
	for _, a := range p.Who(policy.Production) {
		who = append(who, a.Handle)
	}
	if diff := cmp.Diff([]string{"ana", "both", "gina"}, who); diff != "" {
		t.Error(diff)
	}
	if got := p.Explain(gina.ID, "nowhere"); got != nil {
		t.Errorf("an unknown environment: %v", got)
	}
}
