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

// readSettings reads a settings file of plain lines. One with tables, or with
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
	for line := range bytes.Lines(data) {
		text := strings.TrimSpace(string(line))
		if text == "" || text[0] == '#' {
			continue
		}
		key, value, _ := strings.Cut(text, "=")
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(key) {
		case "environment":
			inner, ok := strings.CutPrefix(value, `"`)
			inner, closed := strings.CutSuffix(inner, `"`)
			if !ok || !closed || strings.ContainsAny(inner, `"\`) {
				return s, false
			}
			s.environment = inner
		case "refresh":
			period, err := time.ParseDuration(strings.Trim(value, `"`))
			if err != nil || period < 0 {
				return s, false
			}
			s.refresh = period
		case "session_cache":
			if value != "true" && value != "false" {
				return s, false
			}
			s.sessionCache = value == "true"
		default:
			return s, false
		}
	}
	return s, true
}
