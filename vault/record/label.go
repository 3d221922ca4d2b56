package record

import (
	"github.com/secr/secr/vault/canonical"
)

// Limits of a label in format 1.
const (
	MaxNote       = 1024
	MaxTags       = 16
	MaxTag        = 32
	MaxRotateDays = 36500
	MaxExpires    = 253402300799 // the last second of the year 9999
)

// Label is what is known of a secret besides its value. Who may list an environment
// sees it.
type Label struct {
	Name       string    `json:"name"`
	Kind       LabelKind `json:"kind"`
	Note       string    `json:"note"`
	Expires    int64     `json:"expires"`     // Unix time, 0 for never
	RotateDays int       `json:"rotate_days"` // how often the value should change, 0 for no rule
	Tags       []string  `json:"tags"`        // sorted
}

// LabelKind says how a value is meant to be used.
type LabelKind string

// The kinds of value.
const (
	Variable LabelKind = "variable" // an environment variable
	File     LabelKind = "file"     // the content of a file
)

// Check says what is wrong with a label.
func (l Label) Check() error {
	switch {
	case !canonical.ValidSecretName(l.Name):
		return malformed("the label's name is no secret's name")
	case l.Kind != Variable && l.Kind != File:
		return malformed("the label's kind is neither variable nor file")
	case !canonical.ValidText(l.Note, MaxNote):
		return malformed("the note is longer than %d bytes or holds control characters", MaxNote)
	case l.Expires < 0 || l.Expires > MaxExpires:
		return malformed("the label's expiry is no time")
	case l.RotateDays < 0 || l.RotateDays > MaxRotateDays:
		return malformed("rotate_days is not in 0 to %d", MaxRotateDays)
	case len(l.Tags) > MaxTags || !canonical.Ascending(l.Tags):
		return malformed("there are more than %d tags, or they are not sorted", MaxTags)
	}
	for _, tag := range l.Tags {
		if !validTag(tag) {
			return malformed("a tag is not 1 to %d of a-z, 0-9 and -", MaxTag)
		}
	}
	return nil
}

func validTag(s string) bool {
	for i := range len(s) {
		if c := s[i]; c != '-' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return len(s) > 0 && len(s) <= MaxTag
}

// encode writes the label's JSON.
func (l Label) encode() ([]byte, error) {
	if err := l.Check(); err != nil {
		return nil, err
	}
	l.Tags = append([]string{}, l.Tags...)
	data, err := canonical.Marshal(l)
	if err == nil && len(data) > MaxLabel {
		err = malformed("the label is longer than %d bytes", MaxLabel)
	}
	return data, err
}

func parseLabel(data []byte) (Label, error) {
	var l Label
	if len(data) > MaxLabel {
		return Label{}, malformed("the label is longer than %d bytes", MaxLabel)
	}
	if err := canonical.Unmarshal(data, &l); err != nil {
		return Label{}, malformed("label: %v", err)
	}
	if err := l.Check(); err != nil {
		return Label{}, err
	}
	return l, nil
}
