package policy_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/mlkem"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/policy/policytest"
)

func TestRecipientsOfRealIdentitiesAreTaken(t *testing.T) {
	for range 20 {
		i, err := age.GenerateHybridIdentity()
		if err != nil {
			t.Fatal(err)
		}
		if err := policy.CheckRecipient(i.Recipient().String()); err != nil {
			t.Errorf("%s: %v", i.Recipient(), err)
		}
	}
}

func TestRecipientHasOneSpellingAndCanBeEncryptedTo(t *testing.T) {
	good := policytest.Recipient("good")
	if err := policy.CheckRecipient(good); err != nil {
		t.Fatal(err)
	}
	raw := func(edit func(b []byte)) string {
		b := policytest.RecipientBytes("good")
		edit(b)
		return policytest.Encode("age1pq", b)
	}
	point := func(p []byte) string { return raw(func(b []byte) { copy(b[1184:], p) }) }
	prime := bytes.Repeat([]byte{0xff}, 32)
	prime[0], prime[31] = 0xed, 0x7f
	for name, s := range map[string]string{
		"empty":                         "",
		"upper case":                    strings.ToUpper(good),
		"mixed case":                    "A" + good[1:],
		"one character less":            good[:len(good)-1],
		"one character more":            good + "q",
		"another prefix":                policytest.Encode("age1pr", policytest.RecipientBytes("good")),
		"one byte less":                 policytest.Encode("age1pq", policytest.RecipientBytes("good")[:1215]),
		"another checksum":              good[:len(good)-1] + flip(good[len(good)-1]),
		"another character":             good[:900] + flip(good[900]) + good[901:],
		"a character outside Bech32":    good[:900] + "b" + good[901:],
		"a byte outside ASCII":          good[:900] + "\xff" + good[901:],
		"a space":                       good[:900] + " " + good[901:],
		"stray bits":                    policytest.Spell("age1pq", strayBits("good")),
		"a coefficient of 3329":         raw(func(b []byte) { b[0], b[1] = 0x01, b[1]&0xf0|0x0d }),
		"a second coefficient of 4095":  raw(func(b []byte) { b[1], b[2] = b[1]|0xf0, 0xff }),
		"the last coefficient too high": raw(func(b []byte) { b[1150], b[1151] = b[1150]|0xf0, 0xff }),
		"bit 255 of the point":          raw(func(b []byte) { b[1215] |= 0x80 }),
		"the prime as a point":          point(prime),
		"zero":                          point(make([]byte, 32)),
		"one":                           point(append([]byte{1}, make([]byte, 31)...)),
	} {
		t.Run(name, func(t *testing.T) {
			if err := policy.CheckRecipient(s); err == nil {
				t.Error("was taken")
			}
		})
	}
	if err := policy.CheckRecipient(raw(func(b []byte) { b[0], b[1] = 0x00, b[1]&0xf0|0x0d })); err != nil {
		t.Errorf("a coefficient of 3328: %v", err)
	}
}

// TestCharacterOutsideBech32CannotHideBehindTheChecksum builds the second spelling that
// a checksum over more than five bits would let through: the two bits that are too many
// are taken back by the character before.
func TestCharacterOutsideBech32CannotHideBehindTheChecksum(t *testing.T) {
	const charset = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
	good := policytest.Recipient("good")
	at := strings.IndexByte(good[len("age1pq1")+1:], 'l') + len("age1pq1") + 1
	before := charset[strings.IndexByte(charset, good[at-1])^3]
	forged := good[:at-1] + string(before) + "b" + good[at+1:]
	if err := policy.CheckRecipient(forged); err == nil || !strings.Contains(err.Error(), "character") {
		t.Errorf("got %v", err)
	}
}

// flip gives another character of Bech32.
func flip(c byte) string {
	if c == 'q' {
		return "p"
	}
	return "q"
}

// strayBits gives the groups of a recipient with a bit set in the padding.
func strayBits(seed string) []byte {
	s := strings.TrimPrefix(policytest.Recipient(seed), "age1pq1")
	var groups []byte
	for i := range len(s) - 6 {
		groups = append(groups, byte(strings.IndexByte("qpzry9x8gf2tvdw0s3jn54khce6mua7l", s[i])))
	}
	groups[len(groups)-1] |= 1
	return groups
}

// TestWhatRecipientsHoldIsWhatTheStandardLibraryTakes compares our two checks with the
// real implementations, for points and coefficients on both sides of the border.
func TestWhatRecipientsHoldIsWhatTheStandardLibraryTakes(t *testing.T) {
	scalar, err := ecdh.X25519().NewPrivateKey(bytes.Repeat([]byte{0x77}, 32))
	if err != nil {
		t.Fatal(err)
	}
	points := [][]byte{
		make([]byte, 32),
		append([]byte{1}, make([]byte, 31)...),
		append([]byte{2}, make([]byte, 31)...),
		append([]byte{9}, make([]byte, 31)...),
		append(append([]byte{0xec}, bytes.Repeat([]byte{0xff}, 30)...), 0x7f),
		append(append([]byte{0xeb}, bytes.Repeat([]byte{0xff}, 30)...), 0x7f),
		[]byte("\xe0\xeb\x7a\x7c\x3b\x41\xb8\xae\x16\x56\xe3\xfa\xf1\x9f\xc4\x6a\xda\x09\x8d\xeb\x9c\x32\xb1\xfd\x86\x62\x05\x16\x5f\x49\xb8\x00"),
		[]byte("\x5f\x9c\x95\xbc\xa3\x50\x8c\x24\xb1\xd0\xb1\x55\x9c\x83\xef\x5b\x04\x44\x5c\xc4\x58\x1c\x8e\x86\xd8\x22\x4e\xdd\xd0\x9f\x11\x57"),
	}
	for i, p := range points {
		raw := policytest.RecipientBytes("x")
		copy(raw[1184:], p)
		public, err := ecdh.X25519().NewPublicKey(p)
		if err != nil {
			t.Fatal(err)
		}
		_, err = scalar.ECDH(public)
		ours := policy.CheckRecipient(policytest.Encode("age1pq", raw))
		if (err == nil) != (ours == nil) {
			t.Errorf("point %d: the standard library says %v, we say %v", i, err, ours)
		}
	}
	for i := range 64 {
		raw := policytest.RecipientBytes("y")
		at := i * 18
		raw[at], raw[at+1] = byte(0xfe+i), raw[at+1]&0xf0|0x0c+byte(i%3)
		_, err := mlkem.NewEncapsulationKey768(raw[:1184])
		ours := policy.CheckRecipient(policytest.Encode("age1pq", raw))
		if (err == nil) != (ours == nil) {
			t.Errorf("coefficient %d: the standard library says %v, we say %v", i, err, ours)
		}
	}
}

func BenchmarkCheckRecipient(b *testing.B) {
	s := policytest.Recipient("x")
	for b.Loop() {
		if err := policy.CheckRecipient(s); err != nil {
			b.Fatal(err)
		}
	}
}
