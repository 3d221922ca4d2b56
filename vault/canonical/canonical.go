// Package canonical is the one spelling of JSON that a vault's files may have.
//
// A value is written as encoding/json writes it with two spaces of indentation
// and without HTML escaping, its fields in the order of the Go struct, with one
// final newline. There is no null: an empty list is [], an empty object {}.
// Reading takes exactly what writing gives, so two files with the same meaning
// have the same bytes, and a file can be compared, hashed and signed as bytes.
// See docs/spec/policy.md, "Canonical JSON".
package canonical

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// ErrMalformed says that bytes are not the canonical JSON of the type asked for.
var ErrMalformed = errors.New("not canonical JSON")

// Marshal returns the canonical JSON of v. It refuses a value that would write a
// null: a nil list, map or pointer.
func Marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	if hasNull(b.Bytes()) {
		return nil, fmt.Errorf("%w: %T holds a nil list", ErrMalformed, v)
	}
	return b.Bytes(), nil
}

// Unmarshal reads data into v, a pointer to a zero value, if data is exactly what
// [Marshal] writes for it: unknown, repeated, missing and reordered fields, other
// spellings of a string or a number, and bytes before or after are errors. The
// caller bounds the length of data.
func Unmarshal(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("%w: %s", ErrMalformed, reason(err))
	}
	again, err := Marshal(v)
	if err != nil {
		return fmt.Errorf("%w: a null or a missing list", ErrMalformed)
	}
	if !bytes.Equal(again, data) {
		return fmt.Errorf("%w: another spelling from byte %d", ErrMalformed, differ(again, data))
	}
	return nil
}

// reason keeps the text of encoding/json short and free of the data itself.
func reason(err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Sprintf("syntax error at byte %d", syntax.Offset)
	case errors.As(err, &kind):
		return fmt.Sprintf("wrong type of value at byte %d", kind.Offset)
	}
	return "unknown field or unreadable value"
}

// hasNull looks for a null outside strings, where no other word of JSON that we
// write has an n.
func hasNull(data []byte) bool {
	inside := false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case c == '"':
			inside = !inside
		case c == '\\' && inside:
			i++
		case c == 'n' && !inside:
			return true
		}
	}
	return false
}

func differ(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
