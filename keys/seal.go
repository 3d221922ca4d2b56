package keys

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

// Overhead is how much longer sealed bytes are than what they seal: a nonce of
// 12 bytes and a tag of 16.
const Overhead = 28

// MaxPadded bounds what [Pad] takes and [Unpad] returns. Formats that pad have
// far lower limits of their own.
const MaxPadded = 1 << 28

const padFloor = 64

// ErrOpen says that sealed bytes do not open: another key, another place, or
// changed bytes. It is never told which.
var ErrOpen = errors.New("keys: sealed bytes do not open")

// Seal encrypts plaintext with AES-256-GCM under a random nonce and binds it to
// ad. It panics for the zero Key.
func Seal(k Key, ad, plaintext []byte) []byte {
	return gcm(k).Seal(nil, nil, plaintext, ad)
}

// SealSynthetic is [Seal] under a nonce that comes from k, ad and plaintext instead of the
// system's randomness: the same three give the same bytes, and another plaintext another
// nonce, also where an old copy of this machine was put back. It is for one who may not
// wait: the first random bytes of a process start a timer, and a thread for it.
func SealSynthetic(k Key, ad, plaintext []byte) []byte {
	block, err := aes.NewCipher(k.Reveal())
	if err != nil {
		panic("keys: sealing under no key")
	}
	aead, err := cipher.NewGCM(block)
	if err != nil { // FIPS mode only wants random ones
		return Seal(k, ad, plaintext)
	}
	nonce := Derive(k, "secr/1 nonce\n"+string(LP(ad))+string(LP(plaintext))).Reveal()[:aead.NonceSize()]
	return aead.Seal(append(make([]byte, 0, len(plaintext)+Overhead), nonce...), nonce, plaintext, ad)
}

// SealTail is [Seal] of what follows the first n bytes of b, in their place: the result
// is those n bytes and the sealed ones. It takes no memory if b has [Overhead] to spare.
func SealTail(k Key, ad, b []byte, n int) []byte {
	return gcm(k).Seal(b[:n], nil, b[n:], ad)
}

// Open returns what was sealed under k with this ad, or [ErrOpen].
func Open(k Key, ad, sealed []byte) ([]byte, error) { return open(k, ad, sealed, nil) }

// OpenInPlace is [Open] that writes over sealed, and returns a part of it.
func OpenInPlace(k Key, ad, sealed []byte) ([]byte, error) { return open(k, ad, sealed, sealed[:0]) }

func open(k Key, ad, sealed, into []byte) ([]byte, error) {
	if k.IsZero() || len(sealed) < Overhead {
		return nil, ErrOpen
	}
	plaintext, err := gcm(k).Open(into, nil, sealed, ad)
	if err != nil {
		return nil, ErrOpen
	}
	return plaintext, nil
}

func gcm(k Key) cipher.AEAD {
	block, err := aes.NewCipher(k.Reveal())
	if err != nil {
		panic("keys: sealing under no key")
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic("keys: " + err.Error())
	}
	return aead
}

// Pad hides the length of data but for its magnitude: the length in four bytes,
// data, zeros up to [PaddedLen]. It panics above [MaxPadded].
func Pad(data []byte) []byte {
	b := make([]byte, 4, PaddedLen(len(data)))
	binary.BigEndian.PutUint32(b, uint32(len(data)))
	return append(b, data...)[:cap(b)]
}

// Unpad returns what was padded. It takes only what [Pad] returns.
func Unpad(padded []byte) ([]byte, error) {
	if len(padded) < padFloor {
		return nil, fmt.Errorf("%w: padded to %d bytes, fewer than %d", ErrMalformed, len(padded), padFloor)
	}
	n := binary.BigEndian.Uint32(padded)
	if n > MaxPadded || PaddedLen(int(n)) != len(padded) {
		return nil, fmt.Errorf("%w: %d bytes of padding and data do not fit the length they state", ErrMalformed, len(padded))
	}
	data, zeros := padded[4:4+n], padded[4+n:]
	var rest byte
	for _, z := range zeros {
		rest |= z
	}
	if rest != 0 {
		return nil, fmt.Errorf("%w: padding is not zeros", ErrMalformed)
	}
	return append(make([]byte, 0, n), data...), nil
}

// PaddedLen is the length of [Pad] of n bytes: Padmé of n+4, at least 64. It
// panics above [MaxPadded].
func PaddedLen(n int) int {
	if n < 0 || n > MaxPadded {
		panic("keys: too long to pad")
	}
	length := uint64(max(n+4, padFloor))
	magnitude := bits.Len64(length) - 1               // floor of log2
	free := magnitude - bits.Len64(uint64(magnitude)) // low bits that must be zero
	mask := uint64(1)<<free - 1
	return int((length + mask) &^ mask)
}
