package policy

import "fmt"

// Level is what a role may do with an environment. Each level includes those
// before it.
type Level uint8

// The levels.
const (
	None  Level = iota // nothing
	List               // see names and metadata
	Read               // open values, of every version
	Write              // change secrets
)

// String returns the word that policy files use; "none" for None.
func (l Level) String() string {
	switch l {
	case List:
		return "list"
	case Read:
		return "read"
	case Write:
		return "write"
	}
	return "none"
}

// ParseLevel reads the words "list", "read" and "write".
func ParseLevel(s string) (Level, error) {
	for _, l := range []Level{List, Read, Write} {
		if l.String() == s {
			return l, nil
		}
	}
	return None, fmt.Errorf("%q is not a level: list, read or write", s)
}

// MarshalText writes the level's word. None can't be granted.
func (l Level) MarshalText() ([]byte, error) {
	if l < List || l > Write {
		return nil, fmt.Errorf("level %d can't be granted", l)
	}
	return []byte(l.String()), nil
}

// UnmarshalText reads the level's word.
func (l *Level) UnmarshalText(text []byte) error {
	parsed, err := ParseLevel(string(text))
	*l = parsed
	return err
}
