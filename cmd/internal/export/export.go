// Package export writes secrets in the formats that other programs read. A
// value that a format can't hold exactly is an error that names the secret,
// never a changed value.
package export

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/secr/secr/cmd/internal/dotenv"
)

// Variable is one secret on its way out.
type Variable struct {
	Name  string
	Value []byte
}

// ErrFormat is a format that there is not.
var ErrFormat = errors.New("unknown format")

// ValueError says that a format can't hold a secret's value.
type ValueError struct{ Name, Format, Why string }

// Error names the secret and the reason.
func (e *ValueError) Error() string {
	return fmt.Sprintf("%s can't be exported as %s: %s", e.Name, e.Format, e.Why)
}

// Formats lists the formats by name.
func Formats() []string {
	return []string{"dotenv", "json", "yaml", "shell", "docker", "k8s", "github"}
}

// Injects says whether a format's document becomes variables of programs: a shell reads
// it, or whatever starts them. The others are data.
func Injects(format string) bool {
	switch format {
	case "dotenv", "shell", "docker", "github":
		return true
	}
	return false
}

// Options are what some formats need besides the variables.
type Options struct {
	Format string
	// Object is the name of the Kubernetes secret.
	Object string
}

// Write gives the document.
func Write(o Options, variables []Variable) ([]byte, error) {
	switch o.Format {
	case "dotenv":
		return writeDotenv(variables)
	case "json":
		return writeJSON(variables)
	case "yaml":
		return writeYAML(variables)
	case "shell":
		return writeShell(variables)
	case "docker":
		return writeDocker(variables)
	case "k8s":
		return writeKubernetes(o.Object, variables)
	case "github":
		return writeGithub(variables)
	}
	return nil, fmt.Errorf("%w %q: one of %s", ErrFormat, o.Format, strings.Join(Formats(), ", "))
}

func texts(format string, variables []Variable) (map[string]string, error) {
	out := make(map[string]string, len(variables))
	for _, v := range variables {
		if !utf8.Valid(v.Value) {
			return nil, &ValueError{v.Name, format, "it is not UTF-8 text; use k8s, or get --json"}
		}
		out[v.Name] = string(v.Value)
	}
	return out, nil
}

func writeDotenv(variables []Variable) ([]byte, error) {
	entries := make([]dotenv.Entry, len(variables))
	for i, v := range variables {
		entries[i] = dotenv.Entry{Name: v.Name, Value: string(v.Value)}
		if _, err := dotenv.Format(entries[i : i+1]); err != nil {
			return nil, &ValueError{v.Name, "dotenv", "it is not plain UTF-8 text; use k8s, or get --json"}
		}
	}
	return dotenv.Format(entries)
}

func writeJSON(variables []Variable) ([]byte, error) {
	values, err := texts("json", variables)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err = e.Encode(values)
	return b.Bytes(), err
}

// writeShell is for eval and source in any POSIX shell.
func writeShell(variables []Variable) ([]byte, error) {
	var b bytes.Buffer
	for _, v := range variables {
		if bytes.IndexByte(v.Value, 0) >= 0 {
			return nil, &ValueError{v.Name, "shell", "a shell can't hold NUL bytes"}
		}
		fmt.Fprintf(&b, "export %s='%s'\n", v.Name, strings.ReplaceAll(string(v.Value), "'", `'\''`))
	}
	return b.Bytes(), nil
}

// writeDocker is for `docker run --env-file`, which knows no quotes.
func writeDocker(variables []Variable) ([]byte, error) {
	var b bytes.Buffer
	for _, v := range variables {
		if bytes.ContainsAny(v.Value, "\x00\r\n") || !utf8.Valid(v.Value) {
			return nil, &ValueError{v.Name, "docker", "an env-file holds one line of text per value; `secr run -- docker run -e NAME` passes it"}
		}
		fmt.Fprintf(&b, "%s=%s\n", v.Name, v.Value)
	}
	return b.Bytes(), nil
}

// writeGithub is for >> "$GITHUB_ENV". The delimiter is random, so that no
// value can end early and set a variable of its own.
func writeGithub(variables []Variable) ([]byte, error) {
	var b bytes.Buffer
	for _, v := range variables {
		if bytes.ContainsAny(v.Value, "\x00\r") || !utf8.Valid(v.Value) {
			return nil, &ValueError{v.Name, "github", "the runner's file holds UTF-8 text without carriage returns"}
		}
		end := "secr_" + rand.Text()
		fmt.Fprintf(&b, "%s<<%s\n%s\n%s\n", v.Name, end, v.Value, end)
	}
	return b.Bytes(), nil
}

// Masks are the workflow commands that keep values out of a GitHub job's log:
// one per line of a value, because the runner masks line by line.
func Masks(variables []Variable) []byte {
	var b bytes.Buffer
	escape := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	for _, v := range variables {
		for line := range strings.SplitSeq(string(v.Value), "\n") {
			line = strings.Trim(line, "\r ")
			if len(line) > 3 { // shorter ones would hide half of the log
				fmt.Fprintf(&b, "::add-mask::%s\n", escape.Replace(line))
			}
		}
	}
	return b.Bytes()
}
