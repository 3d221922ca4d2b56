package policy

import (
	"bytes"
	"errors"
	"net/url"
	"slices"
	"unicode/utf8"
)

// Missing lists the required entries that has says no to.
func (t Template) Missing(has func(name string) bool) []TemplateEntry {
	return slices.DeleteFunc(list(t.Entries), func(e TemplateEntry) bool { return !e.Required || has(e.Name) })
}

// Entry returns the entry of a secret.
func (t Template) Entry(name string) (TemplateEntry, bool) {
	i := slices.IndexFunc(t.Entries, func(e TemplateEntry) bool { return e.Name == name })
	if i < 0 {
		return TemplateEntry{}, false
	}
	return t.Entries[i], true
}

// Fits says what keeps a value from being of the type. The error never holds any of
// the value.
func (k TemplateType) Fits(value []byte) error {
	switch k {
	case TypeInteger:
		digits := bytes.TrimPrefix(value, []byte("-"))
		if len(digits) == 0 || !only(string(digits), "0123456789") {
			return errors.New("is no integer")
		}
	case TypeURL:
		// The parser's own error would quote the value.
		if u, err := url.Parse(string(value)); err != nil || u.Scheme == "" || u.Host == "" {
			return errors.New("is no URL with a scheme and a host")
		}
	case TypeBoolean:
		if !slices.Contains([]string{"true", "false", "1", "0", "yes", "no", "on", "off"}, string(bytes.ToLower(value))) {
			return errors.New("is none of true, false, 1, 0, yes, no, on and off")
		}
	case TypeString:
		if !utf8.Valid(value) || bytes.IndexByte(value, 0) >= 0 {
			return errors.New("is no text")
		}
	}
	return nil
}
