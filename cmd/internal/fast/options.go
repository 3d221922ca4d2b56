package fast

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

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

// readSettings reads the settings file, if there is one.
func readSettings(home local.Home) (settings, bool) {
	data, err := os.ReadFile(home.Settings())
	if err != nil && !os.IsNotExist(err) {
		return settings{}, false
	}
	return parseSettings(data)
}

// parseSettings reads plain lines, each of which says once what the long way would take.
// With other tables, or with anything that looks odd, the file is the long way's: it may be
// one that it refuses.
func parseSettings(data []byte) (settings, bool) {
	s := settings{sessionCache: true}
	if !utf8.Valid(data) || bytes.ContainsFunc(data, isControl) {
		return s, false
	}
	table := ""
	var seen []string
	for line := range strings.Lines(string(data)) {
		text := strings.Trim(line, blanks)
		if text == "" || text[0] == '#' {
			continue
		}
		key, value, _ := strings.Cut(text, "=")
		key, value = strings.Trim(key, blanks), strings.Trim(value, blanks)
		header := text == "[clouds]" || text == "[clouds.endpoints]"
		if header {
			table = text
		}
		if slices.Contains(seen, table+"."+key) || !header && !s.take(table, key, value) {
			return s, false
		}
		seen = append(seen, table+"."+key)
	}
	return s, true
}

// blanks are what TOML takes for nothing.
const blanks = " \t\n"

func isControl(r rune) bool { return r < ' ' && r != '\t' && r != '\n' || r == 0x7f }

// take sets one setting, and says whether it is one with a value that it may have. Those of
// other tables mean nothing to the short way: who has a cloud key waits no longer for what
// needs none.
func (s *settings) take(table, key, value string) bool {
	text, isText := unquote(value)
	isSwitch := value == "true" || value == "false"
	switch table + "." + key {
	case ".environment":
		s.environment = text
		return isText
	case ".session_cache":
		s.sessionCache = value == "true"
		return isSwitch
	case ".refresh":
		period, err := time.ParseDuration(text)
		s.refresh = period
		return isText && err == nil && period >= 0
	case ".auto_sync":
		return isSwitch
	case ".keyring":
		return isText && (text == "os" || text == "file")
	case "[clouds].connect", "[clouds].timeout":
		period, err := time.ParseDuration(text)
		return isText && err == nil && period > 0
	case "[clouds].allow":
		return areScopes(value)
	case ".remote", "[clouds].profile", "[clouds.endpoints].aws", "[clouds.endpoints].gcp", "[clouds.endpoints].azure":
		return isText
	}
	return false
}

// unquote is the text of a value without escapes, on one line.
func unquote(value string) (string, bool) {
	if len(value) < 2 || value[0] != '"' || value[len(value)-1] != '"' || strings.ContainsAny(value[1:len(value)-1], `"\`) {
		return "", false
	}
	return value[1 : len(value)-1], true
}

// areScopes says that a value is a list, on one line, of what a cloud's settings may allow.
func areScopes(value string) bool {
	inner, opened := strings.CutPrefix(value, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	if !opened || !closed {
		return false
	}
	if strings.Trim(inner, blanks) == "" {
		return true
	}
	for part := range strings.SplitSeq(inner, ",") {
		text, ok := unquote(strings.Trim(part, blanks))
		provider, scope, named := strings.Cut(text, ":")
		if !ok || !named || scope == "" || provider != "aws" && provider != "gcp" && provider != "azure" {
			return false
		}
	}
	return true
}
