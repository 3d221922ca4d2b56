package fast

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/secr/secr/vault/local"
)

// options are what the short way understands of a command line.
type options struct {
	verb        string
	environment string
	only        []string // of run
	except      []string
	clean       bool
	preserve    bool
	names       []string // the KEY of get, the command of run
}

// parse reads `secr run` and `secr get` with the flags that need no other
// judge. Anything else is not for it.
func parse(args []string) (options, bool) {
	if len(args) < 3 || args[1] != "run" && args[1] != "get" {
		return options{}, false
	}
	o := options{verb: args[1]}
	rest := args[2:]
	for len(rest) > 0 && strings.HasPrefix(rest[0], "-") && rest[0] != "--" {
		n, ok := o.flag(rest)
		if !ok {
			return options{}, false
		}
		rest = rest[n:]
	}
	if len(rest) > 0 && rest[0] == "--" {
		rest = rest[1:]
	}
	o.names = rest
	switch {
	case len(rest) == 0, o.verb == "get" && (len(rest) != 1 || strings.HasPrefix(rest[0], "-")):
		return options{}, false
	case o.verb == "get" && (o.only != nil || o.except != nil || o.clean || o.preserve):
		return options{}, false
	}
	return o, true
}

// flag takes one flag off args and says how many arguments that was.
func (o *options) flag(args []string) (int, bool) {
	switch args[0] {
	case "--clean":
		o.clean = true
		return 1, true
	case "--preserve":
		o.preserve = true
		return 1, true
	}
	name, value, inline := strings.Cut(args[0], "=")
	n := 1
	if !inline {
		if len(args) < 2 {
			return 0, false
		}
		value, n = args[1], 2
	}
	if value == "" {
		return 0, false
	}
	switch name {
	case "--env", "-e":
		if o.environment != "" {
			return 0, false
		}
		o.environment = value
	case "--only":
		o.only = append(o.only, value)
	case "--except":
		o.except = append(o.except, value)
	default:
		return 0, false
	}
	return n, true
}

// wants says whether a secret is to be injected.
func (o options) wants(name string) bool {
	return !slices.Contains(o.except, name) && (len(o.only) == 0 || slices.Contains(o.only, name))
}

// settings are the user's, as far as the short way needs them.
type settings struct {
	environment  string
	sessionCache bool
	refresh      time.Duration
}

// others are settings that mean nothing to the short way, by their table: who has a cloud
// key waits no longer for what needs none.
func others(table string) []string {
	switch table {
	case "":
		return []string{"remote", "keyring", "auto_sync"}
	case "[clouds]":
		return []string{"allow", "connect", "timeout", "profile"}
	case "[clouds.endpoints]":
		return []string{"aws", "gcp", "azure"}
	}
	return nil
}

// isPlain says that a value is one text without escapes, a list of such on one line, or
// true or false: nothing that could go on in the next line.
func isPlain(value string) bool {
	if value == "true" || value == "false" {
		return true
	}
	if inner, ok := strings.CutPrefix(value, "["); ok {
		inner, closed := strings.CutSuffix(inner, "]")
		if !closed {
			return false
		}
		for part := range strings.SplitSeq(inner, ",") {
			if part = strings.TrimSpace(part); part != "" && !isText(part) {
				return false
			}
		}
		return true
	}
	return isText(value)
}

func isText(value string) bool {
	return len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' && !strings.ContainsAny(value[1:len(value)-1], `"\`)
}

// readSettings reads a settings file of plain lines. One with other tables, or with
// anything that looks odd, is the long way's.
func readSettings(home local.Home) (settings, bool) {
	s := settings{sessionCache: true}
	data, err := os.ReadFile(home.Settings())
	if os.IsNotExist(err) {
		return s, true
	}
	if err != nil {
		return s, false
	}
	table := ""
	for line := range bytes.Lines(data) {
		text := strings.TrimSpace(string(line))
		switch {
		case text == "" || text[0] == '#':
			continue
		case text == "[clouds]" || text == "[clouds.endpoints]":
			table = text
			continue
		}
		key, value, _ := strings.Cut(text, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if slices.Contains(others(table), key) && isPlain(value) {
			continue
		}
		if table != "" || !s.take(key, value) {
			return s, false
		}
	}
	return s, true
}

// take sets one setting, and says whether it is one with a value that it may have.
func (s *settings) take(key, value string) bool {
	switch {
	case key == "environment" && isText(value):
		s.environment = value[1 : len(value)-1]
	case key == "session_cache" && (value == "true" || value == "false"):
		s.sessionCache = value == "true"
	case key == "refresh":
		period, err := time.ParseDuration(strings.Trim(value, `"`))
		s.refresh = period
		return err == nil && period >= 0
	default:
		return false
	}
	return true
}
