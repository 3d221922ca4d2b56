package child

import (
	"bytes"
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
	Inherited []string // NAME=value, as the process got them
	Secrets   []Variable
	Clean     bool // inherit only what any login gives: PATH, HOME, TERM, ...
	Preserve  bool // an inherited variable wins over a secret
}

// Environment is what a program will get. It holds values: it must not be printed.
type Environment struct {
	Overridden []string // inherited variables that a secret replaced with another value, sorted
	Preserved  []string // secrets that an inherited variable of another value kept out, sorted

	list    []string
	secrets []string // names of the secrets in list
}

// Compose merges the secrets into what was inherited. A secret wins unless Preserve is
// set. SECR_ variables are secr's own and never reach the program. Everything else that
// is inherited stays as it is, in its order.
func Compose(s Sources) (Environment, error) {
	return compose(s, runtime.GOOS == "windows")
}

// compose is Compose for systems whose variable names differ by case, or don't.
func compose(s Sources, fold bool) (Environment, error) {
	secrets := map[string]Variable{}
	for _, v := range s.Secrets {
		if err := checkVariable(v); err != nil {
			return Environment{}, err
		}
		key := foldName(v.Name, fold)
		if _, twice := secrets[key]; twice {
			return Environment{}, &NameError{Name: v.Name, Reason: "is there twice"}
		}
		secrets[key] = v
	}
	var env Environment
	kept := map[string]bool{} // secrets that an inherited variable keeps out
	for _, entry := range s.Inherited {
		name, value := split(entry)
		key := foldName(name, fold)
		secret, clash := secrets[key]
		switch {
		case strings.HasPrefix(foldName(name, true), "SECR_"):
			continue
		case clash && !s.Preserve:
			if value != string(secret.Value.Reveal()) {
				env.Overridden = append(env.Overridden, name)
			}
			continue
		case s.Clean && !basic(name) && !(clash && s.Preserve):
			continue
		case clash:
			kept[key] = true
			if value != string(secret.Value.Reveal()) {
				env.Preserved = append(env.Preserved, name)
			}
		}
		env.list = append(env.list, entry)
	}
	for _, v := range s.Secrets {
		if !kept[foldName(v.Name, fold)] {
			env.list = append(env.list, v.Name+"="+string(v.Value.Reveal()))
			env.secrets = append(env.secrets, v.Name)
		}
	}
	env.Overridden = sortedOnce(env.Overridden)
	env.Preserved = sortedOnce(env.Preserved)
	return env, nil
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

// checkVariable holds the names that every shell and program can read, and values that
// an environment can carry.
func checkVariable(v Variable) error {
	if v.Name == "" {
		return &NameError{Name: v.Name, Reason: "is no name"}
	}
	for i := range len(v.Name) {
		c := v.Name[i]
		letter := c == '_' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return &NameError{Name: v.Name, Reason: "can't be a variable: letters, digits and _ only, and no digit first"}
		}
	}
	if bytes.IndexByte(v.Value.Reveal(), 0) >= 0 {
		return &NameError{Name: v.Name, Reason: "has a value with a NUL byte, which no variable can hold: store it as a file"}
	}
	return nil
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
