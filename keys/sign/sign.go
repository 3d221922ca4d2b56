// Package sign makes and checks the two signatures of secr: on a change, in SSH
// format, so that stock git can check it too; and on a device's request to join.
//
// A signature on a change is an SSHSIG of one exact shape: version 1, key type
// ssh-ed25519, namespace "git", nothing reserved, hash sha512, in the armor
// that ssh-keygen writes, with nothing before or after. Only the public key and
// the 64 bytes of the Ed25519 signature vary, so [ParseArmor] takes those two
// from where they must stand, puts them back and compares: no parser, no second
// spelling. The form is in docs/spec/keys.md.
package sign

import (
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/secr/secr/keys"
)

var (
	// ErrMalformed says that a signature is not in the one form that it may have.
	ErrMalformed = errors.New("sign: malformed signature")
	// ErrSignature says that a signature in the right form does not verify.
	ErrSignature = errors.New("sign: bad signature")
	// ErrPublic says that a public key is one under which anybody can sign, or a
	// second spelling of another.
	ErrPublic = errors.New("sign: weak or non-canonical public key")
)

// Signer is the private half of a device's signing key. Copies share memory.
type Signer struct {
	keys.Redacted
	cell *cell
}

// cell keeps the key two pointers away, see [keys.Redacted].
type cell struct{ private *ed25519.PrivateKey }

// NewSigner makes the signer of a seed, see [keys.Seed.Device]. It panics for
// the zero Key.
func NewSigner(seed keys.Key) Signer {
	private := ed25519.NewKeyFromSeed(seed.Reveal())
	return Signer{cell: &cell{private: &private}}
}

// Public is the key that verifies what s signs.
func (s Signer) Public() [32]byte {
	return [32]byte(s.cell.private.Public().(ed25519.PublicKey))
}

// CheckPublic refuses public keys of small order, which verify signatures that
// nobody made, and second spellings of a key.
func CheckPublic(public [32]byte) error {
	if !canonical(public) || smallOrder(public) {
		return ErrPublic
	}
	return nil
}

func verify(public [32]byte, message, signature []byte) error {
	if err := CheckPublic(public); err != nil {
		return err
	}
	if !ed25519.Verify(public[:], message, signature) {
		return ErrSignature
	}
	return nil
}

// canonical says whether the y coordinate is below 2^255-19.
func canonical(public [32]byte) bool {
	if public[31]&0x7f != 0x7f || public[0] < 0xed {
		return true
	}
	for _, b := range public[1:31] {
		if b != 0xff {
			return true
		}
	}
	return false
}

// smallOrder says whether 8 times the point is the identity, in any spelling of
// the sign of x.
func smallOrder(public [32]byte) bool {
	public[31] &= 0x7f
	for _, weak := range [...]string{
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", // order 4
		"\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", // order 1
		"\xec\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", // order 2
		"\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0\xd5\xdf\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x05", // order 8
		"\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f\x2a\x20\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a", // order 8
	} {
		if string(public[:]) == weak {
			return true
		}
	}
	return false
}

// Join signs a device's wish to be in a vault: by its id, or by the nonce in
// hex for the founder's device, when there is no id yet; with the invite's id,
// or nothing.
func (s Signer) Join(vaultOrNonce, invite, recipient string) []byte {
	return ed25519.Sign(*s.cell.private, joinMessage(s.Public(), vaultOrNonce, invite, recipient))
}

// VerifyJoin checks what [Signer.Join] made: [ErrSignature], or [ErrPublic] for
// a key that no device may have.
func VerifyJoin(public [32]byte, vaultOrNonce, invite, recipient string, signature []byte) error {
	if len(signature) != ed25519.SignatureSize {
		return fmt.Errorf("%w: a join signature is %d bytes, not %d", ErrMalformed, ed25519.SignatureSize, len(signature))
	}
	return verify(public, joinMessage(public, vaultOrNonce, invite, recipient), signature)
}

func joinMessage(public [32]byte, vaultOrNonce, invite, recipient string) []byte {
	m := []byte("secr/1 join\n")
	for _, part := range [][]byte{[]byte(vaultOrNonce), []byte(invite), public[:], []byte(recipient)} {
		m = append(m, keys.LP(part)...)
	}
	return m
}
