package wrap

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// Limits of a wrap in bytes.
const (
	MaxFile      = 4096 // to a device or role
	MaxCloudFile = 8192 // to a cloud key
	maxCloudBody = 5120
)

const (
	magic       = "age-encryption.org/v1"
	hybridType  = "mlkem768x25519"
	bodyColumns = 64

	fileKeySize  = 16
	macSize      = 32
	nonceSize    = 16
	tagSize      = 16
	hybridEnc    = 1088 + 32 // ML-KEM-768 ciphertext, X25519 share
	hybridBody   = fileKeySize + tagSize
	sealedLength = nonceSize + payloadSize + tagSize
)

// Stanza is what [Inspect] found of the one holder.
type Stanza struct {
	// Type is "mlkem768x25519", or "secr-aws", "secr-gcp", "secr-azure".
	Type string
	// CloudKey is the id of the cloud key; empty for the hybrid type.
	CloudKey string
}

// Inspect checks without any key that file is a wrap: an age v1 file with
// exactly one stanza, of a known type and the right sizes, canonical base64, a
// payload of exactly 65 bytes, and nothing after. Its errors are [ErrMalformed].
func Inspect(file []byte) (Stanza, error) {
	if len(file) > MaxCloudFile {
		return Stanza{}, malformed("%d bytes are more than %d", len(file), MaxCloudFile)
	}
	l := lines{rest: file}
	if l.next() != magic {
		return Stanza{}, malformed("not an age v1 file")
	}
	s, err := l.stanza()
	if err != nil {
		return Stanza{}, err
	}
	if s.CloudKey == "" && len(file) > MaxFile {
		return Stanza{}, malformed("%d bytes are more than %d", len(file), MaxFile)
	}
	mac, ok := strings.CutPrefix(l.next(), "--- ")
	if !ok {
		return Stanza{}, malformed("more than one stanza, or no end of the header")
	}
	if n, err := decodedLen(mac); err != nil || n != macSize {
		return Stanza{}, malformed("the header's end")
	}
	if len(l.rest) != sealedLength {
		return Stanza{}, malformed("a payload of %d bytes instead of %d", len(l.rest), sealedLength)
	}
	return s, nil
}

// lines reads a header line by line; a line without an end is no line.
type lines struct{ rest []byte }

func (l *lines) next() string {
	for i, b := range l.rest {
		if b == '\n' {
			line := string(l.rest[:i])
			l.rest = l.rest[i+1:]
			return line
		}
	}
	l.rest = nil
	return ""
}

func (l *lines) stanza() (Stanza, error) {
	fields := strings.Split(l.next(), " ")
	if len(fields) != 3 || fields[0] != "->" {
		return Stanza{}, malformed("a stanza has a type and one argument")
	}
	kind, arg := fields[1], fields[2]
	size, err := l.body()
	if err != nil {
		return Stanza{}, err
	}
	switch kind {
	case hybridType:
		if n, err := decodedLen(arg); err != nil || n != hybridEnc || size != hybridBody {
			return Stanza{}, malformed("a %s stanza of other sizes", kind)
		}
		return Stanza{Type: kind}, nil
	case "secr-aws", "secr-gcp", "secr-azure":
		if !isID(arg) || size == 0 || size > maxCloudBody {
			return Stanza{}, malformed("a %s stanza of other sizes", kind)
		}
		return Stanza{Type: kind, CloudKey: arg}, nil
	}
	return Stanza{}, malformed("a stanza of unknown type")
}

// body reads full lines of 64 columns and one shorter, which may be empty.
func (l *lines) body() (size int, err error) {
	for {
		line := l.next()
		if len(line) > bodyColumns {
			return 0, malformed("a stanza's line is too long")
		}
		n, err := decodedLen(line)
		if err != nil {
			return 0, malformed("a stanza's body is not canonical base64")
		}
		size += n
		if len(line) < bodyColumns {
			return size, nil
		}
	}
}

// decodedLen is the length of what text spells in unpadded, canonical base64.
func decodedLen(text string) (int, error) {
	b, err := base64.RawStdEncoding.Strict().DecodeString(text)
	if err != nil || base64.RawStdEncoding.EncodeToString(b) != text { // the decoder skips line ends
		return 0, ErrMalformed
	}
	return len(b), nil
}

func isID(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '2' || r > '7') {
			return false
		}
	}
	return len(s) == 26
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
}
