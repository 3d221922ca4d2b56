package child

import (
	"runtime"
	"slices"
	"strings"

	"github.com/secr/secr/keys"
)

// Variable is one secret on its way into an environment.
type Variable struct {
	Name  string
	Value keys.Secret
}

// Sources are what an environment is composed of.
type Sources struct {
	Inherited []string   // NAME=value, as the process got them
	Secrets   []Variable // the secrets
	Pairs     []string   // more secrets, as NAME=value: ten thousand need not be copied
	Clean     bool       // inherit only what any login gives: PATH, HOME, TERM, ...
	Preserve  bool       // an inherited variable wins over a secret
	KeepOwn   bool       // SECR_ variables stay: for git, which starts secr again to show records
}

// Environment is what a program will get. It holds values: it must not be printed.
type Environment struct {
	Overridden []string // inherited variables that a secret replaced with another value, sorted
	Preserved  []string // secrets that an inherited variable of another value kept out, sorted

	list  []string
	first int // where the secrets begin in list: behind all that was inherited
}

// Pairs is the environment as NAME=value, for a program that is started beside secr
// instead of in its place.
func (e Environment) Pairs() []string { return e.list }

// Compose merges the secrets into what was inherited. A secret wins unless Preserve is
// set. SECR_ variables are secr's own and never reach the program. Everything else that
// is inherited stays as it is, in its order.
func Compose(s Sources) (Environment, error) {
	return compose(s, runtime.GOOS == "windows")
}

// compose is Compose for systems whose variable names differ by case, or don't.
func compose(s Sources, fold bool) (Environment, error) {
	secrets, err := byName(s, fold)
	if err != nil {
		return Environment{}, err
	}
	env := Environment{list: make([]string, 0, len(s.Inherited)+len(secrets))}
	var out map[int]bool // secrets that an inherited variable keeps out
	for _, entry := range s.Inherited {
		name, value := split(entry)
		at, clash := slices.BinarySearchFunc(secrets, name, func(secret, name string) int { return compareNames(secret, name, fold) })
		differs := false
		if clash {
			_, ours := split(secrets[at])
			differs = ours != value
		}
		dropped := s.Clean && !basic(name)
		switch {
		case !s.KeepOwn && strings.HasPrefix(foldName(name, true), "SECR_"):
			continue
		case clash && (!s.Preserve || dropped):
			if differs {
				env.Overridden = append(env.Overridden, name)
			}
			continue
		case clash:
			if out == nil {
				out = map[int]bool{}
			}
			out[at] = true
			if differs {
				env.Preserved = append(env.Preserved, name)
			}
		case dropped:
			continue
		}
		env.list = append(env.list, entry)
	}
	env.first = len(env.list)
	for i, entry := range secrets {
		if !out[i] {
			env.list = append(env.list, entry)
		}
	}
	env.Overridden = sortedOnce(env.Overridden)
	env.Preserved = sortedOnce(env.Preserved)
	return env, nil
}

// byName checks the secrets and returns their entries in the order of their names.
func byName(s Sources, fold bool) ([]string, error) {
	entries := s.Pairs
	if len(s.Secrets) > 0 {
		entries = make([]string, 0, len(s.Pairs)+len(s.Secrets))
		entries = append(entries, s.Pairs...)
		for _, v := range s.Secrets {
			// Before there is an entry, whose name would end at an = within it.
			if reason := badName(v.Name); reason != "" {
				return nil, &NameError{Name: v.Name, Reason: reason}
			}
			entries = append(entries, v.Name+"="+string(v.Value.Reveal()))
		}
	}
	ordered, err := check(entries, fold)
	if err == nil && !ordered {
		entries = slices.Clone(entries)
		slices.SortFunc(entries, func(a, b string) int {
			name, _ := split(b)
			return compareNames(a, name, fold)
		})
		_, err = check(entries, fold) // two of one name stand together now
	}
	return entries, err
}

// check looks at each entry once, and says whether they are in the order of their names.
func check(entries []string, fold bool) (ordered bool, err error) {
	ordered = true
	last := ""
	for _, entry := range entries {
		name, _ := split(entry)
		reason := badName(name)
		folded := foldName(name, fold)
		switch {
		case reason != "":
		case strings.IndexByte(entry, 0) >= 0:
			reason = "has a value with a NUL byte, which no variable can hold: store it as a file"
		case folded == last:
			reason = "is there twice"
		default:
			ordered = ordered && last < folded
			last = folded
			continue
		}
		return false, &NameError{Name: name, Reason: reason}
	}
	return ordered, nil
}

// compareNames orders an entry and a name.
func compareNames(entry, name string, fold bool) int {
	own, _ := split(entry)
	return strings.Compare(foldName(own, fold), foldName(name, fold))
}

// lookup returns the variable that a program would find: the first of its name.
func (e Environment) lookup(name string) string {
	for _, entry := range e.list {
		if n, value := split(entry); n == name {
			return value
		}
	}
	return ""
}

// split cuts an entry at its first equals sign; Windows has names that begin with one.
func split(entry string) (name, value string) {
	if entry == "" {
		return "", ""
	}
	if at := strings.IndexByte(entry[1:], '='); at >= 0 {
		return entry[:at+1], entry[at+2:]
	}
	return entry, ""
}

func foldName(name string, fold bool) string {
	if fold {
		return strings.ToUpper(name)
	}
	return name
}

func sortedOnce(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

// badName says why a secret can't be a variable: every shell and program must be able to
// read its name.
func badName(name string) string {
	if name == "" {
		return "is no name"
	}
	for i := range len(name) {
		c := name[i]
		letter := c == '_' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return "can't be a variable: letters, digits and _ only, and no digit first"
		}
	}
	return ""
}

// basic are the variables that any login has, which stay even in a clean environment.
func basic(name string) bool {
	switch name {
	case "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "COLORTERM", "NO_COLOR", "LANG", "TZ", "TMPDIR", "PWD":
		return true
	}
	if strings.HasPrefix(name, "LC_") {
		return true
	}
	if runtime.GOOS != "windows" {
		return false
	}
	switch strings.ToUpper(name) {
	case "PATH", "PATHEXT", "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "TEMP", "TMP", "USERPROFILE", "USERNAME", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "PROGRAMFILES":
		return true
	}
	return strings.HasPrefix(name, "=")
}
