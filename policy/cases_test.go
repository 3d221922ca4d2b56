package policy_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/policy/policytest"
)

// vectorCase is one line of the table from which the published vectors were made.
type vectorCase struct {
	why      string
	founding func() file
	before   change
	change   change
}

// vectorCases are all cases by class and name.
func vectorCases() map[string]map[string]vectorCase {
	return map[string]map[string]vectorCase{
		"ok":           merged(okCases(), foundingCases()["ok"]),
		"malformed":    merged(spellingCases(), shapeCases(), crossCases(), foundingCases()["malformed"]),
		"incomplete":   incompleteCases(),
		"denied":       merged(deniedMembers(), deniedKeys(), deniedRest()),
		"newer-format": foundingCases()["newer-format"],
	}
}

func merged(groups ...map[string]vectorCase) map[string]vectorCase {
	out := map[string]vectorCase{}
	for _, g := range groups {
		for name, c := range g {
			if _, twice := out[name]; twice {
				panic("two cases are called " + name)
			}
			out[name] = c
		}
	}
	return out
}

// The ids and paths of the base policy.
func idOf(handle string) string   { return policytest.Device(handle).ID }
func pathOf(handle string) string { return policy.MemberPath(idOf(handle)) }
func aws() string                 { return policy.CloudKeyID(policy.AWS, awsKey, 0) }
func gcp() string                 { return policy.CloudKeyID(policy.GCP, gcpKey, 0) }

func viewerPath() string  { return policy.RolePath(policy.Viewer) }
func stagingPath() string { return policy.EnvironmentPath(policy.Staging) }

// quoted is a JSON string, as it stands in a file.
func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func foundingCases() map[string]map[string]vectorCase {
	with := func(old, new string) func() file {
		return func() file {
			data, err := policytest.Founding().Bytes()
			if err != nil || !strings.Contains(string(data), old) {
				panic("founding: nothing to replace")
			}
			return file(strings.Replace(string(data), old, new, 1))
		}
	}
	return map[string]map[string]vectorCase{
		"ok": {"founding": {why: "a founding file", founding: with("", "")}},
		"malformed": {
			"founding-nothing":       {why: "no field at all", founding: func() file { return file("{}\n") }},
			"founding-format-0":      {why: "there is no format 0", founding: with(`"format": 1`, `"format": 0`)},
			"founding-format-text":   {why: "the format is a number", founding: with(`"format": 1`, `"format": "1"`)},
			"founding-created":       {why: "a time before 1970", founding: with(`"created": 1767225600`, `"created": -1`)},
			"founding-late":          {why: "a time after 9999", founding: with(`"created": 1767225600`, `"created": 253402300800`)},
			"founding-unknown-field": {why: "an unknown field", founding: with(`"created"`, "\"more\": 1,\n  \"created\"")},
			"founding-nonce-short":   {why: "a nonce of 31 bytes", founding: with(policytest.Founding().NonceHex(), policytest.Founding().NonceHex()[2:])},
			"founding-nonce-case":    {why: "hex in upper case", founding: with(policytest.Founding().NonceHex(), strings.ToUpper(policytest.Founding().NonceHex()))},
			"founding-recipient":     {why: "a recipient with another last character", founding: with(policytest.Founding().Recipient, policytest.Founding().Recipient[:1958]+flip(policytest.Founding().Recipient[1958]))},
			"founding-x25519":        {why: "a recipient of the kind without ML-KEM", founding: with(policytest.Founding().Recipient, policytest.Encode("age", make([]byte, 32)))},
		},
		"newer-format": {
			"founding-format-2":   {why: "the number comes before all else", founding: with(`"format": 1`, `"format": 2`)},
			"founding-format-far": {why: "whatever follows it", founding: func() file { return file("{\n  \"format\": 77,\n  whatever") }},
		},
	}
}

func okCases() map[string]vectorCase {
	eve := func() policy.Member { return policytest.Member("eve", policy.Viewer) }
	return map[string]vectorCase{
		"nothing":     {why: "no file changes", change: edited(func(*policy.Policy) {})},
		"admit":       {why: "a new member needs one wrap and turns nothing", change: turned(func(d *policy.Policy) { d.PutMember(eve()) })},
		"no-roles":    {why: "a member may have no role", change: turned(func(d *policy.Policy) { d.PutMember(policytest.Member("eve")) })},
		"text":        {why: "names and addresses are any text without control characters", change: text(pathOf("cleo"), `"name": ""`, `"name": "Cléo \"<&>\" \u2028 ا"`)},
		"add-device":  {why: "a second machine", change: turned(member("cleo", func(m *policy.Member) { m.Devices = append(m.Devices, policytest.Device("cleo 2")) }))},
		"remove":      {why: "who leaves turns what he reached", change: turned(member("ben", func(m *policy.Member) { m.Retired = true }))},
		"lost-device": {why: "a device that leaves turns what it reached, though its member stays", change: turned(member("ben", func(m *policy.Member) { m.Devices[1].Retired = true }))},
		"remove-manager": {
			why:    "who managed reached everything",
			before: turned(member("cleo", func(m *policy.Member) { m.Roles = []string{policy.Admin} })),
			change: turned(member("cleo", func(m *policy.Member) { m.Retired = true })),
		},
		"other-role": {why: "a member changes roles", change: turned(member("cleo", func(m *policy.Member) { m.Roles = []string{policy.Developer} }))},
		"wider-role": {why: "a new grant needs wraps and turns nothing", change: turned(role(policy.Viewer, func(r *policy.Role) { r.Grants[policy.Production] = policy.Read }))},
		"narrower-role": {
			why:    "a narrowed role turns, and so does what is wrapped to it",
			change: turned(role(policy.Developer, func(r *policy.Role) { delete(r.Grants, policy.Production) })),
		},
		"less-than-write": {why: "a level less turns the role, too", change: turned(role(policy.Developer, func(r *policy.Role) { r.Grants[policy.Staging] = policy.Read }))},
		"auditor": {
			why:    "a role gets the audit key",
			change: turned(role(policy.Viewer, func(r *policy.Role) { r.Audit = true })),
		},
		"no-auditor": {
			why:    "and loses it",
			before: turned(role(policy.Viewer, func(r *policy.Role) { r.Audit = true })),
			change: turned(role(policy.Viewer, func(r *policy.Role) { r.Audit = false })),
		},
		"second-managing-role": {why: "a role that manages holds every role's key", change: turned(role("ops", func(r *policy.Role) { r.Manage = true }))},
		"new-role": {why: "a new role begins at epoch 1", change: turned(func(d *policy.Policy) {
			d.PutRole(policy.Role{Name: "qa", Grants: map[string]policy.Level{policy.Staging: policy.Read}})
		})},
		"new-environment": {why: "a new environment begins at epoch 1", change: turned(all(
			func(d *policy.Policy) { d.PutEnvironment(policy.NewEnvironment("qa")) },
			role(policy.Admin, func(r *policy.Role) { r.Grants["qa"] = policy.Write }),
		))},
		"retire-role":        {why: "nobody holds a retired role's key, and its own does not turn", change: turned(role(policy.Developer, func(r *policy.Role) { r.Retired = true }))},
		"retire-environment": {why: "a retired environment stays as it is", change: turned(environment(policy.Staging, func(e *policy.Environment) { e.Retired = true }))},
		"raise-format":       {why: "the change that raises the format is of the old one", change: turned(func(d *policy.Policy) { d.PutFormat(2) })},
		"rotate-one-role": {why: "a role that turns by itself takes along what is wrapped to it", change: func(t *testing.T, p *policy.Policy) map[string]file {
			d := p.Clone()
			policytest.Turn(p, d, policy.KeyRef{Kind: policy.RoleKey, Name: policy.Viewer})
			return encoded(t, d)
		}},
		"rotate-audit": {why: "the audit key can turn alone", change: turned(func(d *policy.Policy) {
			d.PutAudit(d.Audit().Turned(policytest.RoleRecipient("", 2)))
		})},
		"cloud-waits":      {why: "a cloud key that waits for a role has no access to it", change: turned(cloudKey(aws(), func(c *policy.CloudKey) { c.Waiting = c.Roles }))},
		"cloud-waited":     {why: "and gets it without a turn", before: turned(cloudKey(aws(), func(c *policy.CloudKey) { c.Waiting = c.Roles })), change: turned(cloudKey(aws(), func(c *policy.CloudKey) { c.Waiting = nil }))},
		"cloud-comes":      {why: "a cloud key's first entry", change: turned(putCloud("projects/acme-prod/locations/global/keyRings/r/cryptoKeys/k", 0))},
		"cloud-returns":    {why: "a cloud key that was taken out comes back as another entry", before: turned(cloudKey(aws(), func(c *policy.CloudKey) { c.Retired = true })), change: turned(putAWS(1))},
		"cloud-needed":     {why: "an environment that begins to need a cloud key turns", change: turned(environment(policy.Production, func(e *policy.Environment) { e.RequireKMS = []string{gcp()} }))},
		"cloud-unneeded":   {why: "and when it needs it no longer", change: turned(environment("guarded", func(e *policy.Environment) { e.RequireKMS = nil }))},
		"cloud-second":     {why: "a second cloud key that will do needs a wrap", change: turned(environment("guarded", func(e *policy.Environment) { e.RequireKMS = sortedIDs(aws(), gcp()) }))},
		"due":              {why: "an environment that can't turn now is marked", change: turned(environment("guarded", func(e *policy.Environment) { e.Due = true }))},
		"due-second-cloud": {why: "whatever else changes with the mark, nothing is wrapped before it turns", change: turned(environment("guarded", func(e *policy.Environment) { e.Due, e.RequireKMS = true, sortedIDs(aws(), gcp()) }))},
		"due-turns":        {why: "and turns later", change: turned(environment("late", func(e *policy.Environment) { e.Due = false }))},
		"due-and-removal":  {why: "who leaves while it is due leaves it as it is", change: turned(member("olga", func(m *policy.Member) { m.Retired = true }))},
		"template-goes":    {why: "a template may be deleted", change: gone(policy.TemplatePath(policy.Production))},
		"invite-goes":      {why: "an invite may be deleted", change: gone(policy.InvitePath(policytest.ID("invite")))},
		"invite-again":     {why: "an invite may be sealed again", change: text(policy.InvitePath(policytest.ID("invite")), `"00ff"`, `"0123"`)},
		"settings": {why: "settings change without a turn", change: turned(environment(policy.Production, func(e *policy.Environment) {
			e.MaxAge, e.Receipts, e.RequireReason, e.AllowNames = 3600, policy.ReceiptsRequired, true, []string{"LD_PRELOAD", "NODE_OPTIONS"}
		}))},
	}
}

func sortedIDs(ids ...string) []string {
	slices.Sort(ids)
	return ids
}

func putCloud(key string, earlier int) func(d *policy.Policy) {
	return func(d *policy.Policy) {
		d.PutCloudKey(policy.CloudKey{ID: policy.CloudKeyID(policy.GCP, key, earlier), Provider: policy.GCP, Key: key, Roles: []string{policy.Viewer}})
	}
}

func putAWS(earlier int) func(d *policy.Policy) {
	return func(d *policy.Policy) {
		d.PutCloudKey(policy.CloudKey{ID: policy.CloudKeyID(policy.AWS, awsKey, earlier), Provider: policy.AWS, Key: awsKey, Roles: []string{policy.Viewer}})
	}
}

// spellingCases are about canonical JSON and paths.
func spellingCases() map[string]vectorCase {
	cleo := pathOf("cleo")
	return map[string]vectorCase{
		"json-empty":          {why: "no bytes", change: whole(cleo, "")},
		"json-unknown-field":  {why: "an unknown field", change: text(cleo, `"kind": "person"`, "\"kind\": \"person\",\n  \"admin\": true")},
		"json-missing-field":  {why: "a missing field", change: text(cleo, "  \"email\": \"\",\n", "")},
		"json-repeated-field": {why: "the same field twice, the second one to win", change: text(cleo, `"email": ""`, "\"email\": \"\",\n  \"email\": \"\"")},
		"json-field-order":    {why: "fields in another order", change: text(cleo, "  \"name\": \"\",\n  \"email\": \"\"", "  \"email\": \"\",\n  \"name\": \"\"")},
		"json-field-case":     {why: "a field in another case", change: text(cleo, `"retired"`, `"Retired"`)},
		"json-null":           {why: "null for an empty list", change: text(policy.EnvironmentPath(policy.Staging), `"allow_names": []`, `"allow_names": null`)},
		"json-no-newline":     {why: "no newline at the end", change: text(policy.FormatPath, "}\n", "}")},
		"json-more":           {why: "something after the value", change: text(policy.FormatPath, "}\n", "}\n{}\n")},
		"json-one-line":       {why: "another layout", change: whole(policy.FormatPath, "{\"format\":1}\n")},
		"json-crlf":           {why: "other line ends", change: whole(policy.FormatPath, "{\r\n  \"format\": 1\r\n}\r\n")},
		"json-bom":            {why: "a byte order mark", change: whole(policy.FormatPath, "\xef\xbb\xbf{\n  \"format\": 1\n}\n")},
		"json-fraction":       {why: "a number with a fraction", change: text(policy.FormatPath, "1", "1.0")},
		"json-exponent":       {why: "a number with an exponent", change: text(policy.FormatPath, "1", "1e0")},
		"json-escape":         {why: "a letter that need not be escaped", change: text(cleo, `"cleo"`, `"cl\u0065o"`)},
		"json-html":           {why: "HTML escapes", change: text(cleo, `"name": ""`, `"name": "\u003c"`)},
		"json-invalid-utf-8":  {why: "bytes that are no UTF-8", change: text(cleo, `"name": ""`, "\"name\": \"\xff\"")},
		"json-surrogate":      {why: "half of a surrogate pair", change: text(cleo, `"name": ""`, `"name": "\ud800"`)},
		"path-unknown":        {why: "a path of no policy file", change: whole("policy/owners.json", "{}\n")},
		"path-folder":         {why: "a folder too many", change: moved(viewerPath(), "policy/roles/old/viewer.json")},
		"path-case":           {why: "a name in upper case", change: moved(viewerPath(), "policy/roles/Viewer.json")},
		"path-extension":      {why: "another extension", change: moved(viewerPath(), "policy/roles/viewer.JSON")},
		"path-role":           {why: "a role's file under another name", change: moved(viewerPath(), policy.RolePath("reader"))},
		"path-environment":    {why: "an environment's file under another name", change: moved(stagingPath(), policy.EnvironmentPath("stage"))},
		"path-member":         {why: "a member's file under another id", change: moved(cleo, policy.MemberPath(policytest.ID("x")))},
		"path-cloud-key":      {why: "a cloud key's file under another id", change: moved(policy.CloudKeyPath(aws()), policy.CloudKeyPath(policytest.ID("x")))},
		"path-template":       {why: "a template's file under another name", change: moved(policy.TemplatePath(policy.Production), policy.TemplatePath(policy.Staging))},
		"path-invite":         {why: "an invite's file under another id", change: moved(policy.InvitePath(policytest.ID("invite")), policy.InvitePath(policytest.ID("x")))},
		"path-outside":        {why: "no file of the policy", change: whole("vault.json", "{}\n")},
	}
}

// shapeCases are about one file each.
func shapeCases() map[string]vectorCase {
	cleo := pathOf("cleo")
	cleoDevice := policytest.Device("cleo")
	env := policy.EnvironmentPath(policy.Production)
	cloud, template, invite := policy.CloudKeyPath(aws()), policy.TemplatePath(policy.Production), policy.InvitePath(policytest.ID("invite"))
	return map[string]vectorCase{
		"format-0":                {why: "there is no format 0", change: text(policy.FormatPath, "1", "0")},
		"format-large":            {why: "above the largest number", change: text(policy.FormatPath, "1", "65537")},
		"member-handle-case":      {why: "a handle in upper case", change: text(cleo, `"handle": "cleo"`, `"handle": "Cleo"`)},
		"member-handle-dash":      {why: "a handle that begins with a dash", change: text(cleo, `"handle": "cleo"`, `"handle": "-cleo"`)},
		"member-handle-long":      {why: "a handle of 33 bytes", change: text(cleo, `"handle": "cleo"`, `"handle": "`+strings.Repeat("c", 33)+`"`)},
		"member-handle-empty":     {why: "no handle", change: text(cleo, `"handle": "cleo"`, `"handle": ""`)},
		"member-handle-letters":   {why: "a handle with a letter that looks like another", change: text(cleo, `"handle": "cleo"`, `"handle": "cleо"`)},
		"member-name-long":        {why: "a name of 129 bytes", change: text(cleo, `"name": ""`, `"name": "`+strings.Repeat("é", 64)+`x"`)},
		"member-name-escape":      {why: "a terminal's escape in a name", change: text(cleo, `"name": ""`, `"name": "\u001b[2J"`)},
		"member-name-newline":     {why: "a newline in a name", change: text(cleo, `"name": ""`, `"name": "a\nb"`)},
		"member-email-c1":         {why: "a control character from U+0080 on", change: text(cleo, `"email": ""`, "\"email\": \"\u009b2J\"")},
		"member-kind":             {why: "an unknown kind", change: text(cleo, `"kind": "person"`, `"kind": "robot"`)},
		"member-expires":          {why: "a time before 1970", change: text(cleo, "],\n  \"expires\": 0", "],\n  \"expires\": -1")},
		"member-expires-late":     {why: "a time after 9999", change: text(cleo, "],\n  \"expires\": 0", "],\n  \"expires\": 253402300800")},
		"member-roles-order":      {why: "roles that are not sorted", change: text(cleo, `    "viewer"`, "    \"viewer\",\n    \"developer\"")},
		"member-roles-twice":      {why: "a role twice", change: text(cleo, `    "viewer"`, "    \"viewer\",\n    \"viewer\"")},
		"member-no-device":        {why: "a member has a device", change: edited(member("cleo", func(m *policy.Member) { m.Devices = nil }))},
		"member-id":               {why: "the member's id is the first device's", change: edited(member("ben", func(m *policy.Member) { slices.Reverse(m.Devices) }))},
		"device-id":               {why: "a device's id is the hash of its keys", change: edited(member("ben", func(m *policy.Member) { m.Devices[1].ID = policytest.ID("x") }))},
		"device-sign":             {why: "another signing key under the same id", change: edited(member("cleo", func(m *policy.Member) { m.Devices[0].Sign[0] ^= 1 }))},
		"device-recipient":        {why: "another recipient under the same id", change: edited(member("cleo", func(m *policy.Member) { m.Devices[0].Recipient = policytest.Recipient("x") }))},
		"device-recipient-case":   {why: "a recipient in upper case", change: text(cleo, cleoDevice.Recipient, strings.ToUpper(cleoDevice.Recipient))},
		"device-recipient-broken": {why: "a recipient with another character", change: text(cleo, cleoDevice.Recipient, cleoDevice.Recipient[:100]+flip(cleoDevice.Recipient[100])+cleoDevice.Recipient[101:])},
		"device-recipient-order":  {why: "an X25519 key of low order, to which nobody can encrypt", change: edited(lowOrderDevice)},
		"device-name":             {why: "a device's name in upper case", change: text(cleo, `"name": "laptop"`, `"name": "Laptop"`)},
		"device-kind":             {why: "an unknown kind of device", change: text(cleo, `"kind": "machine"`, `"kind": "phone"`)},
		"device-invite":           {why: "an invite that is no id", change: text(cleo, `"invite": ""`, `"invite": "x"`)},
		"device-expires":          {why: "a device's time after 9999", change: edited(member("cleo", func(m *policy.Member) { m.Devices[0].Expires = policy.MaxTime + 1 }))},
		"environment-kms-order": {why: "require_kms is sorted", change: edited(environment("guarded", func(e *policy.Environment) {
			e.RequireKMS = sortedIDs(aws(), gcp())
			slices.Reverse(e.RequireKMS)
		}))},
		"environment-kms-twice": {why: "a cloud key twice", change: edited(environment("guarded", func(e *policy.Environment) { e.RequireKMS = []string{gcp(), gcp()} }))},
		"cloud-roles-order":     {why: "a cloud key's roles are sorted", change: edited(cloudKey(aws(), func(c *policy.CloudKey) { c.Roles = []string{policy.Viewer, policy.Developer} }))},
		"cloud-waiting-order": {why: "and those it waits for", change: edited(cloudKey(aws(), func(c *policy.CloudKey) {
			c.Roles, c.Waiting = []string{policy.Developer, policy.Viewer}, []string{policy.Viewer, policy.Developer}
		}))},
		"invite-roles-order": {why: "an invite's roles are sorted", change: edited(func(d *policy.Policy) {
			i, _ := d.Invite(policytest.ID("invite"))
			i.Roles = []string{policy.Viewer, policy.Developer}
			d.PutInvite(i)
		})},
		"device-join-short":       {why: "a join signature of 63 bytes", change: text(cleo, `"join": "6a`, `"join": "`)},
		"role-grant-none":         {why: "none can't be granted", change: text(viewerPath(), `"staging": "list"`, `"staging": "none"`)},
		"role-grant-unknown":      {why: "an unknown level", change: text(viewerPath(), `"staging": "list"`, `"staging": "admin"`)},
		"role-grant-number":       {why: "a level is a word", change: text(viewerPath(), `"staging": "list"`, `"staging": 3`)},
		"role-grant-order":        {why: "grants are sorted", change: text(viewerPath(), "\"development\": \"read\",\n    \"staging\": \"list\"", "\"staging\": \"list\",\n    \"development\": \"read\"")},
		"role-epoch-0":            {why: "epochs begin at 1", change: text(policy.RolePath(policy.Developer), `"epoch": 1`, `"epoch": 0`)},
		"role-epoch-limit":        {why: "the last epoch is 4096", change: text(policy.RolePath(policy.Developer), `"epoch": 1`, `"epoch": 4097`)},
		"role-epoch-negative":     {why: "a negative epoch", change: text(policy.RolePath(policy.Developer), `"epoch": 1`, `"epoch": -1`)},
		"role-earlier-missing":    {why: "one sum for each epoch before", change: text(policy.RolePath(policy.Developer), `"epoch": 1`, `"epoch": 2`)},
		"role-earlier-sum":        {why: "a sum is SHA-256 in hex", change: edited(role(policy.Viewer, func(r *policy.Role) { *r = r.Turned(policytest.Recipient("x")); r.Earlier[0] = "00" }))},
		"role-recipient":          {why: "a role's recipient is checked as a device's", change: text(viewerPath(), `"recipient": "age1pq1`, `"recipient": "age1pq2`)},
		"audit-earlier":           {why: "one sum for each epoch before", change: text(policy.AuditPath, `"epoch": 1`, `"epoch": 2`)},
		"environment-commitments": {why: "one commitment an epoch", change: text(env, `"epoch": 1`, `"epoch": 2`)},
		"environment-commitment":  {why: "a commitment is lower-case hex", change: text(env, policytest.Commitments(policy.Production, 1).Names, strings.ToUpper(policytest.Commitments(policy.Production, 1).Names))},
		"environment-id":          {why: "an id commitment that is none", change: text(env, policytest.Commitments(policy.Production, 1).ID, "")},
		"environment-due":         {why: "due without a cloud key", change: text(env, `"due": false`, `"due": true`)},
		"environment-max-age":     {why: "a negative age", change: text(env, `"max_age": 0`, `"max_age": -1`)},
		"environment-age-limit":   {why: "an age above ten years", change: text(env, `"max_age": 0`, `"max_age": 315360001`)},
		"environment-receipts":    {why: "an unknown rule", change: text(env, `"receipts": "best"`, `"receipts": "some"`)},
		"environment-allow-order": {why: "allow_names is sorted", change: text(env, `"allow_names": []`, "\"allow_names\": [\n    \"B\",\n    \"A\"\n  ]")},
		"environment-allow-name":  {why: "allow_names are names of secrets", change: text(env, `"allow_names": []`, "\"allow_names\": [\n    \"A B\"\n  ]")},
		"environment-kms-name":    {why: "require_kms are ids", change: text(env, `"require_kms": []`, "\"require_kms\": [\n    \"aws\"\n  ]")},
		"cloud-provider":          {why: "an unknown provider", change: text(cloud, `"provider": "aws"`, `"provider": "ibm"`)},
		"cloud-key":               {why: "a key of another provider", change: text(cloud, quoted(awsKey), quoted(gcpKey))},
		"cloud-key-name":          {why: "a key id of another shape", change: text(cloud, "1234abcd-12ab", "1234ABCD-12ab")},
		"cloud-waiting":           {why: "waiting for a role that is not listed", change: text(cloud, `"waiting": []`, "\"waiting\": [\n    \"viewer\"\n  ]")},
		"template-order":          {why: "entries are sorted", change: text(template, `"name": "DATABASE_URL"`, `"name": "ZZZ"`)},
		"template-name":           {why: "a name that no secret has", change: text(template, `"name": "LOG_LEVEL"`, `"name": "LOG-LEVEL"`)},
		"template-type":           {why: "an unknown type", change: text(template, `"type": "url"`, `"type": "uri"`)},
		"template-note":           {why: "a note of 257 bytes", change: text(template, `"note": ""`, `"note": "`+strings.Repeat("n", 257)+`"`)},
		"invite-verifier":         {why: "half a byte", change: text(invite, `"00ff"`, `"00f"`)},
		"invite-no-verifier":      {why: "no verifier", change: text(invite, `"00ff"`, `""`)},
		"invite-expires":          {why: "an invite expires", change: text(invite, `"expires": 1798761600`, `"expires": 0`)},
		"invite-handle":           {why: "a handle that is none", change: text(invite, `"handle": "eve"`, `"handle": "e v e"`)},
	}
}

func lowOrderDevice(d *policy.Policy) {
	raw := policytest.RecipientBytes("x")
	clear(raw[1184:])
	m := policytest.Member("eve")
	m.Devices[0].Recipient = policytest.Encode("age1pq", raw)
	m.Devices[0].ID = policy.DeviceID(m.Devices[0].Sign, m.Devices[0].Recipient)
	m.ID = m.Devices[0].ID
	d.PutMember(m)
}
