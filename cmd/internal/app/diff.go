package app

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/keys"
	"github.com/secr/secr/vault"
)

func (a *app) diffVerb() *cli.Command {
	return verb{
		name: "diff", args: "[ENV1 ENV2]", short: "Compare environments, times, or a .env file",
		long: `With two environments: what one lacks, what differs, and how many values are the
same in both. With --since: what changed in an environment. With --file: how a
.env file differs from it. Values are compared and not shown unless --reveal is
given; where you may only list, names alone are compared.`,
		example: `secr diff staging production
secr diff --env production --since yesterday
secr diff --file .env --fail`,
		flags: []cli.Flag{
			envFlag(),
			&cli.StringFlag{Name: "since", Usage: "a change or `TIME`; compare with then, of a date its start"},
			&cli.StringFlag{Name: "until", Usage: "a change or `TIME` instead of now, with --since"},
			&cli.StringFlag{Name: "file", Usage: "compare with a .env `FILE`"},
			&cli.BoolFlag{Name: "same", Usage: "list what is the same, too"},
			&cli.BoolFlag{Name: "fail", Usage: "exit 1 if there is a difference"},
			&cli.BoolFlag{Name: "reveal", Usage: "show the values"}, reasonFlag(), jsonFlag(),
		},
		filled: []string{"since", "until"}, most: 2,
		run: func(c *cli.Context) error {
			return a.diff(c.Context, diffOptions{
				between: c.Args().Slice(), env: c.String("env"), since: c.String("since"), until: c.String("until"), file: c.String("file"),
				same: c.Bool("same"), fail: c.Bool("fail"), reveal: c.Bool("reveal"), reason: c.String("reason"), json: c.Bool("json"),
			})
		},
	}.command()
}

type diffOptions struct {
	between                         []string
	env, since, until, file, reason string
	same, fail, reveal, json        bool
}

// side is one of the two things compared. values is nil where they are not shown,
// marks where they may not be compared.
type side struct {
	title  string
	names  map[string]bool
	marks  map[string]vault.Mark
	values map[string]string
}

type diffJSON struct {
	Version int            `json:"version"`
	Left    string         `json:"left"`
	Right   string         `json:"right"`
	Same    int            `json:"same"`
	Entries []diffItemJSON `json:"entries"`
}

type diffItemJSON struct {
	Name   string  `json:"name"`
	Status string  `json:"status"` // added, removed, different, same, unknown
	Left   *string `json:"left_value,omitempty"`
	Right  *string `json:"right_value,omitempty"`
}

func (a *app) diff(ctx context.Context, o diffOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	left, right, err := a.sides(ctx, s, o)
	if err != nil {
		return err
	}
	doc := compare(left, right, o.same)
	if err := a.showDiff(doc, o); err != nil {
		return err
	}
	if o.fail && slices.ContainsFunc(doc.Entries, func(i diffItemJSON) bool { return i.Status != "same" }) {
		return exit.New(exit.Failed, "%s and %s differ", left.title, right.title)
	}
	return nil
}

func (o diffOptions) check() error {
	ways := 0
	for _, used := range []bool{len(o.between) > 0, o.since != "", o.file != ""} {
		if used {
			ways++
		}
	}
	switch {
	case ways != 1 || len(o.between) == 1:
		return exit.Usagef("diff compares two environments, or one --since a time, or with a --file").WithHint("secr diff --help")
	case len(o.between) == 2 && o.env != "":
		return exit.Usagef("diff names two environments: --env is one too many")
	case o.until != "" && o.since == "":
		return exit.Usagef("--until needs --since")
	}
	return nil
}

// sides reads what is compared, with marks under a key of this one comparison.
func (a *app) sides(ctx context.Context, s *session, o diffOptions) (left, right side, err error) {
	key := keys.NewKey()
	if len(o.between) == 2 {
		if left, err = a.side(ctx, s, o.between[0], o.between[0], key, o); err == nil {
			right, err = a.side(ctx, s, o.between[1], o.between[1], key, o)
		}
		return left, right, err
	}
	env, err := a.environment(s, o.env)
	if err != nil {
		return left, right, err
	}
	if o.file != "" {
		if left, err = a.side(ctx, s, env, env, key, o); err == nil {
			right, err = fileSide(o, key)
		}
		return left, right, err
	}
	// Both times come first: what can't be compared isn't read.
	then, now := *s, *s
	err = a.lookBefore(ctx, &then, o.since)
	none := errors.Is(err, errBefore)
	if err == nil || none {
		err = a.look(ctx, &now, o.until)
	}
	if err != nil {
		return left, right, err
	}
	title := env
	if o.until != "" {
		title += " at " + o.until
	}
	if right, err = a.side(ctx, &now, env, title, key, o); err != nil {
		return left, right, err
	}
	title = env + " at " + o.since
	if _, there := then.vault.Policy().Environment(env); none || !there { // it was made later
		return emptySide(title), right, nil
	}
	left, err = a.side(ctx, &then, env, title, key, o)
	return left, right, err
}

func emptySide(title string) side {
	return side{title: title, names: map[string]bool{}, marks: map[string]vault.Mark{}, values: map[string]string{}}
}

func (a *app) side(ctx context.Context, s *session, env, title string, key keys.Key, o diffOptions) (side, error) {
	out := side{title: title, names: map[string]bool{}}
	if e, ok := s.vault.Policy().Environment(env); !ok || e.Retired {
		return out, noEnvironment(env)
	}
	if o.reveal {
		values, err := a.reveal(ctx, s, vault.Request{Environment: env, Action: "diff", Reason: o.reason})
		if err != nil {
			return out, err
		}
		out.values = map[string]string{}
		for _, v := range values {
			out.values[v.Label.Name] = string(v.Secret.Reveal())
		}
	}
	marks, err := s.vault.Marks(ctx, env, key)
	var denied *vault.DeniedError
	if errors.As(err, &denied) {
		entries, err := s.vault.List(ctx, env)
		for _, e := range entries {
			out.names[e.Label.Name] = true
		}
		return out, err
	}
	out.marks = marks
	for name := range marks {
		out.names[name] = true
	}
	return out, err
}

// fileSide reads a .env file by the grammar of import.
func fileSide(o diffOptions, key keys.Key) (side, error) {
	f, err := openInput(o.file)
	if err != nil {
		return side{}, err
	}
	defer f.Close()
	entries, err := parseEntries(f, o.file)
	if err != nil {
		return side{}, err
	}
	out := emptySide(o.file)
	for _, e := range entries {
		value := keys.NewSecret([]byte(e.Value))
		out.names[e.Name], out.marks[e.Name] = true, vault.MarkOf(key, value)
		if o.reveal {
			out.values[e.Name] = e.Value
		}
		value.Wipe()
	}
	return out, nil
}

func compare(left, right side, same bool) diffJSON {
	doc := diffJSON{Version: 1, Left: left.title, Right: right.title, Entries: []diffItemJSON{}}
	all := maps.Clone(left.names)
	maps.Copy(all, right.names)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		item := diffItemJSON{Name: name, Status: "different", Left: valueOf(left, name), Right: valueOf(right, name)}
		switch {
		case !left.names[name]:
			item.Status = "added"
		case !right.names[name]:
			item.Status = "removed"
		case left.marks == nil || right.marks == nil:
			item.Status = "unknown"
		case left.marks[name] == right.marks[name]:
			item.Status = "same"
			doc.Same++
		}
		if item.Status == "unknown" || item.Status == "same" && !same {
			continue
		}
		doc.Entries = append(doc.Entries, item)
	}
	return doc
}

func valueOf(s side, name string) *string {
	if value, ok := s.values[name]; ok {
		return &value
	}
	return nil
}

func (a *app) showDiff(doc diffJSON, o diffOptions) error {
	if o.json {
		return writeJSON(a.term.Out, doc)
	}
	words := map[string]string{
		"added": "only in " + doc.Right, "removed": "only in " + doc.Left, "different": "differs", "same": "same value",
	}
	header := []string{"NAME", "WHAT"}
	if o.reveal {
		header = append(header, strings.ToUpper(doc.Left), strings.ToUpper(doc.Right))
	}
	var rows [][]string
	for _, item := range doc.Entries {
		row := []string{item.Name, words[item.Status]}
		if o.reveal {
			row = append(row, orNothing(item.Left), orNothing(item.Right))
		}
		rows = append(rows, row)
	}
	if len(rows) > 0 {
		if err := a.term.Out.Table(header, rows); err != nil {
			return err
		}
	}
	if len(o.between) == 2 && doc.Same > 0 {
		a.note("%s the same value in both (--same lists them)", has(doc.Same))
	} else if len(rows) == 0 {
		a.note("no difference")
	}
	return nil
}

func has(n int) string {
	if n == 1 {
		return "1 secret has"
	}
	return count(n, "secret") + " have"
}

func orNothing(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}
