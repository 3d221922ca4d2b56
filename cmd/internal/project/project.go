// Package project finds and reads secr.toml, the file in a project that names
// its vault. It holds no secret and is committed with the code.
//
// The file is untrusted: whoever writes to the repository writes it. So it is
// read strictly, it only chooses among what this machine already has, and it
// counts for a folder only after the folder was linked to the vault.
//
//	vault = "mfrggzdfmztwq2lknnwg23tpob"     the vault's id
//	floor = "12:<sha256 of the raw change>"  a change that any head must descend from
//	remote = "https://..."                   optional
//	branch = "secr/vault"                    optional
//	environment = "development"              optional
//
// It is TOML, of which only empty lines, comments and key = "text" are taken,
// the text being printable ASCII without quotes and backslashes.
package project

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/secr/secr/vault/local"
)

// Name is the file's name.
const Name = "secr.toml"

// limit is far above any honest file.
const limit = 16 << 10

// Errors of Find and Parse, besides those of package local. ErrInvalid means
// that somebody else may have had a hand in the file.
var (
	ErrNone    = errors.New("no secr.toml in this folder or above it")
	ErrInvalid = errors.New("not a valid secr.toml")
)

// Project is one secr.toml and where it was found.
type Project struct {
	// Folder is the absolute path of the folder that holds the file.
	Folder string
	// Vault is the vault's id.
	Vault string
	// Floor is the change that any head must descend from; Seq 0 is none.
	Floor local.Floor
	// Remote, Branch and Environment are empty when the file is silent.
	Remote, Branch, Environment string
}

// FloorText is the floor as it stands in the file, empty without one.
func (p Project) FloorText() string {
	if p.Floor.Seq == 0 {
		return ""
	}
	return p.Floor.String()
}

// Default is the environment that the project asks for: its own, or
// development.
func (p Project) Default() string {
	if p.Environment != "" {
		return p.Environment
	}
	return "development"
}

// Choose is the order of choice everywhere: flag, environment variable, the
// user's settings, the project. The first that says something wins.
func Choose(flag, variable, setting, project string) string {
	for _, name := range []string{flag, variable, setting} {
		if name != "" {
			return name
		}
	}
	return project
}

// Path is the file's path.
func (p Project) Path() string { return filepath.Join(p.Folder, Name) }

// Find looks for secr.toml in folder and upwards and reads the nearest one. It
// does not look past a file that it refuses.
func Find(folder string) (Project, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return Project{}, err
	}
	for {
		p, err := Read(folder)
		if !errors.Is(err, ErrNone) {
			return p, err
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return Project{}, ErrNone
		}
		folder = parent
	}
}

// Read reads the file in folder itself.
func Read(folder string) (Project, error) {
	path := filepath.Join(folder, Name)
	text, err := local.ReadShared(path, limit)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return Project{}, ErrNone
	case errors.Is(err, local.ErrSymlink), errors.Is(err, local.ErrNotRegular):
		return Project{}, fmt.Errorf("%s: %w: not a regular file", path, ErrInvalid)
	case errors.Is(err, local.ErrTooLarge):
		return Project{}, fmt.Errorf("%s: %w: larger than %d bytes", path, ErrInvalid, limit)
	case err != nil:
		return Project{}, err
	}
	p, err := Parse(text)
	if err != nil {
		return Project{}, fmt.Errorf("%s: %w", path, err)
	}
	p.Folder = folder
	return p, nil
}

// field is a key of the file and where its text goes.
type field struct {
	key   string
	value *string
}

// Parse reads the file's text. Errors never quote them: they may hold
// anything, terminal escapes too.
func Parse(text string) (Project, error) {
	var p Project
	var floor string
	fields := []field{{"vault", &p.Vault}, {"floor", &floor}, {"remote", &p.Remote}, {"branch", &p.Branch}, {"environment", &p.Environment}}
	rest, more := text, true
	for number := 1; more; number++ {
		var line string
		line, rest, more = strings.Cut(rest, "\n")
		key, value, err := parseLine(strings.TrimSuffix(line, "\r"))
		if err != nil {
			return Project{}, fmt.Errorf("%w: line %d: %w", ErrInvalid, number, err)
		}
		if key == "" {
			continue
		}
		at := slices.IndexFunc(fields, func(f field) bool { return f.key == key })
		if at < 0 {
			return Project{}, fmt.Errorf("%w: line %d: an unknown key, or one for the second time", ErrInvalid, number)
		}
		*fields[at].value = value
		fields = slices.Delete(fields, at, at+1)
	}
	if err := p.check(floor); err != nil {
		return Project{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return p, nil
}

// parseLine reads an empty line, a comment or key = "text".
func parseLine(line string) (key, value string, err error) {
	line = strings.Trim(line, " \t")
	if line == "" || isComment(line) {
		return "", "", nil
	}
	key, rest, found := strings.Cut(line, "=")
	key = strings.TrimRight(key, " \t")
	rest, quoted := strings.CutPrefix(strings.TrimLeft(rest, " \t"), `"`)
	value, rest, closed := strings.Cut(rest, `"`)
	rest = strings.TrimLeft(rest, " \t")
	if !found || !quoted || !closed || !only(key, "abcdefghijklmnopqrstuvwxyz_") || key == "" {
		return "", "", errors.New(`not key = "text"`)
	}
	if rest != "" && !isComment(rest) || !printable(value) {
		return "", "", errors.New(`characters outside printable ASCII, or something after the text`)
	}
	return key, value, nil
}

func isComment(line string) bool {
	if line[0] != '#' || !utf8.ValidString(line) {
		return false
	}
	return strings.IndexFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) < 0
}

func (p *Project) check(floor string) (err error) {
	if !local.ValidID(p.Vault) {
		return errors.New("vault is not a vault's id")
	}
	if p.Environment != "" && !IsName(p.Environment) {
		return errors.New("environment is not a name")
	}
	if floor == "" {
		return nil
	}
	p.Floor, err = local.ParseFloor(floor)
	if err != nil || p.Floor.Seq == 0 {
		return errors.New("floor is not <number>:<64 hex digits>")
	}
	return nil
}

// IsName says whether s is the name of an environment, a role, a member.
func IsName(s string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	return s != "" && len(s) <= 32 && s[0] != '-' && only(s, letters+"-")
}

func only(s, letters string) bool {
	for i := range len(s) {
		if strings.IndexByte(letters, s[i]) < 0 {
			return false
		}
	}
	return true
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || s[i] == '\\' {
			return false
		}
	}
	return true
}

// Text is the file as `init` writes it.
func (p Project) Text() []byte {
	var b bytes.Buffer
	b.WriteString("# This project's vault. No secrets in here: commit it. See `secr --help`.\n")
	fmt.Fprintf(&b, "vault = %q\n", p.Vault)
	for _, line := range []struct{ key, value string }{
		{"floor", p.FloorText()}, {"remote", p.Remote}, {"branch", p.Branch}, {"environment", p.Environment},
	} {
		if line.value != "" {
			fmt.Fprintf(&b, "%s = %q\n", line.key, line.value)
		}
	}
	return b.Bytes()
}
