package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"github.com/secr/secr/keys"
)

const (
	deviceDomain = "secr/1 device"
	cloudDomain  = "secr/1 cloud key"
)

// DeviceID is the id of the device with these public keys, for ever.
func DeviceID(sign [32]byte, recipient string) string {
	return keys.ID(deviceDomain, sign[:], []byte(recipient))
}

// CloudKeyID is the id of a cloud key's entry. earlier counts the entries for the
// same provider and key that the policy has already, all retired: a cloud key that
// was taken out may come back, as an entry of its own.
func CloudKeyID(provider Provider, key string, earlier int) string {
	return keys.ID(cloudDomain, []byte(provider), []byte(key), strconv.AppendInt(nil, int64(earlier), 10))
}

// RecipientSum is the SHA-256 of a recipient, in hex, as the lists of earlier
// recipients hold it.
func RecipientSum(recipient string) string {
	sum := sha256.Sum256([]byte(recipient))
	return hex.EncodeToString(sum[:])
}
