package team_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/team"
	"github.com/secr/secr/vault/vaulttest"
)

func exposed(t *testing.T, v *vault.Vault, handle, device string) []string {
	t.Helper()
	list, err := team.Exposed(t.Context(), v, handle, device)
	if err != nil {
		t.Fatal(err)
	}
	return names(list)
}

func outstanding(t *testing.T, v *vault.Vault) []string {
	t.Helper()
	list, err := team.Outstanding(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	return names(list)
}

func names(list []team.Exposure) []string {
	out := []string{}
	for _, e := range list {
		out = append(out, e.Environment+"/"+e.Label.Name)
	}
	return out
}

// TestBenComesAndGoes is the story of Ana, Ben and Cleo.
func TestBenComesAndGoes(t *testing.T) {
	ana, ben, cleo, second := vaulttest.NewMachine(t), vaulttest.NewMachine(t), vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Set(t, v, "development", "A", "dev", "B", "dev")
	vaulttest.Set(t, v, "staging", "A", "stage")
	vaulttest.Set(t, v, "production", "A", "prod")
	r := request(t, ben, invite(t, v, "ben", policy.Developer))
	m, err := team.Check(t.Context(), v, r, vaulttest.Now)
	if err != nil {
		t.Fatal(err)
	}
	vaulttest.Edit(t, v, team.Admit(m.Admission(r)))
	vaulttest.Admit(t, v, cleo, "cleo", policy.Viewer)
	vaulttest.Edit(t, v, team.AddDevice("ben", second.Device(t, v, "desktop")))
	if diff := cmp.Diff(map[string]string{"A": "stage"}, vaulttest.Values(t, second.Pull(t, v), "staging")); diff != "" {
		t.Errorf("ben's second machine: %s", diff)
	}
	if got := outstanding(t, v); len(got) != 0 {
		t.Errorf("nobody left, outstanding %v", got)
	}

	// What it would mean, then the act itself: one change.
	want := []string{"development/A", "development/B", "staging/A"}
	if diff := cmp.Diff(want, exposed(t, v, "ben", "")); diff != "" {
		t.Errorf("before: %s", diff)
	}
	before := v.Head().Seq
	vaulttest.Edit(t, v, team.Remove("ben"))
	if v.Head().Seq != before+1 {
		t.Errorf("it took %d changes", v.Head().Seq-before)
	}
	for name, machine := range map[string]vaulttest.Machine{"laptop": ben, "desktop": second} {
		if _, err := vaulttest.TryValues(t.Context(), machine.Pull(t, v), "development"); !errors.Is(err, vault.ErrNotMember) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if diff := cmp.Diff(want, outstanding(t, v)); diff != "" {
		t.Errorf("after: %s", diff)
	}
	vaulttest.Set(t, v, "development", "A", "changed", "NEW", "never seen")
	d := v.Draft()
	d.Delete("staging", "A")
	vaulttest.Commit(t, d)
	if diff := cmp.Diff([]string{"development/B"}, outstanding(t, v)); diff != "" {
		t.Errorf("half done: %s", diff)
	}
	// A new note is no new value.
	note := "still the old one"
	d = v.Draft()
	d.SetLabel("development", "B", vault.Meta{Note: &note})
	vaulttest.Commit(t, d)
	if diff := cmp.Diff([]string{"development/B"}, exposed(t, v, "ben", "")); diff != "" {
		t.Errorf("after a note: %s", diff)
	}
	vaulttest.Set(t, v, "development", "B", "changed")
	if got := outstanding(t, v); len(got) != 0 {
		t.Errorf("done, outstanding %v", got)
	}
	if diff := cmp.Diff(map[string]string{"A": "changed", "B": "changed", "NEW": "never seen"}, vaulttest.Values(t, cleo.Pull(t, v), "development")); diff != "" {
		t.Errorf("cleo: %s", diff)
	}
}

// A value is changed by another one, not by being set at another time.
func TestAValueThatComesBackIsOnTheListAgain(t *testing.T) {
	ana, ben, cleo := vaulttest.NewMachine(t), vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Admit(t, v, ben, "ben", policy.Developer)
	vaulttest.Admit(t, v, cleo, "cleo", policy.Viewer)
	vaulttest.Set(t, v, "staging", "A", "first", "B", "first")
	vaulttest.Set(t, v, "staging", "A", "known", "B", "known")
	vaulttest.Edit(t, v, team.Remove("ben"))
	vaulttest.Set(t, v, "staging", "A", "new", "B", "new")
	is := func(when string, want ...string) {
		t.Helper()
		list, err := team.Outstanding(t.Context(), v)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, names(list), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s", when, diff)
		}
		for _, e := range list {
			if !e.Again || e.Since <= e.Until {
				t.Errorf("%s: %+v", when, e)
			}
		}
	}
	is("both changed")
	vaulttest.Set(t, v, "staging", "A", "known")
	is("the value of then", "staging/A")
	vaulttest.Set(t, v, "staging", "A", "first")
	is("one before it", "staging/A")
	note := "put back"
	d := v.Draft()
	d.SetLabel("staging", "A", vault.Meta{Note: &note})
	vaulttest.Commit(t, d)
	d = v.Draft()
	d.Rotate()
	vaulttest.Commit(t, d)
	is("with a note, under a new key", "staging/A")
	d = v.Draft()
	d.Delete("staging", "A")
	vaulttest.Commit(t, d)
	is("deleted")
	vaulttest.Set(t, v, "staging", "A", "known")
	is("set after it was deleted", "staging/A")
	// Who may list and not read has it by when it was set.
	if got := outstanding(t, cleo.Pull(t, v)); len(got) != 0 {
		t.Errorf("cleo: %v", got)
	}
	vaulttest.Set(t, v, "staging", "A", "new")
	is("what came after him")
}

// Ben never writes again: what he prepared before he was removed does not
// descend, and what he signs afterwards is denied.
func TestRemovedMembersPushIsIgnored(t *testing.T) {
	ana, ben := vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Admit(t, v, ben, "ben", policy.Developer)
	b := ben.Pull(t, v)
	vaulttest.Edit(t, v, team.Remove("ben"))
	vaulttest.Set(t, b, "development", "A", "mine")
	if _, err := ana.TryPull(t.Context(), b); !errors.Is(err, vault.ErrNotDescendant) {
		t.Errorf("a change beside his removal: %v", err)
	}
}

func TestALostDeviceIsRemovalOfADevice(t *testing.T) {
	ana, second := vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Set(t, v, "production", "A", "one")
	vaulttest.Edit(t, v, team.AddDevice("ana", second.Device(t, v, "lost")))
	vaulttest.Edit(t, v, team.RemoveDevice("ana", "lost"))
	if _, err := vaulttest.TryValues(t.Context(), second.Pull(t, v), "production"); !errors.Is(err, vault.ErrNotMember) {
		t.Errorf("the lost device: %v", err)
	}
	if diff := cmp.Diff([]string{"production/A"}, exposed(t, v, "ana", "lost")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"production/A"}, outstanding(t, v)); diff != "" {
		t.Error(diff)
	}
	vaulttest.Set(t, v, "production", "A", "two")
	if got := outstanding(t, v); len(got) != 0 {
		t.Errorf("outstanding %v", got)
	}
}

func TestNarrowingARoleLeavesWhatItOpened(t *testing.T) {
	ana, ben := vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Set(t, v, "staging", "A", "one")
	vaulttest.Admit(t, v, ben, "ben", policy.Developer)
	vaulttest.Edit(t, v, team.Grant(policy.Developer, "staging", policy.List))
	var denied *vault.DeniedError
	if _, err := vaulttest.TryValues(t.Context(), ben.Pull(t, v), "staging"); !errors.As(err, &denied) {
		t.Errorf("ben reads: %v", err)
	}
	if diff := cmp.Diff([]string{"staging/A"}, outstanding(t, v)); diff != "" {
		t.Error(diff)
	}
}

func TestARecoveryDeviceRestoresAManager(t *testing.T) {
	ana, paper, fresh := vaulttest.NewMachine(t), vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Set(t, v, "production", "A", "one")
	d, err := team.NewDevice(paper.Seed, team.PlaceOf(v), team.DeviceOptions{Name: "paper", Kind: policy.Recovery})
	if err != nil {
		t.Fatal(err)
	}
	vaulttest.Edit(t, v, team.AddDevice("ana", d))
	p := paper.Pull(t, v)
	vaulttest.Edit(t, p, team.AddDevice("ana", fresh.Device(t, p, "new-laptop")), team.RemoveDevice("ana", "laptop"))
	if diff := cmp.Diff(map[string]string{"A": "one"}, vaulttest.Values(t, fresh.Pull(t, p), "production")); diff != "" {
		t.Error(diff)
	}
	if _, err := vaulttest.TryValues(t.Context(), ana.Pull(t, p), "production"); !errors.Is(err, vault.ErrNotMember) {
		t.Errorf("the lost laptop: %v", err)
	}
}

func TestCanSaysWhyAndSinceWhen(t *testing.T) {
	ana, ben := vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Admit(t, v, ben, "ben", policy.Viewer)
	vaulttest.Edit(t, v, team.AddRole("ben", policy.Developer))
	vaulttest.Edit(t, v, team.Grant(policy.Viewer, "staging", policy.Read))
	a, err := team.Can(t.Context(), v, "ben", "staging")
	if err != nil {
		t.Fatal(err)
	}
	got := []string{a.Level.String()}
	for _, r := range a.Reasons {
		got = append(got, fmt.Sprintf("%s %s: member since %d by %s, grant since %d by %s", r.Role, r.Level, r.Member.Seq, r.Member.By, r.Grant.Seq, r.Grant.By))
	}
	want := []string{
		"write",
		"developer write: member since 3 by ana, grant since 1 by ana",
		"viewer read: member since 2 by ana, grant since 4 by ana",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if a, err = team.Can(t.Context(), v, "ben", "production"); err != nil || a.Level != policy.List {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err = team.Can(t.Context(), v, "eve", "production"); !errors.Is(err, team.ErrNoMember) {
		t.Error(err)
	}
}

func TestWhoNamesThoseWhoReadOnce(t *testing.T) {
	ana, ben := vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Admit(t, v, ben, "ben", policy.Developer)
	vaulttest.Set(t, v, "development", "A", "one")
	vaulttest.Edit(t, v, team.Remove("ben"))
	now, once, err := team.Who(t.Context(), v, "development")
	if err != nil {
		t.Fatal(err)
	}
	show := func(list []team.Span) []string {
		out := []string{}
		for _, s := range list {
			out = append(out, fmt.Sprintf("%s %s %d-%d", s.Holder.Handle, s.Level, s.From, s.To))
		}
		return out
	}
	if diff := cmp.Diff([]string{"ana write 1-0"}, show(now)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"ben write 2-3"}, show(once)); diff != "" {
		t.Error(diff)
	}
}

func TestEditsRefuseWhatCannotBe(t *testing.T) {
	ana, ben := vaulttest.NewMachine(t), vaulttest.NewMachine(t)
	v := ana.Init(t)
	vaulttest.Admit(t, v, ben, "ben", policy.Developer)
	vaulttest.Edit(t, v, team.RetireRole(policy.Viewer), team.AddEnvironment("preview", nil))
	vaulttest.Edit(t, v, team.RetireEnvironment("preview"))
	other := vaulttest.NewMachine(t).Device(t, v, "laptop")
	for name, c := range map[string]struct {
		edit team.Edit
		want error
	}{
		"a handle again":            {team.Admit(team.Admission{Handle: "ben", Kind: policy.Person, Device: other}), team.ErrTaken},
		"a device again":            {team.Admit(team.Admission{Handle: "eve", Kind: policy.Person, Device: ben.Device(t, v, "x")}), team.ErrKnownDevice},
		"a retired role":            {team.AddRole("ben", policy.Viewer), team.ErrNoRole},
		"a retired role made again": {team.PutRole(team.Role{Name: policy.Viewer}), team.ErrTaken},
		"an environment again":      {team.AddEnvironment("preview", nil), team.ErrTaken},
		"a grant on a retired one":  {team.Grant(policy.Developer, "preview", policy.Read), team.ErrNoEnvironment},
		"a bad name":                {team.AddEnvironment("Preview", nil), team.ErrName},
		"a stranger":                {team.Remove("eve"), team.ErrNoMember},
		"a stranger's device":       {team.RemoveDevice("ben", "phone"), team.ErrNoDevice},
		"an invite that is closed":  {team.DropInvite("ben"), team.ErrNoInvite},
		"the last manager":          {team.Remove("ana"), policy.ErrIncomplete},
		"the last manager's device": {team.RemoveDevice("ana", "laptop"), policy.ErrIncomplete},
		"the last manager expires":  {team.SetExpiry("ana", vaulttest.Now), policy.ErrIncomplete},
		"the last managing role":    {team.RetireRole(policy.Admin), policy.ErrIncomplete},
	} {
		t.Run(name, func(t *testing.T) {
			d := v.Draft()
			d.EditPolicy(c.edit)
			if _, err := d.Commit(t.Context(), "try"); !errors.Is(err, c.want) {
				t.Error(err)
			}
		})
	}
}
