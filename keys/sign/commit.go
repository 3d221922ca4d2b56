package sign

import (
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/secr/secr/keys"
)

const (
	armorFirst = "-----BEGIN SSH SIGNATURE-----\n"
	armorLast  = "-----END SSH SIGNATURE-----\n"
	armorWidth = 70

	sshsigMagic = "SSHSIG"
	keyType     = "ssh-ed25519"
	namespace   = "git"
	hashName    = "sha512"

	// publicOffset is where the blob has the 32 bytes of the public key: after
	// magic, version, two lengths, the key type and the key's own length.
	publicOffset = len(sshsigMagic) + 4 + 4 + 4 + len(keyType) + 4
)

// SignCommit signs the bytes of a commit without its gpgsig header. It returns
// the armor with its final line end. Equal bytes give equal signatures.
func (s Signer) SignCommit(payload []byte) string {
	return armor(s.Public(), ed25519.Sign(*s.cell.private, signedData(payload)))
}

// VerifyCommit checks what [Signer.SignCommit] made of payload: [ErrMalformed]
// if it is in any other form, [ErrSignature] if it is by another key or does not
// verify, [ErrPublic] for a key that no device may have.
func VerifyCommit(public [32]byte, payload []byte, armored string) error {
	by, signature, err := ParseArmor(armored)
	if err != nil {
		return err
	}
	if by != public {
		return fmt.Errorf("%w: made with another key", ErrSignature)
	}
	return verify(public, signedData(payload), signature[:])
}

// AllowedSigner is a line, with its end, for the allowed-signers file that lets
// git check signatures by public and calls them principal's. Bytes of principal
// that mean something in such a file become underscores.
func AllowedSigner(principal string, public [32]byte) string {
	plain := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("-._@+", r):
			return r
		}
		return '_'
	}, principal)
	key := base64.StdEncoding.EncodeToString(publicBlob(public))
	return fmt.Sprintf("%s namespaces=%q %s %s\n", plain, namespace, keyType, key)
}

// signedData is what the Ed25519 signature is over.
func signedData(payload []byte) []byte {
	sum := sha512.Sum512(payload)
	return join([]byte(sshsigMagic), str(namespace), str(""), str(hashName), keys.LP(sum[:]))
}

// blob is the binary form of a signature.
func blob(public [32]byte, signature []byte) []byte {
	return join([]byte(sshsigMagic), []byte{0, 0, 0, 1},
		keys.LP(publicBlob(public)), str(namespace), str(""), str(hashName),
		keys.LP(join(str(keyType), keys.LP(signature))))
}

func publicBlob(public [32]byte) []byte { return join(str(keyType), keys.LP(public[:])) }

func armor(public [32]byte, signature []byte) string {
	text := base64.StdEncoding.EncodeToString(blob(public, signature))
	var b strings.Builder
	b.WriteString(armorFirst)
	for len(text) > 0 {
		n := min(armorWidth, len(text))
		b.WriteString(text[:n])
		b.WriteByte('\n')
		text = text[n:]
	}
	b.WriteString(armorLast)
	return b.String()
}

// ParseArmor returns the public key and the 64 bytes of an armored signature,
// unverified. There is one spelling: the same text comes out when they are put
// back; anything else is [ErrMalformed].
func ParseArmor(armored string) (public [32]byte, signature [64]byte, err error) {
	form := armor(public, signature[:])
	if len(armored) != len(form) {
		return public, signature, fmt.Errorf("%w: %d bytes of armor instead of %d", ErrMalformed, len(armored), len(form))
	}
	body, first := strings.CutPrefix(armored, armorFirst)
	body, last := strings.CutSuffix(body, armorLast)
	if !first || !last {
		return public, signature, fmt.Errorf("%w: not an armored SSH signature", ErrMalformed)
	}
	b, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(body, "\n", ""))
	if err != nil || len(b) != len(blob(public, signature[:])) {
		return public, signature, fmt.Errorf("%w: the armor is not base64 of an SSH signature", ErrMalformed)
	}
	copy(public[:], b[publicOffset:])
	copy(signature[:], b[len(b)-len(signature):])
	if armor(public, signature[:]) != armored {
		return public, signature, fmt.Errorf("%w: another version, key type, namespace, hash or spelling", ErrMalformed)
	}
	return public, signature, nil
}

func str(s string) []byte { return keys.LP([]byte(s)) }

func join(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}
