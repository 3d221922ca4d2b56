package app

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/secr/secr/cmd/internal/dotenv"
	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/cmd/internal/special"
	"github.com/secr/secr/keys"
	"github.com/secr/secr/vault"
)

// sheetLimit is more than any environment has, in bytes.
const sheetLimit = 16 << 20

// sheet is a text for an editor, and what it means when it comes back.
type sheet interface {
	file() string
	text() []byte
	read(back []byte) ([]edited, error)
}

// sheet reads what is to be edited. The receipt is written before anything is returned.
func (a *app) sheet(ctx context.Context, s *session, env string, o editOptions) (sheet, error) {
	request := vault.Request{Environment: env, Action: "edit", Reason: o.reason}
	if o.name != "" {
		request.Names = []string{o.name}
	}
	values, err := a.reveal(ctx, s, request)
	if err != nil {
		return nil, err
	}
	a.refreshSnapshot(ctx, s, env)
	if o.name == "" {
		return newEnvironmentSheet(s, env, values)
	}
	v := values[0]
	if value := v.Secret.Reveal(); !utf8.Valid(value) || bytes.IndexByte(value, 0) >= 0 {
		return nil, exit.New(exit.Failed, "the value of %s is not text", o.name).
			WithHint("secr get %s > FILE, then secr set %s --file FILE", o.name, o.name)
	}
	return valueSheet{o.name, v.Secret}, nil
}

// valueSheet is one value. A final newline is put behind it and taken away again, as
// editors want one.
type valueSheet struct {
	name  string
	value keys.Secret
}

// file names no secret: editors keep lists of recent files.
func (s valueSheet) file() string { return "value.txt" }

func (s valueSheet) text() []byte { return append(bytes.Clone(s.value.Reveal()), '\n') }

func (s valueSheet) read(back []byte) ([]edited, error) {
	back = bytes.TrimSuffix(back, []byte("\n"))
	if err := checkSize(s.name, len(back)); err != nil {
		return nil, err
	}
	to := keys.NewSecret(back)
	switch {
	case to.Equal(s.value):
		return nil, nil
	case len(back) == 0:
		return nil, exit.Usagef("nothing came back of %s, so nothing was changed", s.name).WithHint("secr set %s= keeps an empty value", s.name)
	}
	return []edited{{s.name, &s.value, &to}}, nil
}

// environmentSheet is an environment as a .env file.
type environmentSheet struct {
	session *session
	env     string
	values  []vault.Value
	was     map[string]*keys.Secret // by name
	shown   []byte
	hidden  []string // names whose values are not text
}

func newEnvironmentSheet(s *session, env string, values []vault.Value) (sheet, error) {
	e := environmentSheet{session: s, env: env, values: values, was: map[string]*keys.Secret{}}
	var lines bytes.Buffer
	for _, v := range values {
		e.was[v.Label.Name] = &v.Secret
		line, err := dotenv.Format([]dotenv.Entry{{Name: v.Label.Name, Value: string(v.Secret.Reveal())}})
		if err != nil {
			e.hidden = append(e.hidden, v.Label.Name)
		}
		lines.Write(line)
	}
	head := fmt.Sprintf("# The secrets of %s. A line that is taken out deletes its secret; a # in front does, too.\n"+
		"# NAME=value, NAME='value' or NAME=\"value\", over several lines too. A $ is a $.\n", env)
	if len(e.hidden) > 0 {
		head += "# Not here, and left alone, as they are not text: " + strings.Join(e.hidden, ", ") + "\n"
	}
	e.shown = append([]byte(head), lines.Bytes()...)
	return e, nil
}

func (s environmentSheet) file() string { return s.env + ".env" }

func (s environmentSheet) text() []byte { return s.shown }

func (s environmentSheet) read(back []byte) ([]edited, error) {
	entries, err := dotenv.Parse(back)
	if err != nil {
		return nil, err
	}
	if len(entries) == 0 && len(s.values) > len(s.hidden) {
		return nil, exit.Usagef("the file came back without any secret, so nothing was changed").WithHint("secr rm deletes secrets")
	}
	var out []edited
	there := map[string]bool{}
	for _, e := range entries {
		if err := s.check(e); err != nil {
			return nil, err
		}
		there[e.Name] = true
		to := keys.NewSecret([]byte(e.Value))
		from := s.was[e.Name]
		if from == nil || !from.Equal(to) {
			out = append(out, edited{e.Name, from, &to})
		}
	}
	for _, v := range s.values {
		if name := v.Label.Name; !there[name] && !slices.Contains(s.hidden, name) {
			out = append(out, edited{name, s.was[name], nil})
		}
	}
	return out, nil
}

// check refuses a line that can't be kept. Of an old name only the value can be wrong.
func (s environmentSheet) check(e dotenv.Entry) error {
	if err := checkSize(fmt.Sprintf("line %d", e.Line), len(e.Value)); err != nil {
		return err
	}
	if s.was[e.Name] != nil {
		return nil
	}
	if !special.Valid(e.Name) { // which may be a value that went astray
		return exit.Usagef("line %d: what stands before = can't be a secret's name", e.Line).WithHint("letters, digits and _, no digit first, at most 128")
	}
	return exit.Wrap(s.session.checkNames(s.env, e.Name), "line %d", e.Line)
}
