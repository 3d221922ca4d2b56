package app

import (
	"bytes"
	"encoding/json"
	"io"
	"time"

	"github.com/secr/secr/cmd/internal/term"
)

// writeJSON writes one document. Values that are not UTF-8 never get here:
// the caller gives them as base64.
func writeJSON(w io.Writer, v any) error {
	var doc bytes.Buffer
	e := json.NewEncoder(&doc)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(term.CleanJSON(doc.Bytes()))
	return err
}

// stamp is a time in JSON: RFC 3339 in UTC, empty for none.
func stamp(unix int64) string {
	if unix == 0 {
		return ""
	}
	return time.Unix(unix, 0).UTC().Format(time.RFC3339)
}
