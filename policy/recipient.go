package policy

import (
	"bytes"
	"errors"
)

const (
	recipientPrefix = "age1pq1"
	recipientLength = 1959 // the prefix, 1,216 bytes in groups of five bits, a checksum of six
	checksumLength  = 6

	recipientBytes    = mlkemKey + 32
	mlkemKey          = mlkemCoefficients + 32 // the coefficients and a seed
	mlkemCoefficients = 3 * 256 * 12 / 8
	mlkemModulus      = 3329
)

// CheckRecipient says whether s is the recipient of a hybrid age identity
// (ML-KEM-768 and X25519): Bech32 in lower case with the prefix age1pq, a right
// checksum and no stray bits, and in it two public keys to which one can encrypt, in
// their only spelling. Without the last a single device could stop every rotation.
// See docs/spec/keys.md, "Seed and device keys".
func CheckRecipient(s string) error {
	if len(s) != recipientLength || s[:len(recipientPrefix)] != recipientPrefix {
		return errors.New("not an age1pq1 recipient of 1,959 characters")
	}
	sum := uint32(1)
	for _, c := range []byte(recipientPrefix[:len(recipientPrefix)-1]) {
		sum = polymod(sum, c>>5)
	}
	sum = polymod(sum, 0)
	for _, c := range []byte(recipientPrefix[:len(recipientPrefix)-1]) {
		sum = polymod(sum, c&31)
	}
	data := s[len(recipientPrefix):]
	raw := make([]byte, 0, recipientBytes)
	group, bits := uint32(0), 0
	for i := range len(data) {
		v := bech32Value(data[i])
		if v > 31 {
			return errors.New("recipient has a character that Bech32 has not")
		}
		sum = polymod(sum, v)
		if i >= len(data)-checksumLength {
			continue
		}
		group, bits = group<<5|uint32(v), bits+5
		if bits >= 8 {
			bits -= 8
			raw = append(raw, byte(group>>bits))
		}
	}
	if sum != 1 {
		return errors.New("recipient has a wrong checksum")
	}
	if group&(1<<bits-1) != 0 || len(raw) != recipientBytes {
		return errors.New("recipient has stray bits")
	}
	return checkPublicKeys(raw)
}

// checkPublicKeys checks an ML-KEM-768 encapsulation key (FIPS 203, section 7.2) and
// the X25519 point behind it.
func checkPublicKeys(raw []byte) error {
	coefficients, point := raw[:mlkemCoefficients], raw[mlkemKey:]
	for i := 0; i < len(coefficients); i += 3 {
		pair := uint32(coefficients[i]) | uint32(coefficients[i+1])<<8 | uint32(coefficients[i+2])<<16
		if pair&0xfff >= mlkemModulus || pair>>12 >= mlkemModulus {
			return errors.New("recipient holds no ML-KEM-768 key: a coefficient is too large")
		}
	}
	if point[31]&0x80 != 0 || point[31] == 0x7f && point[0] >= 0xed && bytes.Count(point[1:31], []byte{0xff}) == 30 {
		return errors.New("recipient holds an X25519 key in a second spelling")
	}
	for i := 0; i < len(lowOrder); i += 32 {
		if string(point) == lowOrder[i:i+32] {
			return errors.New("recipient holds an X25519 key of low order")
		}
	}
	return nil
}

// lowOrder holds the five points of Curve25519 and its twist, below the prime, of
// which every multiple that X25519 takes is zero: of order 2 (0), 4 (1 and -1), and 8.
const lowOrder = "" +
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
	"\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
	"\xec\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f" +
	"\xe0\xeb\x7a\x7c\x3b\x41\xb8\xae\x16\x56\xe3\xfa\xf1\x9f\xc4\x6a\xda\x09\x8d\xeb\x9c\x32\xb1\xfd\x86\x62\x05\x16\x5f\x49\xb8\x00" +
	"\x5f\x9c\x95\xbc\xa3\x50\x8c\x24\xb1\xd0\xb1\x55\x9c\x83\xef\x5b\x04\x44\x5c\xc4\x58\x1c\x8e\x86\xd8\x22\x4e\xdd\xd0\x9f\x11\x57"

// polymod takes one group of five bits into the checksum of BIP 173.
func polymod(sum uint32, v byte) uint32 {
	top := sum >> 25
	sum = (sum&0x1ffffff)<<5 ^ uint32(v)
	sum ^= 0x3b6a57b2 & -(top & 1)
	sum ^= 0x26508e6d & -(top >> 1 & 1)
	sum ^= 0x1ea119fa & -(top >> 2 & 1)
	sum ^= 0x3d4233dd & -(top >> 3 & 1)
	sum ^= 0x2a1462b3 & -(top >> 4 & 1)
	return sum
}

// bech32Values holds, for every character from '0' to 'z', its value, or 0x7f.
const bech32Values = "" +
	"\x0f\x7f\x0a\x11\x15\x14\x1a\x1e\x07\x05\x7f\x7f\x7f\x7f\x7f\x7f" + // 0-9
	"\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f" +
	"\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f" +
	"\x7f\x1d\x7f\x18\x0d\x19\x09\x08\x17\x7f\x12\x16\x1f\x1b\x13\x7f" + // a-o
	"\x01\x00\x03\x10\x0b\x1c\x0c\x0e\x06\x04\x02" // p-z

func bech32Value(c byte) byte {
	if c < '0' || c > 'z' {
		return 0x7f
	}
	return bech32Values[c-'0']
}
