// Package policytest makes policies for tests, with keys that look right and are
// none: the same arguments always give the same bytes.
package policytest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/policy"
)

const charset = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

// Recipient is a well-spelled age recipient for nobody's key.
func Recipient(seed string) string {
	if s, ok := recipients.Load(seed); ok {
		return s.(string)
	}
	s := Encode("age1pq", RecipientBytes(seed))
	recipients.Store(seed, s)
	return s
}

// recipients remembers what was made: the same few are asked for many times.
var recipients sync.Map

// RecipientBytes are the 1,216 bytes of a recipient: coefficients of 12 bits below
// the modulus, then what looks random, with the last bit clear.
func RecipientBytes(seed string) []byte {
	var raw []byte
	for i := 0; len(raw) < 1216; i++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "recipient %s %d", seed, i))
		raw = append(raw, sum[:]...)
	}
	for i := 0; i < 1152; i += 3 {
		raw[i+1] &^= 0x08 // bit 11 of one coefficient
		raw[i+2] &^= 0x80 // and of the other
	}
	raw[1215] &= 0x7f
	return raw[:1216]
}

// Encode is Bech32 without its limit of length.
func Encode(prefix string, raw []byte) string {
	var groups []byte
	acc, bits := 0, 0
	for _, b := range raw {
		acc = (acc<<8 | int(b)) & 0xfff
		for bits += 8; bits >= 5; {
			bits -= 5
			groups = append(groups, byte(acc>>bits&31))
		}
	}
	if bits > 0 {
		groups = append(groups, byte(acc<<(5-bits)&31))
	}
	return Spell(prefix, groups)
}

// Spell writes groups of five bits with their checksum.
func Spell(prefix string, groups []byte) string {
	var all []byte
	for _, c := range []byte(prefix) {
		all = append(all, c>>5)
	}
	all = append(all, 0)
	for _, c := range []byte(prefix) {
		all = append(all, c&31)
	}
	all = append(append(all, groups...), 0, 0, 0, 0, 0, 0)
	generators := [5]uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3}
	sum := uint32(1)
	for _, v := range all {
		top := sum >> 25
		sum = (sum&0x1ffffff)<<5 ^ uint32(v)
		for i := range generators {
			if top>>i&1 == 1 {
				sum ^= generators[i]
			}
		}
	}
	sum ^= 1
	var b strings.Builder
	b.WriteString(prefix + "1")
	for _, g := range groups {
		b.WriteByte(charset[g])
	}
	for i := range 6 {
		b.WriteByte(charset[sum>>(5*(5-i))&31])
	}
	return b.String()
}

// Sum is 32 bytes in hex, for a commitment.
func Sum(seed string) string {
	sum := sha256.Sum256([]byte("sum " + seed))
	return hex.EncodeToString(sum[:])
}

// Device is a machine with keys of its own.
func Device(seed string) policy.Device {
	d := policy.Device{
		Name: "laptop", Kind: policy.Machine, Sign: sha256.Sum256([]byte("sign " + seed)), Recipient: Recipient("device " + seed),
	}
	d.ID = policy.DeviceID(d.Sign, d.Recipient)
	copy(d.Join[:], "join "+seed)
	return d
}

// Member is a person with one device.
func Member(handle string, roles ...string) policy.Member {
	d := Device(handle)
	return policy.Member{ID: d.ID, Handle: handle, Kind: policy.Person, Roles: roles, Devices: []policy.Device{d}}
}

// Commitments are those of one epoch of an environment.
func Commitments(env string, epoch uint64) policy.Commitments {
	at := fmt.Sprintf("%s %d", env, epoch)
	return policy.Commitments{Environment: Sum("environment " + at), Names: Sum("names " + at), ID: Sum("id " + env)}
}

// RoleRecipient is the recipient of a role's epoch; that of the audit key for "".
func RoleRecipient(role string, epoch uint64) string {
	return Recipient(fmt.Sprintf("role %s %d", role, epoch))
}

// Founding is a founding file whose founder has the keys of Device("ana").
func Founding() policy.Founding {
	d := Device("ana")
	return policy.Founding{Format: 1, Nonce: sha256.Sum256([]byte("nonce")), Created: 1767225600, Sign: d.Sign, Recipient: d.Recipient, Join: d.Join}
}

// Default is the policy of a new vault, founded by ana.
func Default(t testing.TB) *policy.Policy {
	t.Helper()
	return Founded(t, Founding(), func(*policy.Member) {})
}

// Founded is the policy of a new vault with this founding file and an edited founder.
func Founded(t testing.TB, f policy.Founding, edit func(m *policy.Member)) *policy.Policy {
	t.Helper()
	fresh := policy.Fresh{Audit: RoleRecipient("", 1), Roles: map[string]string{}, Environments: map[string]policy.Commitments{}}
	for _, r := range policy.DefaultRoles() {
		fresh.Roles[r.Name] = RoleRecipient(r.Name, 1)
	}
	for _, e := range policy.DefaultEnvironments() {
		fresh.Environments[e.Name] = Commitments(e.Name, 1)
	}
	founder := policy.Founder(f, policy.About{Handle: "ana", Name: "Ana", Device: "laptop"})
	edit(&founder)
	p, err := policy.Default(founder, fresh)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Turn gives a draft's new keys their first epoch, and turns whatever must turn
// after old: what a writer of changes does, with keys of nobody.
func Turn(old, draft *policy.Policy, also ...policy.KeyRef) {
	for _, r := range draft.Roles() {
		if r.Epoch == 0 {
			draft.PutRole(r.Turned(RoleRecipient(r.Name, 1)))
		}
	}
	for _, e := range draft.Environments() {
		if e.Epoch == 0 {
			draft.PutEnvironment(e.Turned(Commitments(e.Name, 1)))
		}
	}
	for _, ref := range policy.Turns(old, draft, also...) {
		next := old.Epoch(ref) + 1
		if draft.Epoch(ref) == next {
			continue
		}
		switch ref.Kind {
		case policy.RoleKey:
			r, _ := draft.Role(ref.Name)
			draft.PutRole(r.Turned(RoleRecipient(ref.Name, next)))
		case policy.EnvironmentKey:
			e, _ := draft.Environment(ref.Name)
			draft.PutEnvironment(e.Turned(Commitments(ref.Name, next)))
		case policy.AuditKey:
			draft.PutAudit(draft.Audit().Turned(RoleRecipient("", next)))
		}
	}
}

// Edit clones, edits, turns and checks. It fails the test if the result is invalid.
func Edit(t testing.TB, p *policy.Policy, edit func(draft *policy.Policy)) *policy.Policy {
	t.Helper()
	draft := p.Clone()
	edit(draft)
	Turn(p, draft)
	next, err := draft.Check()
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// ID is an id of nothing.
func ID(seed string) string { return keys.ID("secr/1 test", []byte(seed)) }
