package keys

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
)

// What each derived key is for. One string, one use.
const (
	infoDeviceSign = "secr/1 device sign"
	infoDeviceAge  = "secr/1 device age"
	infoNames      = "secr/1 names key"
	infoValue      = "secr/1 value key"
	infoTwoOfTwo   = "secr/1 two of two"
	infoInvite     = "secr/1 invite"
)

// The kinds of key that a policy commits to.
const (
	CommitEnvironment = "environment"
	CommitNames       = "names"
	CommitID          = "id" // always with epoch 0
	CommitShare       = "share"
)

const idLength = 26

// Device returns the seeds of the signing key and of the age identity that s
// has in the vault with this nonce.
func (s Seed) Device(nonce [32]byte) (sign, age Key) {
	return s.Derive(nonce[:], infoDeviceSign), s.Derive(nonce[:], infoDeviceAge)
}

// DeviceSeeds is [Seed.Device] as a function.
func DeviceSeeds(s Seed, nonce [32]byte) (sign, age Key) { return s.Device(nonce) }

// Derive returns the key that s gives for one use, named by info, under a salt
// that may be nil. It panics for the zero Seed.
func (s Seed) Derive(salt []byte, info string) Key { return derive(s.Reveal(), salt, info) }

// Derive returns the key that k gives for one use, named by info, without a
// salt. It panics for the zero Key.
func Derive(k Key, info string) Key { return derive(k.Reveal(), nil, info) }

// DeriveSalted is [Derive] with a salt.
func DeriveSalted(k Key, salt []byte, info string) Key { return derive(k.Reveal(), salt, info) }

// NamesKey is the part of an environment key that opens names and metadata.
func NamesKey(environment Key) Key { return Derive(environment, infoNames) }

// ValueKey is the part of an environment key that opens values.
func ValueKey(environment Key) Key { return Derive(environment, infoValue) }

// TwoOfTwo joins the two shares of an environment key that needs a cloud.
func TwoOfTwo(role, cloud Key) Key {
	both := make([]byte, 0, 2*Size)
	both = append(append(both, role.Reveal()...), cloud.Reveal()...)
	if len(both) != 2*Size {
		panic("keys: two of two needs both shares")
	}
	defer clear(both)
	return derive(both, nil, infoTwoOfTwo)
}

// InviteKey is the key under which a join request answers an invite with this
// secret.
func InviteKey(secret Secret) Key { return derive(secret.Reveal(), nil, infoInvite) }

func derive(secret, salt []byte, info string) Key {
	if len(secret) == 0 {
		panic("keys: derivation from no key")
	}
	b, err := hkdf.Key(sha256.New, secret, salt, info, Size)
	if err != nil { // only a length beyond 255 hashes, or keys too short for FIPS mode
		panic("keys: " + err.Error())
	}
	return Key{box: closed(b)}
}

// ID is the id of the thing that the parts say, among the things of a domain:
// 26 characters of lower-case base32.
func ID(domain string, parts ...[]byte) string {
	h := sha256.New()
	h.Write([]byte(domain + "\n"))
	for _, p := range parts {
		h.Write(LP(p))
	}
	return shortID(h.Sum(nil))
}

// VaultID is the id of the vault with this vault.json.
func VaultID(vaultJSON []byte) string {
	sum := sha256.Sum256(vaultJSON)
	return shortID(sum[:])
}

// SecretID is the name of a secret's file: it depends on the secret's name and
// on the environment's id key, which never rotates. It panics for the zero Key.
func SecretID(idKey Key, name string) string {
	if idKey.IsZero() {
		panic("keys: secret id under no key")
	}
	mac := hmac.New(sha256.New, idKey.Reveal())
	mac.Write([]byte(name))
	return hex.EncodeToString(mac.Sum(nil)[:20])
}

// Commit is what a policy keeps of a key, so that nobody can hand two people
// two keys: it binds, and tells nothing about a random key.
func Commit(kind, vault, name string, epoch uint64, k Key) string {
	if k.IsZero() {
		panic("keys: commitment to no key")
	}
	h := sha256.New()
	h.Write([]byte("secr/1 commitment\n"))
	h.Write(LP([]byte(kind)))
	h.Write(LP([]byte(vault)))
	h.Write(LP([]byte(name)))
	h.Write(binary.BigEndian.AppendUint64(nil, epoch))
	h.Write(k.Reveal())
	return hex.EncodeToString(h.Sum(nil))
}

// LP returns x after its length in four bytes, big-endian: how the formats
// join parts so that no two lists of parts give the same bytes.
func LP(x []byte) []byte {
	b := make([]byte, 0, 4+len(x))
	return append(binary.BigEndian.AppendUint32(b, uint32(len(x))), x...)
}

func lowerBase32() *base32.Encoding {
	return base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
}

func shortID(sum []byte) string {
	return lowerBase32().EncodeToString(sum)[:idLength]
}
