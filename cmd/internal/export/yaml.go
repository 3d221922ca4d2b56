package export

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// The two YAML documents that secr writes are maps of quoted texts, so they need no
// library: the usual one is no longer kept, and its tables were a tenth of what starting
// secr took. The tests read them back with it.

// writeYAML quotes every value, so that no reader takes "no" or "0123" for
// something else.
func writeYAML(variables []Variable) ([]byte, error) {
	if _, err := texts("yaml", variables); err != nil {
		return nil, err
	}
	if len(variables) == 0 {
		return []byte("{}\n"), nil
	}
	var b bytes.Buffer
	for _, v := range variables {
		fmt.Fprintf(&b, "%s: %s\n", yamlKey(v.Name), yamlQuoted(string(v.Value)))
	}
	return b.Bytes(), nil
}

func writeKubernetes(object string, variables []Variable) ([]byte, error) {
	if object == "" {
		return nil, errors.New("a Kubernetes secret needs a name: --name")
	}
	if !utf8.ValidString(object) {
		return nil, errors.New("the name of a Kubernetes secret is text: --name")
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "apiVersion: v1\nkind: Secret\nmetadata:\n  name: %s\ntype: Opaque\ndata:", yamlQuoted(object))
	if len(variables) == 0 {
		b.WriteString(" {}")
	}
	b.WriteByte('\n')
	for _, v := range variables {
		fmt.Fprintf(&b, "  %s: %q\n", yamlKey(v.Name), base64.StdEncoding.EncodeToString(v.Value))
	}
	return b.Bytes(), nil
}

// yamlKey leaves a name as it is where no version of YAML could take it for anything else.
func yamlKey(name string) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
	words := []string{"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
	if name == "" || !strings.Contains(letters, name[:1]) || strings.Trim(name, letters+"0123456789") != "" || slices.Contains(words, strings.ToLower(name)) {
		return yamlQuoted(name)
	}
	return name
}

// yamlQuoted is a double-quoted scalar on one line (YAML 1.2.2, 5.7 and 7.3.1): what isn't
// printable there, or would break a line for some version, is escaped.
func yamlQuoted(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ', r >= 0x7f && r <= 0x9f, r == 0x2028, r == 0x2029, r == 0xfeff, r == 0xfffe, r == 0xffff:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
