// Package cloudtest is what the emulators of the three clouds share: keys with a
// state and an access list, faults to come, and a log of the calls. The emulators
// really encrypt and really refuse; nothing of this is linked by a shipped program.
package cloudtest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"time"
)

// State is a key's state.
type State int

// The states of a key.
const (
	Enabled State = iota
	Disabled
	PendingDeletion
)

// Fault is an answer that the next call gets instead of its own.
type Fault struct {
	Status  int               // HTTP status, or the gRPC code
	Code    string            // the provider's error code
	Message string            // the error's text, instead of one that says that this is a test
	Headers map[string]string // Retry-After, say
	Body    string            // a malformed answer, sent as it is with Status
	Hang    time.Duration     // no answer for so long, or until the caller leaves
}

// Call is one line of the cloud's log.
type Call struct {
	Op, Key, Principal string
	Context            string // as the provider logs it
	Refused            string // the error's code; "" when it was done
}

// Cloud is the state that an emulator serves. The zero value has no keys.
type Cloud struct {
	mu     sync.Mutex
	keys   map[string]*key
	faults []Fault
	log    []Call
	lying  bool
}

type key struct {
	state   State
	allowed []string
	secret  [32]byte
}

// Add makes a key that the named principals may use.
func (c *Cloud) Add(name string, principals ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keys == nil {
		c.keys = map[string]*key{}
	}
	k := &key{allowed: principals}
	rand.Read(k.secret[:])
	c.keys[name] = k
}

// SetState changes a key's state.
func (c *Cloud) SetState(name string, s State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys[name].state = s
}

// Allow replaces a key's access list.
func (c *Cloud) Allow(name string, principals ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys[name].allowed = principals
}

// Fail gives the next calls these faults, one each.
func (c *Cloud) Fail(faults ...Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, faults...)
}

// Lie has every decryption from now on answer with another file key than it opened.
func (c *Cloud) Lie() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lying = true
}

// Log is every call so far.
func (c *Cloud) Log() []Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.log)
}

// Record adds a call to the log.
func (c *Cloud) Record(call Call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.log = append(c.log, call)
}

// NextFault takes the fault of this call, if there is one.
func (c *Cloud) NextFault() (Fault, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.faults) == 0 {
		return Fault{}, false
	}
	fault := c.faults[0]
	c.faults = c.faults[1:]
	return fault, true
}

// Refusal is why a call may not use a key.
type Refusal int

// The reasons to refuse; None is none.
const (
	None Refusal = iota
	Missing
	NotAllowed
	IsDisabled
	IsPendingDeletion
)

// Check says whether principal may use the key now. Access comes first, as in the
// real clouds: who may not use a key doesn't learn its state.
func (c *Cloud) Check(name, principal string) Refusal {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.keys[name]
	switch {
	case !ok:
		return Missing
	case !slices.Contains(k.allowed, principal):
		return NotAllowed
	case k.state == Disabled:
		return IsDisabled
	case k.state == PendingDeletion:
		return IsPendingDeletion
	}
	return None
}

// Encrypt seals plaintext under the key with aad. The key's name is bound too.
func (c *Cloud) Encrypt(name string, aad, plaintext []byte) ([]byte, error) {
	gcm, err := c.gcm(name)
	if err != nil {
		return nil, err
	}
	return gcm.Seal(nil, nil, plaintext, bind(name, aad)), nil
}

// Decrypt opens what Encrypt made.
func (c *Cloud) Decrypt(name string, aad, ciphertext []byte) ([]byte, error) {
	gcm, err := c.gcm(name)
	if err != nil {
		return nil, err
	}
	plaintext, err := gcm.Open(nil, nil, ciphertext, bind(name, aad))
	return c.Answer(plaintext), err
}

// Answer is what a decryption answers with: the plaintext, or a lie. What a provider puts
// in front of a file key stays as it is.
func (c *Cloud) Answer(plaintext []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lying && len(plaintext) >= 16 {
		rand.Read(plaintext[len(plaintext)-16:])
	}
	return plaintext
}

func bind(name string, aad []byte) []byte { return append([]byte(name+"\n"), aad...) }

func (c *Cloud) gcm(name string) (cipher.AEAD, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.keys[name]
	if !ok {
		return nil, fmt.Errorf("no key %q", name)
	}
	block, err := aes.NewCipher(k.secret[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
