// Package receipt keeps the notes that a device makes of what it read: one file
// per vault and device on this machine, to which every reading adds one receipt
// before its values leave. A receipt is sealed under a key from the device's
// seed, and names the one before it by number and hash, so that a missing,
// changed, added or reordered one shows; whoever gets the opened receipts checks
// the same chain with [Link.Check].
//
// Writing one is on the way of every command that reads: it opens, locks, reads
// the last receipt, appends with one write, and syncs nothing. The end of the
// file may therefore be torn by a power cut; the next append mends that and says
// so, in its result and in the receipt itself. The format is docs/spec/receipt.md.
//
// The package belongs to the fast path: it imports keys, vault/jot, vault/local
// and the standard library.
package receipt

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/secr/secr/vault/jot"
)

// ErrMalformed says that bytes are not a receipt in the one form that it may have.
var ErrMalformed = errors.New("receipt: malformed")

// Receipt is one note: who read what, when, from where, and why.
type Receipt struct {
	Number   uint64 // 1 for the device's first in this vault
	Previous string // hex SHA-256 of the one before; zeros for the first
	Salt     string // 16 bytes in hex that nobody can guess: the hash tells nothing of the content
	Vault    string
	Device   string

	Time        int64 // Unix seconds, by this machine's clock
	Action      string
	Environment string
	Seq         uint64 // the change whose state was read
	Sum         string // and the hex SHA-256 of that raw change
	All         bool   // every secret of that state; Secrets is empty then
	Secrets     []Secret
	Reason      string // what the person said

	Program   string // what got the values
	Host      string
	Addresses []string
	SSH       string // the client's address, where there is one
	CI        string // the job
	Agent     string // the program that acts for a person
	Lost      uint64 // bytes of older receipts that were unreadable and put aside
}

// fields is the JSON of a receipt, in its order.
func (r *Receipt) fields() jot.Fields {
	return jot.Fields{
		{Name: "number", Value: &r.Number}, {Name: "previous", Value: &r.Previous}, {Name: "salt", Value: &r.Salt},
		{Name: "vault", Value: &r.Vault}, {Name: "device", Value: &r.Device}, {Name: "time", Value: &r.Time},
		{Name: "action", Value: &r.Action}, {Name: "environment", Value: &r.Environment},
		{Name: "seq", Value: &r.Seq}, {Name: "sum", Value: &r.Sum}, {Name: "all", Value: &r.All},
		{Name: "secrets", Value: jot.List(&r.Secrets, (*Secret).fields)}, {Name: "reason", Value: &r.Reason},
		{Name: "program", Value: &r.Program}, {Name: "host", Value: &r.Host}, {Name: "addresses", Value: &r.Addresses},
		{Name: "ssh", Value: &r.SSH}, {Name: "ci", Value: &r.CI}, {Name: "agent", Value: &r.Agent}, {Name: "lost", Value: &r.Lost},
	}
}

// Secret is one secret that was read.
type Secret struct {
	ID      string // secret-id, 40 hex digits
	Version uint64
}

func (s *Secret) fields() jot.Fields {
	return jot.Fields{{Name: "id", Value: &s.ID}, {Name: "version", Value: &s.Version}}
}

// Limits in bytes and in numbers.
const (
	MaxReason    = 1024
	MaxText      = 255 // each other text
	MaxAddresses = 16
	MaxSecrets   = 16384
	MaxEncoded   = 2 << 20

	magic     = "secr/1 receipt\n"
	saltSize  = 16
	maxAction = 32
)

// Encode is the plaintext of r. It fails with [ErrMalformed] if a field is not
// what it must be.
func (r Receipt) Encode() ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	b := append(make([]byte, 0, 1024), magic...)
	b = append(jot.Append(b, r.fields(), jot.Compact), '\n')
	if len(b) > MaxEncoded {
		return nil, fmt.Errorf("%w: %d bytes are more than %d", ErrMalformed, len(b), MaxEncoded)
	}
	return b, nil
}

// Decode reads what [Receipt.Encode] wrote, in that one spelling.
func Decode(plaintext []byte) (Receipt, error) {
	body, ok := bytes.CutPrefix(plaintext, []byte(magic))
	if !ok || len(plaintext) > MaxEncoded {
		return Receipt{}, fmt.Errorf("%w: not a receipt", ErrMalformed)
	}
	var r Receipt
	if err := jot.Read(string(body), r.fields()); err != nil {
		return Receipt{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	again, err := r.Encode()
	if err != nil {
		return Receipt{}, err
	}
	if !bytes.Equal(again, plaintext) {
		return Receipt{}, fmt.Errorf("%w: not the one spelling", ErrMalformed)
	}
	return r, nil
}

// numberOf reads the number alone, the first field of a receipt that we wrote.
func numberOf(plaintext []byte) (uint64, bool) {
	rest, ok := bytes.CutPrefix(plaintext, []byte(magic+`{"number":`))
	digits, _, more := bytes.Cut(rest, []byte(","))
	n, err := strconv.ParseUint(string(digits), 10, 64)
	return n, ok && more && err == nil && n > 0
}

// check holds every field to its form and limit.
func (r Receipt) check() error {
	switch {
	case r.Number == 0:
		return bad("number")
	case !isHex(r.Previous, 2*sha256.Size), !isHex(r.Salt, 2*saltSize), !isHex(r.Sum, 2*sha256.Size):
		return bad("previous, salt or sum")
	case !isID(r.Vault), !isID(r.Device):
		return bad("vault or device")
	case !isName(r.Action, maxAction), !isName(r.Environment, 32):
		return bad("action or environment")
	case len(r.Reason) > MaxReason || !utf8.ValidString(r.Reason):
		return bad("reason")
	case len(r.Addresses) > MaxAddresses:
		return bad("addresses")
	case len(r.Secrets) > MaxSecrets, r.All && len(r.Secrets) > 0:
		return bad("secrets")
	}
	for _, s := range r.Secrets {
		if !isHex(s.ID, 40) || s.Version == 0 {
			return bad("secrets")
		}
	}
	for _, text := range append([]string{r.Program, r.Host, r.SSH, r.CI, r.Agent}, r.Addresses...) {
		if len(text) > MaxText || !utf8.ValidString(text) {
			return bad("program, host, addresses, ssh, ci or agent")
		}
	}
	return nil
}

func bad(field string) error { return fmt.Errorf("%w: its %s", ErrMalformed, field) }

// fit makes what the machine said about itself fit: no reading fails because a
// program has a long name.
func (r Receipt) fit() Receipt {
	for _, text := range []*string{&r.Program, &r.Host, &r.SSH, &r.CI, &r.Agent} {
		*text = fit(*text)
	}
	all := r.Addresses[:min(len(r.Addresses), MaxAddresses)]
	r.Addresses = make([]string, len(all))
	for i, a := range all {
		r.Addresses[i] = fit(a)
	}
	return r
}

func fit(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= MaxText {
		return text
	}
	cut := MaxText
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut]
}

func isHex(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "0123456789abcdef") == ""
}

func isID(s string) bool {
	return len(s) == 26 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz234567") == ""
}

func isName(s string, limit int) bool {
	return s != "" && len(s) <= limit && s[0] != '-' && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
