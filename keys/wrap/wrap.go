// Package wrap puts a key into a file that one holder can open, and small data
// into a file that several can. Both are age files; see docs/spec/keys.md.
//
// A wrap has exactly one stanza and a payload of exactly 65 bytes: what type of
// key it is, a hash of what it is the key of, and the key. [Inspect] checks the
// shape without any key, so that a verifier refuses a file with a second, hidden
// recipient. What it can't see (that the stanza opens, and what is inside) the
// holder sees in Unwrap.
package wrap

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"

	"github.com/secr/secr/keys"
)

var (
	// ErrMalformed says that a file or recipient is not in the form that it must have.
	ErrMalformed = errors.New("wrap: malformed")
	// ErrNotHolder says that a file is well formed but not to this identity.
	ErrNotHolder = errors.New("wrap: not to this identity")
	// ErrTampered says that a file is to this identity, and that its bytes were
	// changed or that it holds another key than its place says.
	ErrTampered = errors.New("wrap: tampered")
)

// Kind is what a wrapped key is.
type Kind string

// The kinds of wrapped keys.
const (
	Role        Kind = "role"        // the 32-byte seed of a role's age identity
	Environment Kind = "environment" // an environment key
	Names       Kind = "names"       // a names key
	Audit       Kind = "audit"       // the 32-byte seed of the audit identity
	RoleShare   Kind = "role-share"  // the roles' share of an environment key
	CloudShare  Kind = "cloud-share" // the cloud keys' share of an environment key
)

// Context is what a wrapped key is the key of. Name is the role or environment;
// it is empty for [Audit], of which a vault has one.
type Context struct {
	Kind        Kind
	Vault, Name string
	Epoch       uint64
}

const payloadSize = 1 + sha256.Size + keys.Size

// Wrap returns a file in which to finds k, the key of c.
func Wrap(to Recipient, c Context, k keys.Key) ([]byte, error) {
	head, err := c.head()
	if err != nil {
		return nil, err
	}
	if k.IsZero() {
		return nil, fmt.Errorf("wrap: no key to wrap for %s %q", c.Kind, c.Name)
	}
	payload := append(head, k.Reveal()...)
	defer clear(payload)
	file, err := encrypt([]Recipient{to}, payload)
	if err != nil {
		return nil, err
	}
	if _, err := Inspect(file); err != nil { // a stanza of a size that nobody may take
		return nil, fmt.Errorf("wrap: the holder's stanza has a wrong shape: %w", err)
	}
	return file, nil
}

// Unwrap returns the key of c from a file that [Wrap] wrote for i.
func (i Identity) Unwrap(file []byte, c Context) (keys.Key, error) {
	return unwrap(i.age, file, c)
}

func unwrap(i age.Identity, file []byte, c Context) (keys.Key, error) {
	head, err := c.head()
	if err != nil {
		return keys.Key{}, err
	}
	if _, err := Inspect(file); err != nil {
		return keys.Key{}, err
	}
	payload, err := decrypt(i, file)
	if err != nil {
		return keys.Key{}, err
	}
	defer clear(payload)
	if len(payload) != payloadSize || !bytes.Equal(payload[:len(head)], head) {
		return keys.Key{}, fmt.Errorf("%w: the file holds another key than the %s key of %q at epoch %d", ErrTampered, c.Kind, c.Name, c.Epoch)
	}
	return keys.KeyFromBytes(payload[len(head):])
}

// head is the part of a payload before the key.
func (c Context) head() ([]byte, error) {
	t := byte(0)
	switch c.Kind {
	case Role:
		t = 1
	case Environment:
		t = 2
	case Names:
		t = 3
	case Audit:
		t = 4
	case RoleShare, CloudShare:
		t = 5
	default:
		return nil, fmt.Errorf("wrap: unknown kind %q", c.Kind)
	}
	if (c.Name == "") != (c.Kind == Audit) {
		return nil, fmt.Errorf("wrap: a key of kind %s can't have the name %q", c.Kind, c.Name)
	}
	h := sha256.New()
	h.Write([]byte("secr/1 wrap\n"))
	h.Write(keys.LP([]byte(c.Vault)))
	h.Write(keys.LP([]byte(c.Kind)))
	h.Write(keys.LP([]byte(c.Name)))
	h.Write(binary.BigEndian.AppendUint64(nil, c.Epoch))
	return h.Sum([]byte{t}), nil
}

// MaxSealed bounds the data of [SealTo].
const MaxSealed = 16 << 20

// SealTo returns a file that every recipient can open: a secret of an invite, a
// batch of receipts. It has one stanza per recipient, in their order.
func SealTo(recipients []Recipient, data []byte) ([]byte, error) {
	if len(recipients) == 0 {
		return nil, errors.New("wrap: nobody to seal to")
	}
	if len(data) > MaxSealed {
		return nil, fmt.Errorf("wrap: %d bytes are more than the %d that can be sealed", len(data), MaxSealed)
	}
	return encrypt(recipients, data)
}

// OpenFrom returns what [SealTo] sealed to i among others.
func (i Identity) OpenFrom(file []byte) ([]byte, error) { return decrypt(i.age, file) }

func encrypt(recipients []Recipient, data []byte) ([]byte, error) {
	to := make([]age.Recipient, len(recipients))
	for n, r := range recipients {
		if r.age == nil {
			return nil, errors.New("wrap: sealing to no recipient")
		}
		to[n] = r.age
	}
	var file bytes.Buffer
	w, err := age.Encrypt(&file, to...)
	if outside, ok := errors.AsType[*CloudError](err); ok {
		return nil, outside
	}
	if err != nil {
		return nil, fmt.Errorf("wrap: %w", err)
	}
	if _, err := w.Write(data); err != nil {
		return nil, fmt.Errorf("wrap: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("wrap: %w", err)
	}
	return file.Bytes(), nil
}

func decrypt(i age.Identity, file []byte) ([]byte, error) {
	if i == nil {
		return nil, errors.New("wrap: opening with no identity")
	}
	r, err := age.Decrypt(bytes.NewReader(file), i)
	var nobody *age.NoIdentityMatchError
	var outside *CloudError
	switch {
	case errors.As(err, &outside):
		return nil, outside
	case errors.As(err, &nobody):
		return nil, ErrNotHolder
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrTampered, err)
	}
	data, err := io.ReadAll(io.LimitReader(r, MaxSealed+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTampered, err)
	}
	if len(data) > MaxSealed {
		return nil, fmt.Errorf("%w: more than %d bytes sealed", ErrMalformed, MaxSealed)
	}
	return data, nil
}
