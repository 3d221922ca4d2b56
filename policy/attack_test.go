package policy_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/sign"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/policy/policytest"
)

const vaultID = "mfrggzdfmztwq2lknnwg23tpoa"

// signer is the signing key of a name, and joined a device of it with a real join
// signature.
func signer(t *testing.T, name string) sign.Signer {
	t.Helper()
	k, err := keys.KeyFromBytes([]byte(fmt.Sprintf("%-32s", name)))
	if err != nil {
		t.Fatal(err)
	}
	return sign.NewSigner(k)
}

func joined(t *testing.T, name, vault, invite string) policy.Device {
	t.Helper()
	d := policytest.Device(name)
	s := signer(t, name)
	d.Sign, d.Invite = s.Public(), invite
	d.ID = policy.DeviceID(d.Sign, d.Recipient)
	copy(d.Join[:], s.Join(vault, invite, d.Recipient))
	return d
}

func with(d policy.Device, handle string) policy.Member {
	return policy.Member{ID: d.ID, Handle: handle, Kind: policy.Person, Roles: []string{policy.Viewer}, Devices: []policy.Device{d}}
}

// TestNobodyIsListedWithKeysOfSomebodyElse is about join signatures: a device counts
// only as what its own keys asked for.
func TestNobodyIsListedWithKeysOfSomebodyElse(t *testing.T) {
	p, f := policytest.Default(t), policytest.Founding()
	invite := policytest.ID("invite")
	resigned := func(edit func(d *policy.Device)) policy.Device {
		d := joined(t, "eve", vaultID, invite)
		edit(&d)
		d.ID = policy.DeviceID(d.Sign, d.Recipient)
		return d
	}
	for name, c := range map[string]struct {
		device policy.Device
		ok     bool
	}{
		"by invite":                 {joined(t, "eve", vaultID, invite), true},
		"without invite":            {joined(t, "eve", vaultID, ""), true},
		"another vault":             {joined(t, "eve", "aaaaaaaaaaaaaaaaaaaaaaaaaa", invite), false},
		"the nonce":                 {joined(t, "eve", f.NonceHex(), invite), false},
		"another invite":            {resigned(func(d *policy.Device) { d.Invite = policytest.ID("other") }), false},
		"invite left out":           {resigned(func(d *policy.Device) { d.Invite = "" }), false},
		"recipient of mal":          {resigned(func(d *policy.Device) { d.Recipient = policytest.Recipient("mal") }), false},
		"signing key of a stranger": {resigned(func(d *policy.Device) { d.Sign = signer(t, "stranger").Public() }), false},
		"no signature":              {resigned(func(d *policy.Device) { d.Join = policy.Hex64{} }), false},
		"one bit":                   {resigned(func(d *policy.Device) { d.Join[40] ^= 1 }), false},
	} {
		t.Run(name, func(t *testing.T) {
			next := policytest.Edit(t, p, func(d *policy.Policy) { d.PutMember(with(c.device, "eve")) })
			err := policy.VerifyJoins(p, next, f, vaultID, sign.VerifyJoin)
			if (err == nil) != c.ok || err != nil && !errors.Is(err, policy.ErrJoin) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestSecondDeviceNeedsItsOwnJoin(t *testing.T) {
	f := policytest.Founding()
	p := policytest.Edit(t, policytest.Default(t), func(d *policy.Policy) { d.PutMember(with(joined(t, "eve", vaultID, ""), "eve")) })
	add := func(second policy.Device) error {
		next := policytest.Edit(t, p, func(d *policy.Policy) {
			m, _ := d.MemberByHandle("eve")
			m.Devices = append(m.Devices, second)
			d.PutMember(m)
		})
		return policy.VerifyJoins(p, next, f, vaultID, sign.VerifyJoin)
	}
	if err := add(joined(t, "eve 2", vaultID, "")); err != nil {
		t.Error(err)
	}
	if err := add(policytest.Device("mal")); !errors.Is(err, policy.ErrJoin) {
		t.Errorf("a device that never asked: %v", err)
	}
}

// TestReplacedDeviceNeedsItsOwnJoin is about a device that takes the place of another:
// Transition refuses that too, but whoever asks about joins alone must hear it.
func TestReplacedDeviceNeedsItsOwnJoin(t *testing.T) {
	f := policytest.Founding()
	p := policytest.Edit(t, policytest.Default(t), func(d *policy.Policy) {
		m := with(joined(t, "eve", vaultID, ""), "eve")
		m.Devices = append(m.Devices, joined(t, "eve 2", vaultID, ""))
		d.PutMember(m)
	})
	draft := p.Clone()
	member("eve", func(m *policy.Member) { m.Devices[1] = policytest.Device("mal") })(draft)
	next, err := draft.Check()
	if err != nil {
		t.Fatal(err)
	}
	if err := policy.VerifyJoins(p, next, f, vaultID, sign.VerifyJoin); !errors.Is(err, policy.ErrJoin) {
		t.Errorf("got %v", err)
	}
}

func TestFounderJoinsByTheFoundingFile(t *testing.T) {
	s := signer(t, "ana")
	f := policytest.Founding()
	f.Sign = s.Public()
	copy(f.Join[:], s.Join(f.NonceHex(), "", f.Recipient))
	found := func(f policy.Founding, edit func(m *policy.Member)) error {
		p := policytest.Founded(t, f, edit)
		return policy.VerifyJoins(nil, p, f, vaultID, sign.VerifyJoin)
	}
	keep := func(*policy.Member) {}
	if err := found(f, keep); err != nil {
		t.Error(err)
	}
	if err := found(f, func(m *policy.Member) { m.Devices[0].Join[0] ^= 1 }); !errors.Is(err, policy.ErrJoin) {
		t.Errorf("another signature than the founding file's: %v", err)
	}
	if err := found(f, func(m *policy.Member) { m.Devices[0].Invite = policytest.ID("x") }); !errors.Is(err, policy.ErrJoin) {
		t.Errorf("a founder by invite: %v", err)
	}
	wrong := f
	wrong.Join[5] ^= 1
	if err := found(wrong, keep); !errors.Is(err, policy.ErrJoin) {
		t.Errorf("a founding file with a wrong signature: %v", err)
	}
}

func TestFoundedPolicyIsFresh(t *testing.T) {
	p := policytest.Default(t)
	if err := policy.Founded(p); err != nil {
		t.Error(err)
	}
	for name, edit := range map[string]func(d *policy.Policy){
		"format 2":        func(d *policy.Policy) { d.PutFormat(2) },
		"two members":     func(d *policy.Policy) { d.PutMember(policytest.Member("eve")) },
		"a second device": member("ana", func(m *policy.Member) { m.Devices = append(m.Devices, policytest.Device("ana 2")) }),
		"a turned role":   turn(policy.Viewer),
		"a turned audit":  func(d *policy.Policy) { d.PutAudit(d.Audit().Turned(policytest.Recipient("a"))) },
		"a retired environment": all(func(d *policy.Policy) {
			d.PutEnvironment(policy.NewEnvironment("qa").Turned(policytest.Commitments("qa", 1)))
		}, environment("qa", func(e *policy.Environment) { e.Retired = true })),
		"a cloud key": putAWS(0),
		"an invite":   inviteBy("ana"),
	} {
		draft := p.Clone()
		edit(draft)
		q, err := draft.Check()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := policy.Founded(q); !errors.Is(err, policy.ErrDenied) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLimitsAreLimits holds counts and lengths at and beyond their limits.
func TestLimitsAreLimits(t *testing.T) {
	p := policytest.Default(t)
	some := func(n int, edit func(d *policy.Policy, i int)) func(d *policy.Policy) {
		return func(d *policy.Policy) {
			for i := range n {
				edit(d, i)
			}
		}
	}
	role := func(d *policy.Policy, i int) {
		d.PutRole(policy.Role{Name: fmt.Sprintf("role-%d", i)}.Turned(policytest.Recipient(fmt.Sprint("r", i))))
	}
	env := func(d *policy.Policy, i int) {
		name := fmt.Sprintf("env-%d", i)
		d.PutEnvironment(policy.NewEnvironment(name).Turned(policytest.Commitments(name, 1)))
		r, _ := d.Role(policy.Admin)
		r.Grants[name] = policy.Read
		d.PutRole(r)
	}
	device := func(d *policy.Policy, i int) {
		m, _ := d.MemberByHandle("ana")
		m.Devices = append(m.Devices, policytest.Device(fmt.Sprint("d", i)))
		d.PutMember(m)
	}
	cloud := func(d *policy.Policy, i int) {
		putCloud(fmt.Sprintf("projects/project/locations/global/keyRings/r/cryptoKeys/k%d", i), 0)(d)
	}
	invite := func(d *policy.Policy, i int) {
		ana, _ := d.MemberByHandle("ana")
		d.PutInvite(policy.Invite{ID: policytest.ID(fmt.Sprint(i)), Handle: "x", Expires: 1, By: ana.ID, Verifier: "00"})
	}
	template := func(n int) func(d *policy.Policy) {
		t := policy.Template{Environment: policy.Staging}
		for i := range n {
			t.Entries = append(t.Entries, policy.TemplateEntry{Name: fmt.Sprintf("N%05d", i), Type: policy.TypeString})
		}
		return func(d *policy.Policy) { d.PutTemplate(t) }
	}
	allowed := func(n int) func(d *policy.Policy) {
		return environment(policy.Staging, func(e *policy.Environment) {
			for i := range n {
				e.AllowNames = append(e.AllowNames, fmt.Sprintf("N%05d", i))
			}
		})
	}
	roleEpoch := func(n int) func(d *policy.Policy) {
		return func(d *policy.Policy) {
			r := policy.Role{Name: "old", Epoch: uint64(n), Recipient: policytest.Recipient("last")}
			for i := range n - 1 {
				r.Earlier = append(r.Earlier, policytest.Sum(fmt.Sprint("epoch", i)))
			}
			d.PutRole(r)
		}
	}
	environmentEpoch := func(n int) func(d *policy.Policy) {
		return environment(policy.Staging, func(e *policy.Environment) {
			for e.Epoch < uint64(n) {
				c := policytest.Commitments("limit", e.Epoch)
				e.Epoch++
				e.EnvironmentCommitments, e.NamesCommitments = append(e.EnvironmentCommitments, c.Environment), append(e.NamesCommitments, c.Names)
			}
		})
	}
	name := func(n int) func(d *policy.Policy) {
		return member("ana", func(m *policy.Member) { m.Name = strings.Repeat("n", n) })
	}
	for what, c := range map[string]struct{ fits, beyond func(d *policy.Policy) }{
		"roles":                  {some(policy.MaxRoles-3, role), some(policy.MaxRoles-2, role)},
		"environments":           {some(policy.MaxEnvironments-3, env), some(policy.MaxEnvironments-2, env)},
		"devices":                {some(policy.MaxDevices-1, device), some(policy.MaxDevices, device)},
		"cloud keys":             {some(policy.MaxCloudKeys, cloud), some(policy.MaxCloudKeys+1, cloud)},
		"invites":                {some(policy.MaxInvites, invite), some(policy.MaxInvites+1, invite)},
		"a template":             {template(policy.MaxTemplateEntries), template(policy.MaxTemplateEntries + 1)},
		"allowed names":          {allowed(policy.MaxAllowedNames), allowed(policy.MaxAllowedNames + 1)},
		"a role's epoch":         {roleEpoch(policy.MaxEpoch), roleEpoch(policy.MaxEpoch + 1)},
		"an environment's epoch": {environmentEpoch(policy.MaxEpoch), environmentEpoch(policy.MaxEpoch + 1)},
		"a name":                 {name(policy.MaxText), name(policy.MaxText + 1)},
	} {
		t.Run(what, func(t *testing.T) {
			check := func(edit func(d *policy.Policy)) error {
				d := p.Clone()
				edit(d)
				_, err := d.Check()
				return err
			}
			if err := check(c.fits); err != nil {
				t.Errorf("at the limit: %v", err)
			}
			if err := check(c.beyond); !errors.Is(err, policy.ErrMalformed) {
				t.Errorf("beyond it: %v", err)
			}
		})
	}
}

func TestLargeFileIsRefused(t *testing.T) {
	p := policytest.Default(t)
	for _, n := range []int{policy.MaxFile + 1, 16 << 20} {
		if _, err := p.With(map[string][]byte{policy.FormatPath: make([]byte, n)}); !errors.Is(err, policy.ErrMalformed) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// TestEveryFlippedByteIsNoticed changes each byte of a member's file: the result is
// refused, or says something else in words that are free to choose.
func TestEveryFlippedByteIsNoticed(t *testing.T) {
	p := crowd(t)
	data := p.Files()[pathOf("cleo")]
	recipient := bytes.Index(data, []byte("age1pq1"))
	for i := range data {
		if inside := i - recipient; inside > 20 && inside < 1940 && inside%23 != 0 {
			continue // of the recipient, some will do
		}
		changed := append([]byte{}, data...)
		changed[i] ^= 1
		q, err := p.With(map[string][]byte{pathOf("cleo"): changed})
		if err == nil {
			if err := policy.Transition(p, q); err == nil && cmp.Equal(policy.Changes(p, q), policy.Difference{}) {
				// The join signature and the invite are the only silent fields, and both
				// are for ever.
				t.Errorf("byte %d (%q) changed without a trace", i, data[max(0, i-20):i+1])
			}
		}
	}
}

func TestEveryCutIsMalformed(t *testing.T) {
	p := crowd(t)
	for path, data := range p.Files() {
		for n := 0; n < len(data); n += 1 + n/40 {
			if _, err := p.With(map[string][]byte{path: data[:n:n]}); !errors.Is(err, policy.ErrMalformed) {
				t.Fatalf("%s cut at %d: %v", path, n, err)
			}
		}
	}
}

func TestCloudNamesHaveOneShape(t *testing.T) {
	good := map[policy.Provider][]string{
		policy.AWS: {
			awsKey,
			"arn:aws:kms:us-east-1:123456789012:key/mrk-1234abcd12ab34cd56ef1234567890ab",
			"arn:aws-us-gov:kms:us-gov-west-1:123456789012:alias/team/vault_1",
			"arn:aws-cn:kms:cn-north-1:123456789012:alias/x",
		},
		policy.GCP: {gcpKey, "projects/example.com:acme-1/locations/global/keyRings/A_b-1/cryptoKeys/k"},
		policy.Azure: {
			azureKey,
			"https://a-b-c.managedhsm.azure.net/keys/K-1/00000000000000000000000000000000",
			"https://acme.vault.usgovcloudapi.net/keys/k/0123456789abcdef0123456789abcdef",
			"https://acme.vault.azure.cn/keys/k/0123456789abcdef0123456789abcdef",
		},
	}
	bad := map[policy.Provider][]string{
		policy.AWS: {
			"", "arn:aws:kms:eu-central-1:123456789012:key/", strings.ToUpper(awsKey), awsKey + "0", awsKey + "\n", " " + awsKey,
			"alias/x", "1234abcd-12ab-34cd-56ef-1234567890ab",
			"arn:aws:s3:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
			"arn:evil:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
			"arn:aws-:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
			"arn:aws:kms:eu-central-1.evil.example:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
			"arn:aws:kms::123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
			"arn:aws:kms:eu-central-1:12345678901:key/1234abcd-12ab-34cd-56ef-1234567890ab",
			"arn:aws:kms:eu-central-1:12345678901x:key/1234abcd-12ab-34cd-56ef-1234567890ab",
			"arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ag",
			"arn:aws:kms:eu-central-1:123456789012:key/mrk-1234abcd12ab34cd56ef1234567890a",
			"arn:aws:kms:eu-central-1:123456789012:alias/aws/s3",
			"arn:aws:kms:eu-central-1:123456789012:alias/a b",
			"arn:aws:kms:eu-central-1:123456789012:alias/a:b",
		},
		policy.GCP: {
			"", gcpKey + "/cryptoKeyVersions/1", "/" + gcpKey, gcpKey + "/", strings.Replace(gcpKey, "projects", "project", 1),
			strings.Replace(gcpKey, "acme-prod", "", 1), strings.Replace(gcpKey, "acme-prod", "..", 1),
			strings.Replace(gcpKey, "europe-west3", "europe west3", 1), strings.Replace(gcpKey, "secr", strings.Repeat("s", 64), 1),
			strings.Replace(gcpKey, "vault", "vault?alt=media", 1), strings.Replace(gcpKey, "vault", "väult", 1),
		},
		policy.Azure: {
			"", strings.Replace(azureKey, "https", "http", 1), strings.Replace(azureKey, "vault.azure.net", "vault.azure.net.evil.example", 1),
			strings.Replace(azureKey, "vault.azure.net", "evil.example", 1), strings.Replace(azureKey, "vault.azure.net", "vault.azure.net:8443", 1),
			strings.Replace(azureKey, "https://", "https://user@", 1), strings.Replace(azureKey, "acme-prod", "acme.prod", 1),
			strings.Replace(azureKey, "acme-prod", "ACME", 1), strings.Replace(azureKey, "acme-prod", "a--b", 1), strings.Replace(azureKey, "acme-prod", "1acme", 1),
			strings.Replace(azureKey, "/keys/", "/secrets/", 1), azureKey + "?x=1", azureKey + "#x", azureKey[:len(azureKey)-1],
			strings.Replace(azureKey, "0123456789abcdef0123", "0123456789ABCDEF0123", 1), "https://acme.vault.azure.net/keys/k",
		},
		"": {awsKey}, "ibm": {awsKey},
	}
	for p, names := range good {
		for _, n := range names {
			if err := policy.CheckCloudName(p, n); err != nil {
				t.Errorf("%s %q: %v", p, n, err)
			}
		}
	}
	for p, names := range bad {
		for _, n := range names {
			if err := policy.CheckCloudName(p, n); err == nil {
				t.Errorf("%s %q is taken", p, n)
			}
		}
	}
}
