package record

import (
	"errors"
	"fmt"

	"github.com/secr/secr/keys"
)

// ErrTampered says that a sealed part does not open: another key, another place,
// another header, or changed bytes.
var ErrTampered = errors.New("record: a sealed part does not open")

// ErrDeleted says that a record has no value because the secret is deleted.
var ErrDeleted = errors.New("record: the secret is deleted")

const (
	domain    = "secr/1 record\n"
	labelPart = "label"
	valuePart = "value"
)

// Where is the place of a record: sealed parts open nowhere else.
type Where struct {
	Vault       string // the vault's id
	Environment string
	ID          string // the secret's id
}

// additional is the data that binds a sealed part to its place and header.
func (w Where) additional(header []byte, part string) []byte {
	ad := []byte(domain)
	for _, x := range [][]byte{[]byte(w.Vault), []byte(w.Environment), []byte(w.ID), header, []byte(part)} {
		ad = append(ad, keys.LP(x)...)
	}
	return ad
}

// Record is a record that was parsed. It shares the bytes that it was parsed from.
type Record struct {
	Header       Header
	head         []byte
	label, value []byte // sealed
}

// Parse reads a record. It needs no key and opens nothing. Errors wrap
// [ErrMalformed].
func Parse(data []byte) (Record, error) {
	if len(data) > MaxRecord {
		return Record{}, malformed("longer than %d bytes", MaxRecord)
	}
	h, rest, err := parseHeader(data)
	if err != nil {
		return Record{}, err
	}
	if len(rest) != h.Label+h.Value {
		return Record{}, malformed("%d bytes follow the header, which says %d", len(rest), h.Label+h.Value)
	}
	return Record{Header: h, head: data[:len(data)-len(rest)], label: rest[:h.Label], value: rest[h.Label:]}, nil
}

// OpenLabel opens the label with the names key of the header's epoch. The error wraps
// [ErrTampered], or [ErrMalformed] if whoever sealed it broke the format. That the
// name belongs to the id is for the caller to check: keys.SecretID.
func (r Record) OpenLabel(names keys.Key, where Where) (Label, error) {
	data, err := r.open(names, where, labelPart, r.label)
	if err != nil {
		return Label{}, err
	}
	return parseLabel(data)
}

// OpenValue opens the value with the value key of the header's epoch. The error wraps
// [ErrTampered], [ErrMalformed] as in [Record.OpenLabel], or [ErrDeleted].
func (r Record) OpenValue(value keys.Key, where Where) (keys.Secret, error) {
	if r.Header.State == Deleted {
		return keys.Secret{}, ErrDeleted
	}
	data, err := r.open(value, where, valuePart, r.value)
	if err != nil {
		return keys.Secret{}, err
	}
	defer clear(data)
	if len(data) > MaxValue {
		return keys.Secret{}, malformed("the value is longer than %d bytes", MaxValue)
	}
	return keys.NewSecret(data), nil
}

func (r Record) open(k keys.Key, where Where, part string, sealed []byte) ([]byte, error) {
	padded, err := keys.Open(k, where.additional(r.head, part), sealed)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrTampered, part)
	}
	defer clear(padded)
	data, err := keys.Unpad(padded)
	if err != nil {
		return nil, malformed("the padding of the %s", part)
	}
	return data, nil
}

// SealInput is what [Seal] makes a record of.
type SealInput struct {
	Where Where
	// Header without Label and Value, which Seal fills in. An empty State is the one
	// that follows from Kind; a reseal says which.
	Header Header
	Label  Label
	Value  keys.Secret // ignored if the state is deleted
	Names  keys.Key    // the names key of the header's epoch
	Key    keys.Key    // the value key of the header's epoch; not needed if deleted
}

// Seal makes a record and returns its bytes. Errors wrap [ErrMalformed] and say which
// limit or rule the input breaks.
func Seal(in SealInput) ([]byte, error) {
	h := in.Header
	if h.State == "" && h.Kind == Delete {
		h.State = Deleted
	} else if h.State == "" && h.Kind != Reseal {
		h.State = Live
	}
	label, err := in.Label.encode()
	if err != nil {
		return nil, err
	}
	if in.Value.Len() > MaxValue {
		return nil, malformed("the value has %d bytes, the limit is %d", in.Value.Len(), MaxValue)
	}
	h.Label = keys.PaddedLen(len(label)) + keys.Overhead
	if h.Value = 0; h.State != Deleted {
		h.Value = keys.PaddedLen(in.Value.Len()) + keys.Overhead
	}
	if err := h.check(); err != nil {
		return nil, err
	}
	head := h.encode()
	out := append(make([]byte, 0, len(head)+h.Label+h.Value), head...)
	out = append(out, seal(in.Names, in.Where.additional(head, labelPart), label)...)
	if h.State != Deleted {
		out = append(out, seal(in.Key, in.Where.additional(head, valuePart), in.Value.Reveal())...)
	}
	return out, nil
}

func seal(k keys.Key, ad, data []byte) []byte {
	padded := keys.Pad(data)
	defer clear(padded)
	return keys.Seal(k, ad, padded)
}
