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

	pair string // NAME=value, when it exists already
}

// Pair is a Variable of which NAME=value has been made already: ten thousand of them
// need not be copied on the way of every run.
func Pair(pair string) Variable {
	name, _, _ := strings.Cut(pair, "=")
	return Variable{Name: name, pair: pair}
}

// entry is the variable as an environment has it.
func (v Variable) entry() string {
	if v.pair != "" {
		return v.pair
	}
	return v.Name + "=" + string(v.Value.Reveal())
}

// Sources are what an environment is composed of.
type Sources struct {
	Inherited []string // NAME=value, as the process got them
	Secrets   []Variable
	Clean     bool // inherit only what any login gives: PATH, HOME, TERM, ...
	Preserve  bool // an inherited variable wins over a secret
	KeepOwn   bool // SECR_ variables stay: for git, which starts secr again to show records
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
	secrets, err := byName(s.Secrets, fold)
	if err != nil {
		return Environment{}, err
	}
	env := Environment{list: make([]string, 0, len(s.Inherited)+len(secrets))}
	out := make([]bool, len(secrets)) // secrets that an inherited variable keeps out
	for _, entry := range s.Inherited {
		name, _ := split(entry)
		at, clash := slices.BinarySearchFunc(secrets, foldName(name, fold), func(n named, key string) int { return strings.Compare(n.key, key) })
		differs := clash && entry[len(name):] != secrets[at].entry[len(name):]
		switch {
		case !s.KeepOwn && strings.HasPrefix(foldName(name, true), "SECR_"):
			continue
		case clash && !s.Preserve:
			if differs {
				env.Overridden = append(env.Overridden, name)
			}
			continue
		case clash:
			out[at] = true
			if differs {
				env.Preserved = append(env.Preserved, name)
			}
		case s.Clean && !basic(name):
			continue
		}
		env.list = append(env.list, entry)
	}
	env.first = len(env.list)
	for i, n := range secrets {
		if !out[i] {
			env.list = append(env.list, n.entry)
		}
	}
	env.Overridden = sortedOnce(env.Overridden)
	env.Preserved = sortedOnce(env.Preserved)
	return env, nil
}

// named is a secret's entry under the name that it is compared by.
type named struct{ key, entry string }

// byName checks the secrets and sorts them.
func byName(secrets []Variable, fold bool) ([]named, error) {
	out := make([]named, len(secrets))
	for i, v := range secrets {
		n := named{key: foldName(v.Name, fold), entry: v.entry()}
		if reason := refused(v.Name, n.entry); reason != "" {
			return nil, &NameError{Name: v.Name, Reason: reason}
		}
		out[i] = n
	}
	compare := func(a, b named) int { return strings.Compare(a.key, b.key) }
	if !slices.IsSortedFunc(out, compare) {
		slices.SortFunc(out, compare)
	}
	for i := 1; i < len(out); i++ {
		if out[i].key == out[i-1].key {
			return nil, &NameError{Name: out[i].key, Reason: "is there twice"}
		}
	}
	return out, nil
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
	for i := 1; i < len(entry); i++ {
		if entry[i] == '=' {
			return entry[:i], entry[i+1:]
		}
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

// refused says why a secret can't be a variable: names must be such that every shell and
// program can read them, and no environment carries a NUL.
func refused(name, entry string) string {
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
	if strings.IndexByte(entry, 0) >= 0 {
		return "has a value with a NUL byte, which no variable can hold: store it as a file"
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
