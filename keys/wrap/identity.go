package wrap

import (
	"crypto/ecdh"
	"errors"
	"fmt"
	"strings"

	"filippo.io/age"
	"github.com/btcsuite/btcd/btcutil/bech32"

	"github.com/secr/secr/keys"
)

const (
	identityPrefix  = "AGE-SECRET-KEY-PQ-"
	recipientPrefix = "age1pq"

	mlkemPublicSize  = 1184
	x25519PublicSize = 32
)

// Identity is an age hybrid identity (ML-KEM-768 and X25519). Copies share memory.
type Identity struct {
	keys.Redacted
	age *age.HybridIdentity
}

// NewIdentity makes the identity of a seed: of a device, see
// [keys.Seed.Device], or of a role.
func NewIdentity(seed keys.Key) (Identity, error) {
	if seed.IsZero() {
		return Identity{}, errors.New("wrap: identity of no seed")
	}
	text, err := bech32.EncodeFromBase256(strings.ToLower(identityPrefix), seed.Reveal())
	if err != nil {
		return Identity{}, errors.New("wrap: the identity can't be spelled")
	}
	i, err := age.ParseHybridIdentity(strings.ToUpper(text))
	if err != nil { // the cause may quote the identity
		return Identity{}, errors.New("wrap: the seed gives no identity")
	}
	return Identity{age: i}, nil
}

// Recipient is the public half of i as text, "age1pq1...".
func (i Identity) Recipient() string { return i.age.Recipient().String() }

// Recipient is somebody or something that a key can be wrapped to.
type Recipient struct {
	age  age.Recipient
	text string
}

// String is the text that [ParseRecipient] read; empty for a cloud key.
func (r Recipient) String() string { return r.text }

// ParseRecipient reads the public half of an [Identity]. It takes the one
// canonical spelling of keys to which something can be wrapped, and nothing
// else: no low-order or non-canonical X25519 point, no unreduced ML-KEM key.
func ParseRecipient(text string) (Recipient, error) {
	prefix, raw, err := decodeBech32(text)
	if err != nil || prefix != recipientPrefix || len(raw) != mlkemPublicSize+x25519PublicSize {
		return Recipient{}, fmt.Errorf("%w: not a recipient that begins with %s1", ErrMalformed, recipientPrefix)
	}
	if err := checkX25519(raw[mlkemPublicSize:]); err != nil {
		return Recipient{}, err
	}
	r, err := age.ParseHybridRecipient(text)
	if err != nil || r.String() != text {
		return Recipient{}, fmt.Errorf("%w: not the canonical spelling of a recipient", ErrMalformed)
	}
	return Recipient{age: r, text: text}, nil
}

func decodeBech32(text string) (string, []byte, error) {
	prefix, groups, version, err := bech32.DecodeNoLimitWithVersion(text)
	if err != nil {
		return "", nil, err
	}
	if version != bech32.Version0 {
		return "", nil, errors.New("wrap: another checksum")
	}
	raw, err := bech32.ConvertBits(groups, 5, 8, false)
	return prefix, raw, err
}

// checkX25519 refuses points that are not the canonical spelling of themselves
// (so that one key can't come again as another) and points that give everybody
// the same shared secret (to which age can't encrypt, so that one member could
// stop every rotation).
func checkX25519(point []byte) error {
	high := point[31] == 0x7f
	for _, b := range point[1:31] {
		high = high && b == 0xff
	}
	if point[31]&0x80 != 0 || high && point[0] >= 0xed {
		return fmt.Errorf("%w: the recipient's X25519 key is not canonical", ErrMalformed)
	}
	public, err := ecdh.X25519().NewPublicKey(point)
	if err != nil {
		return fmt.Errorf("%w: the recipient's X25519 key", ErrMalformed)
	}
	probe, err := ecdh.X25519().NewPrivateKey(make([]byte, 32)) // clamping makes it 2^254
	if err != nil {
		return fmt.Errorf("wrap: %w", err)
	}
	if _, err := probe.ECDH(public); err != nil {
		return fmt.Errorf("%w: the recipient's X25519 key is of low order", ErrMalformed)
	}
	return nil
}
