package app

import (
	"encoding/json"
	"io"
	"time"
)

// writeJSON writes one document. Values that are not UTF-8 never get here:
// the caller gives them as base64.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// stamp is a time in JSON: RFC 3339 in UTC, empty for none.
func stamp(unix int64) string {
	if unix == 0 {
		return ""
	}
	return time.Unix(unix, 0).UTC().Format(time.RFC3339)
}
