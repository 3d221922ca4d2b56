package team_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/team"
	"github.com/secr/secr/vault/vaulttest"
)

func TestAPlanShowsWhoGainsAndLosesWhat(t *testing.T) {
	ana, ben := vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Admit(t, v, ben, "ben", policy.Developer)
	show := func(edits ...team.Edit) []string {
		t.Helper()
		d := v.Draft()
		for _, e := range edits {
			d.EditPolicy(e)
		}
		r, err := d.Plan(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		out := []string{}
		for _, x := range team.Differences(r.Before, r.After) {
			out = append(out, fmt.Sprintf("%s %s %s>%s +%v -%v", x.Handle, x.Environment, x.From, x.To, x.Gains, x.Loses))
		}
		return out
	}
	for name, c := range map[string]struct{ got, want []string }{
		"nothing": {show(team.SetRoles("ben", policy.Developer)), []string{}},
		"removal": {show(team.Remove("ben")), []string{
			"ben development write>none +[] -[]", "ben production list>none +[] -[]", "ben staging write>none +[] -[]",
		}},
		"promotion": {show(team.AddRole("ben", policy.Admin)), []string{
			"ben  none>none +[manage audit] -[]", "ben production list>write +[] -[]",
		}},
		"an environment": {show(team.AddEnvironment("preview", map[string]policy.Level{policy.Developer: policy.Read})), []string{
			"ana preview none>write +[] -[]", "ben preview none>read +[] -[]",
		}},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestOneManagingDeviceIsNotSafe(t *testing.T) {
	ana, ben, paper := vaulttest.NewMachine(t), vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Admit(t, v, ben, "ben", policy.Developer)
	if m := team.CountManaging(v.Policy()); m != (team.Managing{Members: 1, Devices: 1}) || m.Safe() {
		t.Errorf("%+v", m)
	}
	d, err := team.NewDevice(paper.Seed, team.PlaceOf(v), team.DeviceOptions{Name: "paper", Kind: policy.Recovery})
	if err != nil {
		t.Fatal(err)
	}
	vaulttest.Edit(t, v, team.AddDevice("ana", d))
	if m := team.CountManaging(v.Policy()); m != (team.Managing{Members: 1, Devices: 1, Recovery: 1}) || !m.Safe() {
		t.Errorf("%+v", m)
	}
}
