package app

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/cmd/internal/term"
	"github.com/secr/secr/keys"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/record"
	"github.com/secr/secr/vault/team"
)

// valueLimit is the most that a value may have, in bytes.
const valueLimit = 1 << 20

func (a *app) setVerb() *cli.Command {
	return verb{
		name: "set", args: "KEY|KEY=VALUE...", short: "Keep a secret, or several",
		long: `Without a value, set asks for it and shows nothing, or reads it from standard
input (less one final newline). KEY=VALUE is for values that need no protection:
it stays in the shell's history. --file keeps a file's exact bytes. Setting the
same value again changes nothing.`,
		example: `secr set DATABASE_URL
secr set LOG_LEVEL=debug PORT=8080
pass show api | secr set API_KEY
secr set TLS_CERT --file cert.pem --env production --note "renew in May" --expires 2027-05-01`,
		flags: []cli.Flag{
			envFlag(),
			&cli.StringFlag{Name: "file", Usage: "take the value of the one KEY from a file, as a secret file"},
			&cli.StringFlag{Name: "note", Usage: "a line for colleagues; sealed like the name"},
			&cli.StringFlag{Name: "expires", Usage: "a date (2027-05-01), a time from now (90d) or never"},
			&cli.StringSliceFlag{Name: "tag", Usage: "a tag, again for several; '' takes all away"},
			&cli.BoolFlag{Name: "multiline", Usage: "ask for several lines, ended by Ctrl-D"},
			jsonFlag(),
		},
		least: 1, most: -1,
		run: func(c *cli.Context) error {
			o := setOptions{
				env: c.String("env"), items: c.Args().Slice(), file: c.String("file"),
				multiline: c.Bool("multiline"), json: c.Bool("json"),
			}
			var err error
			o.meta, err = a.meta(c)
			if err != nil {
				return err
			}
			return a.set(c.Context, o)
		},
	}.command()
}

type setOptions struct {
	env       string
	items     []string // KEY or KEY=VALUE
	file      string
	multiline bool
	json      bool
	meta      vault.Meta
}

// meta reads the flags that describe a secret.
func (a *app) meta(c *cli.Context) (vault.Meta, error) {
	var m vault.Meta
	if c.IsSet("note") {
		note := c.String("note")
		m.Note = &note
	}
	if c.IsSet("expires") {
		at, err := parseExpiry(c.String("expires"), a.sys.Now())
		if err != nil {
			return m, err
		}
		m.Expires = &at
	}
	if c.IsSet("tag") {
		tags := slices.DeleteFunc(c.StringSlice("tag"), func(t string) bool { return t == "" })
		slices.Sort(tags)
		tags = slices.Compact(tags)
		m.Tags = &tags
	}
	return m, nil
}

// assignment is one secret to set.
type assignment struct {
	name  string
	value keys.Secret
}

func (a *app) set(ctx context.Context, o setOptions) error {
	names, err := splitItems(o)
	if err != nil {
		return err
	}
	if o.file != "" {
		file := record.File
		o.meta.Kind = &file
	}
	s, env, err := a.openTo(ctx, o.env, names)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	assignments, err := a.values(ctx, o)
	if err != nil {
		return err
	}
	return a.commitSet(ctx, s, env, o, assignments)
}

// openTo opens the vault for writing secrets of these names. Names are judged
// before anything is asked.
func (a *app) openTo(ctx context.Context, flag string, names []string) (*session, string, error) {
	s, err := a.open(ctx)
	if err != nil {
		return nil, "", err
	}
	env, err := a.environment(s, flag)
	if err == nil {
		err = s.checkNames(env, names...)
	}
	if err != nil {
		s.vault.Close()
		return nil, "", err
	}
	return s, env, nil
}

// commitSet keeps the values in one change and says what that did.
func (a *app) commitSet(ctx context.Context, s *session, env string, o setOptions, assignments []assignment) error {
	d := s.vault.Draft()
	for _, x := range assignments {
		d.Set(env, x.name, x.value, o.meta)
		defer x.value.Wipe()
	}
	if _, err := d.Commit(ctx, fmt.Sprintf("set %s in %s", count(len(assignments), "secret"), env)); err != nil {
		return err
	}
	a.warnTwins(ctx, s, env, d.Report().Written)
	if err := a.warnKnown(ctx, s, env, d.Report()); err != nil {
		return err
	}
	a.afterWrite(ctx, s, d.Report())
	return a.reportWritten("set", d.Report(), o.json)
}

// warnKnown tells of values that are no secret from somebody who left.
func (a *app) warnKnown(ctx context.Context, s *session, env string, r vault.Report) error {
	known, err := team.Known(ctx, s.vault, env, slices.Concat(r.Written, r.Unchanged))
	for _, e := range known {
		a.warn(knownWords, e.Label.Name)
	}
	return err
}

// knownWords is said of a value that is put back, or not changed.
const knownWords = "that value of %s could have been seen by somebody who has no access any more: change it where it comes from"

// warnTwins tells of new names that differ from others only by case: on
// Windows they would be one variable.
func (a *app) warnTwins(ctx context.Context, s *session, env string, written []vault.Entry) {
	written = slices.DeleteFunc(slices.Clone(written), func(e vault.Entry) bool { return e.Version > 1 })
	if len(written) == 0 {
		return
	}
	all, err := s.vault.List(ctx, env)
	if err != nil {
		return // somebody who may write may list, too
	}
	for _, fresh := range written {
		for _, e := range all {
			if e.Label.Name != fresh.Label.Name && strings.EqualFold(e.Label.Name, fresh.Label.Name) {
				a.warn("%s and %s differ only by case", fresh.Label.Name, e.Label.Name)
			}
		}
	}
}

// splitItems gives the names and refuses combinations that can't be meant.
func splitItems(o setOptions) ([]string, error) {
	var names []string
	bare := 0
	for _, item := range o.items {
		name, _, inline := strings.Cut(item, "=")
		if !inline {
			bare++
		}
		if slices.Contains(names, name) {
			return nil, exit.Usagef("%q is given twice", name)
		}
		names = append(names, name)
	}
	if o.file != "" && (len(names) != 1 || bare != 1) {
		return nil, exit.Usagef("--file is for exactly one KEY").WithHint("secr set KEY --file %s", o.file)
	}
	return names, nil
}

// values finds each value: behind the =, in the file, on standard input, or by
// asking.
func (a *app) values(ctx context.Context, o setOptions) ([]assignment, error) {
	var out []assignment
	var ask []string
	for _, item := range o.items {
		name, value, inline := strings.Cut(item, "=")
		if !inline {
			ask = append(ask, name)
			continue
		}
		out = append(out, assignment{name, keys.NewSecret([]byte(value))})
	}
	if len(out) > 0 {
		a.warn("what stands after = stays in the shell's history and is seen by other programs while secr runs; `secr set KEY` asks instead")
	}
	switch {
	case o.file != "":
		value, err := readValueFile(o.file)
		return []assignment{{ask[0], value}}, err
	case len(ask) == 1 && a.term.Piped():
		value, err := a.readStdin(ask[0])
		return append(out, assignment{ask[0], value}), err
	}
	for _, name := range ask {
		typed, err := a.term.Hidden(ctx, term.Question{
			Text: "Value of " + name, What: "the value of " + name, Flag: "KEY=VALUE, --file, or standard input for one KEY", Multiline: o.multiline,
		})
		if err != nil {
			return nil, err
		}
		out = append(out, assignment{name, typed})
	}
	return out, nil
}

// readStdin reads a value from a pipe or file. Exactly one final newline is
// not part of it. Nothing at all is more likely a mistake than a value.
func (a *app) readStdin(name string) (keys.Secret, error) {
	data, err := io.ReadAll(io.LimitReader(a.sys.Stdin, valueLimit+2))
	defer clear(data)
	if err != nil {
		return keys.Secret{}, exit.Wrap(err, "read the value of %s from standard input", name)
	}
	if len(data) == 0 {
		return keys.Secret{}, exit.Usagef("standard input is empty, so there is no value for %s", name).
			WithHint("secr set %s= keeps an empty value", name)
	}
	value := data
	if value[len(value)-1] == '\n' {
		value = value[:len(value)-1]
	}
	return keys.NewSecret(value), checkSize(name, len(value))
}

func readValueFile(path string) (keys.Secret, error) {
	f, err := openInput(path)
	if err != nil {
		return keys.Secret{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, valueLimit+1))
	defer clear(data)
	if err != nil {
		return keys.Secret{}, err
	}
	return keys.NewSecret(data), checkSize(path, len(data))
}

func checkSize(what string, size int) error {
	if size > valueLimit {
		return exit.Usagef("%s: a value has at most %d bytes", what, valueLimit)
	}
	return nil
}
