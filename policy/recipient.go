package policy

import "errors"

const (
	recipientPrefix = "age1pq1"
	recipientLength = 1959 // the prefix, 1,216 bytes in groups of five bits, a checksum of six
	checksumLength  = 6
)

// CheckRecipient says whether s is spelled as the recipient of a hybrid age
// identity (ML-KEM-768 and X25519): Bech32 in lower case with the prefix age1pq, a
// right checksum and no stray bits, so that a public key has one spelling. Whether
// the bytes are a public key shows when something is wrapped to it.
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
	var last byte
	for i := range len(data) {
		v := bech32Value(data[i])
		if v > 31 {
			return errors.New("recipient has a character that Bech32 has not")
		}
		if i == len(data)-checksumLength-1 {
			last = v
		}
		sum = polymod(sum, v)
	}
	if sum != 1 {
		return errors.New("recipient has a wrong checksum")
	}
	// 1,216 bytes are 9,728 bits: the last group of five carries three and two zeros.
	if last&3 != 0 {
		return errors.New("recipient has stray bits")
	}
	return nil
}

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
