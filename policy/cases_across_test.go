package policy_test

import (
	"github.com/secr/secr/policy"
	"github.com/secr/secr/policy/policytest"
)

// crossCases are about files that contradict each other.
func crossCases() map[string]vectorCase {
	withDevice := func(edit func(d *policy.Device)) func(d *policy.Policy) {
		return func(d *policy.Policy) {
			m := policytest.Member("eve")
			edit(&m.Devices[0])
			m.Devices[0].ID = policy.DeviceID(m.Devices[0].Sign, m.Devices[0].Recipient)
			m.ID = m.Devices[0].ID
			d.PutMember(m)
		}
	}
	audit := policytest.RoleRecipient("", 1)
	return map[string]vectorCase{
		"missing-format":      {why: "format.json is always there", change: gone(policy.FormatPath)},
		"missing-audit":       {why: "audit.json is always there", change: gone(policy.AuditPath)},
		"missing-role":        {why: "a role goes that members have", change: gone(viewerPath())},
		"missing-environment": {why: "an environment goes that roles are granted", change: gone(stagingPath())},
		"missing-cloud-key":   {why: "a cloud key goes that environments need", change: gone(policy.CloudKeyPath(gcp()))},
		"missing-inviter":     {why: "the member goes who invites", before: turned(inviteBy("cleo")), change: gone(pathOf("cleo"))},
		"unknown-role":        {why: "a member of a role that is not there", change: edited(member("cleo", func(m *policy.Member) { m.Roles = []string{"root"} }))},
		"unknown-environment": {why: "a grant on an environment that is not there", change: edited(role(policy.Viewer, func(r *policy.Role) { r.Grants["qa"] = policy.Read }))},
		"unknown-cloud-key":   {why: "a cloud key is needed that is not there", change: edited(environment(policy.Staging, func(e *policy.Environment) { e.RequireKMS = []string{policytest.ID("x")} }))},
		"unknown-template":    {why: "a template of an environment that is not there", change: edited(func(d *policy.Policy) { d.PutTemplate(policy.Template{Environment: "qa"}) })},
		"unknown-cloud-role":  {why: "a cloud key for a role that is not there", change: edited(cloudKey(aws(), func(c *policy.CloudKey) { c.Roles = []string{"root"} }))},
		"unknown-inviter": {why: "an invite by nobody", change: edited(func(d *policy.Policy) {
			i, _ := d.Invite(policytest.ID("invite"))
			i.By = policytest.ID("x")
			d.PutInvite(i)
		})},
		"unknown-invite-role": {why: "an invite to a role that is not there", change: edited(func(d *policy.Policy) {
			i, _ := d.Invite(policytest.ID("invite"))
			i.Roles = []string{"root"}
			d.PutInvite(i)
		})},
		"twice-handle":            {why: "two members with one handle", change: edited(func(d *policy.Policy) { m := policytest.Member("eve"); m.Handle = "cleo"; d.PutMember(m) })},
		"twice-handle-of-retired": {why: "a handle of somebody who left", change: edited(func(d *policy.Policy) { m := policytest.Member("eve"); m.Handle = "dan"; d.PutMember(m) })},
		"twice-sign":              {why: "a signing key of somebody else, with another recipient", change: edited(withDevice(func(d *policy.Device) { d.Sign = policytest.Device("ben").Sign }))},
		"twice-sign-of-retired":   {why: "a signing key of somebody who left", change: edited(withDevice(func(d *policy.Device) { d.Sign = policytest.Device("dan").Sign }))},
		"twice-recipient":         {why: "a recipient of somebody else, with another signing key", change: edited(withDevice(func(d *policy.Device) { d.Recipient = policytest.Device("ben").Recipient }))},
		"twice-device":            {why: "one device of two members", change: edited(member("cleo", func(m *policy.Member) { m.Devices = append(m.Devices, policytest.Device("ben 2")) }))},
		"twice-device-in-one":     {why: "one device twice in a member", change: edited(member("cleo", func(m *policy.Member) { m.Devices = append(m.Devices, m.Devices[0]) }))},
		"twice-role-recipient":    {why: "two roles with one key", change: edited(role(policy.Viewer, func(r *policy.Role) { r.Recipient = policytest.RoleRecipient(policy.Admin, 1) }))},
		"twice-role-device":       {why: "a role with the key of a device, whose holder would be in it for ever", change: edited(role(policy.Viewer, func(r *policy.Role) { r.Recipient = policytest.Device("ben").Recipient }))},
		"twice-role-earlier":      {why: "a role with its own key of before", before: turned(member("cleo", func(m *policy.Member) { m.Retired = true })), change: edited(role(policy.Viewer, func(r *policy.Role) { *r = r.Turned(policytest.RoleRecipient(policy.Viewer, 1)) }))},
		"twice-audit":             {why: "an audit key that is a role's", change: edited(role(policy.Viewer, func(r *policy.Role) { r.Recipient = audit }))},
		"twice-commitment": {why: "two environments with one key", change: edited(environment(policy.Staging, func(e *policy.Environment) {
			e.EnvironmentCommitments[0] = policytest.Commitments(policy.Production, 1).Environment
		}))},
		"twice-names-commitment": {why: "a commitment to a names key that is one to a key", change: edited(environment(policy.Staging, func(e *policy.Environment) { e.NamesCommitments[0] = e.EnvironmentCommitments[0] }))},
		"twice-id-commitment":    {why: "two environments with one id key", change: edited(environment(policy.Staging, func(e *policy.Environment) { e.IDCommitment = policytest.Commitments(policy.Production, 1).ID }))},
		"twice-epoch":            {why: "the key of the epoch before again", change: edited(environment(policy.Staging, func(e *policy.Environment) { *e = e.Turned(policytest.Commitments(policy.Staging, 1)) }))},
		"twice-cloud-key":        {why: "two entries in use for one cloud key", change: edited(putAWS(1))},
		"cloud-key-number":       {why: "a number left out", change: edited(putCloud("projects/acme-prod/locations/global/keyRings/r/cryptoKeys/k", 1))},
		"cloud-key-id": {why: "an id of nothing", change: edited(func(d *policy.Policy) {
			d.PutCloudKey(policy.CloudKey{ID: policytest.ID("x"), Provider: policy.AWS, Key: "arn:aws:kms:eu-central-1:123456789012:alias/other"})
		})},
		"cloud-key-id-retired": {why: "an id of nothing, of an entry that is retired", change: edited(func(d *policy.Policy) {
			d.PutCloudKey(policy.CloudKey{ID: policytest.ID("x"), Provider: policy.GCP, Key: "projects/acme-prod/locations/global/keyRings/r/cryptoKeys/k", Retired: true})
		})},
		"cloud-key-needed-retired": {why: "an environment needs a cloud key that is retired", change: edited(cloudKey(gcp(), func(c *policy.CloudKey) { c.Retired = true }))},
	}
}

func inviteBy(handle string) func(d *policy.Policy) {
	return func(d *policy.Policy) {
		m, _ := d.MemberByHandle(handle)
		d.PutInvite(policy.Invite{ID: policytest.ID("by " + handle), Handle: "fay", Roles: []string{policy.Viewer}, Expires: 1798761600, By: m.ID, Verifier: "00"})
	}
}

// incompleteCases are policies of which something is missing, first of all the turn of
// a key that somebody lost.
func incompleteCases() map[string]vectorCase {
	ana := func(edit func(m *policy.Member)) change { return turned(member("ana", edit)) }
	manager := turned(member("cleo", func(m *policy.Member) { m.Roles = []string{policy.Admin} }))
	auditor := turned(role(policy.Viewer, func(r *policy.Role) { r.Audit = true }))
	return map[string]vectorCase{
		"no-manager-retired":      {why: "the last who manages leaves", change: ana(func(m *policy.Member) { m.Retired = true })},
		"no-manager-role":         {why: "or loses the role", change: ana(func(m *policy.Member) { m.Roles = nil })},
		"no-manager-device":       {why: "or the last device", change: ana(func(m *policy.Member) { m.Devices[0].Retired = true })},
		"no-manager-expires":      {why: "or will expire", change: ana(func(m *policy.Member) { m.Expires = 1798761600 })},
		"no-manager-device-ends":  {why: "or the device will", change: ana(func(m *policy.Member) { m.Devices[0].Expires = 1798761600 })},
		"no-manager-role-retired": {why: "or the role is retired", change: turned(role(policy.Admin, func(r *policy.Role) { r.Retired = true }))},
		"no-manager-right":        {why: "or the role manages no longer", change: turned(role(policy.Admin, func(r *policy.Role) { r.Manage = false }))},
		"no-manager-but-service":  {why: "a service is no person", change: turned(all(putService, member("ana", func(m *policy.Member) { m.Retired = true })))},
		"no-reader":               {why: "an environment that nobody can read", change: turned(role("ops", func(r *policy.Role) { r.Grants["guarded"] = policy.List }))},
		"no-reader-new":           {why: "a new environment that nobody can read", change: turned(func(d *policy.Policy) { d.PutEnvironment(policy.NewEnvironment("qa")) })},
		"turn-member":             {why: "a member leaves and no key turns", change: edited(member("ben", func(m *policy.Member) { m.Retired = true }))},
		"turn-manager":            {why: "one who manages leaves and no key turns", before: manager, change: edited(member("cleo", func(m *policy.Member) { m.Retired = true }))},
		"turn-manager-own-role":   {why: "one who manages leaves and only his role turns", before: manager, change: edited(all(member("cleo", func(m *policy.Member) { m.Retired = true }), turn(policy.Admin)))},
		"turn-device":             {why: "a device leaves and no key turns", change: edited(member("ben", func(m *policy.Member) { m.Devices[1].Retired = true }))},
		"turn-role-of-member":     {why: "a member loses a role and no key turns", change: edited(member("cleo", func(m *policy.Member) { m.Roles = nil }))},
		"turn-role-only":          {why: "the role turns and its environments don't", change: edited(all(member("cleo", func(m *policy.Member) { m.Roles = nil }), turn(policy.Viewer)))},
		"turn-environments-only":  {why: "the environments turn and the role doesn't", change: edited(all(member("cleo", func(m *policy.Member) { m.Roles = nil }), turnEnvironments(policy.Development, policy.Staging)))},
		"turn-one-environment":    {why: "one environment is forgotten", change: edited(all(member("cleo", func(m *policy.Member) { m.Roles = nil }), turn(policy.Viewer), turnEnvironments(policy.Development)))},
		"turn-names":              {why: "an environment of which he had but the names is forgotten", change: edited(all(member("ben", func(m *policy.Member) { m.Retired = true }), turn(policy.Developer), turnEnvironments(policy.Development, policy.Staging)))},
		"turn-grant":              {why: "a role loses a grant and no key turns", change: edited(role(policy.Developer, func(r *policy.Role) { delete(r.Grants, policy.Staging) }))},
		"turn-grant-environment":  {why: "the environment turns and the role, which later holders get, doesn't", change: edited(all(role(policy.Developer, func(r *policy.Role) { delete(r.Grants, policy.Staging) }), turnEnvironments(policy.Staging)))},
		"turn-level-read":         {why: "read becomes list", change: edited(role(policy.Viewer, func(r *policy.Role) { r.Grants[policy.Development] = policy.List }))},
		"turn-level-write":        {why: "write becomes read", change: edited(role(policy.Developer, func(r *policy.Role) { r.Grants[policy.Staging] = policy.Read }))},
		"turn-manage":             {why: "a role manages no longer", before: turned(role(policy.Viewer, func(r *policy.Role) { r.Manage = true })), change: edited(role(policy.Viewer, func(r *policy.Role) { r.Manage = false }))},
		"turn-audit":              {why: "a role audits no longer and the audit key stays", before: auditor, change: edited(all(role(policy.Viewer, func(r *policy.Role) { r.Audit = false }), turn(policy.Viewer), turnEnvironments(policy.Development, policy.Staging)))},
		"turn-auditor":            {why: "one who audits leaves and the audit key stays", before: auditor, change: edited(all(member("cleo", func(m *policy.Member) { m.Retired = true }), turn(policy.Viewer), turnEnvironments(policy.Development, policy.Staging)))},
		"turn-retired-role":       {why: "a role is retired and its environments don't turn", change: edited(role(policy.Developer, func(r *policy.Role) { r.Retired = true }))},
		"turn-cloud":              {why: "a cloud key leaves and no key turns", change: edited(cloudKey(aws(), func(c *policy.CloudKey) { c.Retired = true }))},
		"turn-cloud-role":         {why: "a cloud key loses a role and no key turns", change: edited(cloudKey(aws(), func(c *policy.CloudKey) { c.Roles = nil }))},
		"turn-cloud-waiting":      {why: "a cloud key is said to wait for what it has", change: edited(cloudKey(aws(), func(c *policy.CloudKey) { c.Waiting = c.Roles }))},
		"turn-alone-role":         {why: "a role turns by itself, and what is wrapped to it stays", change: edited(turn(policy.Viewer))},
		"turn-alone-manager":      {why: "the role that manages turns by itself", change: edited(turn(policy.Admin))},
		"turn-kms-on":             {why: "an environment begins to need a cloud key and does not turn", change: edited(environment(policy.Staging, func(e *policy.Environment) { e.RequireKMS = []string{gcp()} }))},
		"turn-kms-off":            {why: "an environment needs it no longer and does not turn", change: edited(environment("guarded", func(e *policy.Environment) { e.RequireKMS = nil }))},
		"turn-kms-other":          {why: "another cloud key in place of one", change: edited(environment("guarded", func(e *policy.Environment) { e.RequireKMS = []string{aws()} }))},
	}
}

func putService(d *policy.Policy) {
	m := policytest.Member("bot", policy.Admin)
	m.Kind = policy.Service
	d.PutMember(m)
}

// turn takes a role to its next epoch.
func turn(name string) func(d *policy.Policy) {
	return role(name, func(r *policy.Role) { *r = r.Turned(policytest.RoleRecipient(name, r.Epoch+1)) })
}

// turnEnvironments takes environments to their next epochs.
func turnEnvironments(names ...string) func(d *policy.Policy) {
	return func(d *policy.Policy) {
		for _, name := range names {
			environment(name, func(e *policy.Environment) { *e = e.Turned(policytest.Commitments(name, e.Epoch+1)) })(d)
		}
	}
}
