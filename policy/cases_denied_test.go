package policy_test

import (
	"testing"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/policy/policytest"
)

// The cases of this file are well-formed policies that may not follow the one before.

func deniedMembers() map[string]vectorCase {
	lost := turned(member("ben", func(m *policy.Member) { m.Devices[1].Retired = true }))
	return map[string]vectorCase{
		"member-removed":        {why: "members are retired, never removed", change: gone(pathOf("cleo"))},
		"member-returns":        {why: "who left does not come back as the same member", change: edited(member("dan", func(m *policy.Member) { m.Retired = false }))},
		"member-retired-name":   {why: "a retired member's name changes", change: edited(member("dan", func(m *policy.Member) { m.Name = "Dan" }))},
		"member-retired-device": {why: "a retired member gets a device", change: edited(member("dan", func(m *policy.Member) { m.Devices = append(m.Devices, policytest.Device("dan 2")) }))},
		"member-handle":         {why: "a handle is for ever", change: edited(member("cleo", func(m *policy.Member) { m.Handle = "cleopatra" }))},
		"member-kind":           {why: "a kind is for ever", change: edited(member("cleo", func(m *policy.Member) { m.Kind = policy.Service }))},
		"member-new-retired":    {why: "a new member begins in use", change: edited(func(d *policy.Policy) { m := policytest.Member("eve"); m.Retired = true; d.PutMember(m) })},
		"member-retired-role":   {why: "nobody gets a retired role", change: edited(member("cleo", func(m *policy.Member) { m.Roles = []string{"old", policy.Viewer} }))},
		"member-new-in-retired": {why: "a new member neither", change: edited(func(d *policy.Policy) { d.PutMember(policytest.Member("eve", "old")) })},
		"device-removed":        {why: "devices are retired, never removed", change: turned(member("ben", func(m *policy.Member) { m.Devices = m.Devices[:1] }))},
		"device-returns":        {why: "a device that was taken out comes back", before: lost, change: edited(member("ben", func(m *policy.Member) { m.Devices[1].Retired = false }))},
		"device-retired-name":   {why: "a retired device changes", before: lost, change: edited(member("ben", func(m *policy.Member) { m.Devices[1].Name = "other" }))},
		"device-replaced":       {why: "another device in place of one", change: turned(member("ben", func(m *policy.Member) { m.Devices[1] = policytest.Device("ben 3") }))},
		"device-order":          {why: "devices keep their order", before: turned(member("ben", func(m *policy.Member) { m.Devices = append(m.Devices, policytest.Device("ben 3")) })), change: edited(member("ben", func(m *policy.Member) { m.Devices[1], m.Devices[2] = m.Devices[2], m.Devices[1] }))},
		"device-kind":           {why: "a device's kind is for ever", change: edited(member("ben", func(m *policy.Member) { m.Devices[0].Kind = policy.Recovery }))},
		"device-join":           {why: "a device's join signature is for ever", change: edited(member("ben", func(m *policy.Member) { m.Devices[0].Join[0] ^= 1 }))},
		"device-invite":         {why: "so is its invite", change: edited(member("ben", func(m *policy.Member) { m.Devices[0].Invite = policytest.ID("x") }))},
		"device-new-retired": {why: "a new device begins in use", change: edited(member("cleo", func(m *policy.Member) {
			d := policytest.Device("cleo 2")
			d.Retired = true
			m.Devices = append(m.Devices, d)
		}))},
	}
}

func deniedKeys() map[string]vectorCase {
	staging := func(edit func(e *policy.Environment)) change { return edited(environment(policy.Staging, edit)) }
	production := func(edit func(e *policy.Environment)) change { return edited(environment(policy.Production, edit)) }
	next := policytest.Commitments(policy.Production, 2)
	turnedOnce := func(t *testing.T, p *policy.Policy) map[string]file {
		d := p.Clone()
		policytest.Turn(p, d, policy.KeyRef{Kind: policy.EnvironmentKey, Name: policy.Staging}, policy.KeyRef{Kind: policy.RoleKey, Name: policy.Viewer})
		return encoded(t, d)
	}
	return map[string]vectorCase{
		"role-removed":        {why: "roles are retired, never removed", change: gone(policy.RolePath("old"))},
		"role-returns":        {why: "a retired role comes back", change: edited(role("old", func(r *policy.Role) { r.Retired = false }))},
		"role-retired-grant":  {why: "a retired role changes", change: edited(role("old", func(r *policy.Role) { r.Grants = nil }))},
		"role-retired-turns":  {why: "a retired role's key does not turn", change: edited(turn("old"))},
		"role-retiring-grant": {why: "what is being retired changes otherwise", change: turned(role(policy.Developer, func(r *policy.Role) { r.Retired = true; delete(r.Grants, policy.Staging) }))},
		"role-new-epoch": {why: "a new role begins at epoch 1", change: edited(func(d *policy.Policy) {
			d.PutRole(policy.Role{Name: "qa"}.Turned(policytest.Recipient("qa 1")).Turned(policytest.Recipient("qa 2")))
		})},
		"role-new-retired": {why: "and in use", change: edited(func(d *policy.Policy) {
			r := policy.Role{Name: "qa", Retired: true}
			d.PutRole(r.Turned(policytest.Recipient("qa 1")))
		})},
		"role-recipient":         {why: "another key in the same epoch", change: edited(role(policy.Viewer, func(r *policy.Role) { r.Recipient = policytest.Recipient("mine") }))},
		"role-epoch-back":        {why: "an epoch goes down", before: turnedOnce, change: edited(role(policy.Viewer, func(r *policy.Role) { r.Epoch, r.Earlier, r.Recipient = 1, nil, policytest.Recipient("mine") }))},
		"role-epoch-two":         {why: "an epoch advances by two", change: edited(role(policy.Viewer, func(r *policy.Role) { *r = r.Turned(policytest.Recipient("a")).Turned(policytest.Recipient("b")) }))},
		"role-earlier":           {why: "the key of the epoch before is not among the earlier", change: edited(role(policy.Viewer, func(r *policy.Role) { *r = r.Turned(policytest.Recipient("a")); r.Earlier[0] = policytest.Sum("x") }))},
		"role-earlier-rewritten": {why: "the earlier are rewritten", before: turnedOnce, change: edited(role(policy.Viewer, func(r *policy.Role) { r.Earlier[0] = policytest.Sum("x") }))},
		"role-grant-retired":     {why: "a grant on a retired environment", change: edited(role(policy.Viewer, func(r *policy.Role) { r.Grants["legacy"] = policy.Read }))},
		"audit-recipient":        {why: "another audit key in the same epoch", change: edited(func(d *policy.Policy) { a := d.Audit(); a.Recipient = policytest.Recipient("mine"); d.PutAudit(a) })},
		"audit-epoch-two": {why: "the audit key advances by two", change: edited(func(d *policy.Policy) {
			d.PutAudit(d.Audit().Turned(policytest.Recipient("a")).Turned(policytest.Recipient("b")))
		})},
		"audit-earlier": {why: "its key of before is not among the earlier", change: edited(func(d *policy.Policy) {
			a := d.Audit().Turned(policytest.Recipient("a"))
			a.Earlier[0] = policytest.Sum("x")
			d.PutAudit(a)
		})},
		"environment-removed": {
			why:    "environments are retired, never removed",
			before: turned(all(func(d *policy.Policy) { d.PutEnvironment(policy.NewEnvironment("qa")) }, role(policy.Admin, func(r *policy.Role) { r.Grants["qa"] = policy.Read }))),
			change: turnedWithout("qa"),
		},
		"environment-returns":       {why: "a retired environment comes back", change: edited(all(environment("legacy", func(e *policy.Environment) { e.Retired = false }), readLegacy))},
		"environment-retired":       {why: "a retired environment changes", change: edited(environment("legacy", func(e *policy.Environment) { e.MaxAge = 60 }))},
		"environment-retired-turns": {why: "a retired environment's key does not turn", change: edited(turnEnvironments("legacy"))},
		"environment-retiring":      {why: "what is being retired changes otherwise", change: staging(func(e *policy.Environment) { e.Retired = true; e.MaxAge = 60 })},
		"environment-new-epoch": {why: "a new environment begins at epoch 1", change: edited(all(func(d *policy.Policy) {
			d.PutEnvironment(policy.NewEnvironment("qa").Turned(policytest.Commitments("qa", 1)).Turned(policytest.Commitments("qa", 2)))
		}, role(policy.Admin, func(r *policy.Role) { r.Grants["qa"] = policy.Read })))},
		"environment-epoch-two": {why: "an epoch advances by two", change: production(func(e *policy.Environment) { *e = e.Turned(next).Turned(policytest.Commitments(policy.Production, 3)) })},
		"environment-epoch-back": {why: "an epoch goes down", before: turnedOnce, change: staging(func(e *policy.Environment) {
			e.Epoch = 1
			e.EnvironmentCommitments = e.EnvironmentCommitments[:1]
			e.NamesCommitments = e.NamesCommitments[:1]
		})},
		"environment-commitment": {why: "the commitment of an epoch changes", change: staging(func(e *policy.Environment) { e.EnvironmentCommitments[0] = policytest.Sum("mine") })},
		"environment-earlier":    {why: "one of an earlier epoch, while the key turns", change: production(func(e *policy.Environment) { *e = e.Turned(next); e.NamesCommitments[0] = policytest.Sum("mine") })},
		"environment-id":         {why: "the id key never turns", change: production(func(e *policy.Environment) { *e = e.Turned(next); e.IDCommitment = policytest.Sum("mine") })},
	}
}

func readLegacy(d *policy.Policy) {
	role(policy.Admin, func(r *policy.Role) { r.Grants["legacy"] = policy.Read })(d)
}

// turnedWithout removes an environment and every grant on it, and turns the roles that
// lost one.
func turnedWithout(name string) change {
	return func(t *testing.T, p *policy.Policy) map[string]file {
		files := turned(role(policy.Admin, func(r *policy.Role) { delete(r.Grants, name) })).files(t, p)
		files[policy.EnvironmentPath(name)] = nil
		return files
	}
}

func deniedRest() map[string]vectorCase {
	late := func(edit func(e *policy.Environment)) change { return edited(environment("late", edit)) }
	invite := policy.InvitePath(policytest.ID("invite"))
	return map[string]vectorCase{
		"format-down":       {why: "the format never goes down", before: edited(func(d *policy.Policy) { d.PutFormat(3) }), change: edited(func(d *policy.Policy) { d.PutFormat(2) })},
		"due-setting":       {why: "an environment that is due does not change", change: late(func(e *policy.Environment) { e.MaxAge = 60 })},
		"due-retire":        {why: "nor is it retired", change: late(func(e *policy.Environment) { e.Retired = true })},
		"due-grant":         {why: "nor granted, since no wrap can be added", change: edited(role(policy.Viewer, func(r *policy.Role) { r.Grants["late"] = policy.Read }))},
		"due-turned":        {why: "what turns is due no longer", change: late(func(e *policy.Environment) { *e = e.Turned(policytest.Commitments("late", 2)); e.Due = true })},
		"due-without-cloud": {why: "an environment that needed no cloud key can always turn", change: edited(environment(policy.Staging, func(e *policy.Environment) { e.RequireKMS = []string{gcp()}; e.Due = true }))},
		"due-new": {why: "a new environment is not due", change: turned(all(func(d *policy.Policy) {
			e := policy.NewEnvironment("qa").Turned(policytest.Commitments("qa", 1))
			e.RequireKMS = []string{gcp()}
			e.Due = true
			d.PutEnvironment(e)
		}, role(policy.Admin, func(r *policy.Role) { r.Grants["qa"] = policy.Read })))},
		"cloud-removed":       {why: "cloud keys are retired, never removed", change: gone(policy.CloudKeyPath(aws()))},
		"cloud-returns":       {why: "a retired entry comes back", before: turned(cloudKey(aws(), func(c *policy.CloudKey) { c.Retired = true })), change: edited(cloudKey(aws(), func(c *policy.CloudKey) { c.Retired = false }))},
		"cloud-retired-roles": {why: "a retired entry changes", before: turned(cloudKey(aws(), func(c *policy.CloudKey) { c.Retired = true })), change: edited(cloudKey(aws(), func(c *policy.CloudKey) { c.Roles = nil }))},
		"cloud-new-retired": {why: "a new entry begins in use", change: edited(func(d *policy.Policy) {
			c := policy.CloudKey{ID: policy.CloudKeyID(policy.Azure, azureKey, 0), Provider: policy.Azure, Key: azureKey, Retired: true}
			d.PutCloudKey(c)
		})},
		"cloud-retired-role": {why: "a cloud key for a retired role", change: edited(cloudKey(aws(), func(c *policy.CloudKey) { c.Roles = []string{policy.Developer, "old"} }))},
		"template-retired":   {why: "a template of a retired environment", change: edited(func(d *policy.Policy) { d.PutTemplate(policy.Template{Environment: "legacy"}) })},
		"invite-changed":     {why: "an invite to another role", change: text(invite, `"viewer"`, `"admin"`)},
		"invite-later":       {why: "an invite that lasts longer", change: text(invite, "1798761600", "1798761601")},
		"invite-by-retired":  {why: "an invite by somebody who left", change: edited(inviteBy("dan"))},
		"invite-retired-role": {why: "an invite to a retired role", change: edited(func(d *policy.Policy) {
			i, _ := d.Invite(policytest.ID("invite"))
			i.ID, i.Roles = policytest.ID("other"), []string{"old"}
			d.PutInvite(i)
		})},
	}
}

const azureKey = "https://acme-prod.vault.azure.net/keys/secr/0123456789abcdef0123456789abcdef"
