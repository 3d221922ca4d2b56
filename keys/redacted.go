package keys

import (
	"errors"
	"fmt"
	"io"
)

// ErrSecret is what every attempt to marshal key material ends in.
var ErrSecret = errors.New("keys: key material can't be marshalled")

const redactedText = "[redacted]"

// Redacted makes the type that embeds it refuse to print, log or marshal. It
// works only for the type itself: package fmt reads unexported fields of an
// outer struct without asking their methods, so the type must keep its bytes
// two pointers away as well, as [Seed], [Key] and [Secret] do. Package slog asks
// for MarshalText or MarshalJSON, gets an error, and logs that; a LogValue method
// would link it into every program.
type Redacted struct{}

// String returns a constant.
func (Redacted) String() string { return redactedText }

// GoString returns a constant.
func (Redacted) GoString() string { return redactedText }

// Format writes a constant, whatever the verb.
func (Redacted) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redactedText) }

// MarshalJSON returns [ErrSecret].
func (Redacted) MarshalJSON() ([]byte, error) { return nil, ErrSecret }

// MarshalText returns [ErrSecret].
func (Redacted) MarshalText() ([]byte, error) { return nil, ErrSecret }

// MarshalBinary returns [ErrSecret].
func (Redacted) MarshalBinary() ([]byte, error) { return nil, ErrSecret }

// GobEncode returns [ErrSecret].
func (Redacted) GobEncode() ([]byte, error) { return nil, ErrSecret }
