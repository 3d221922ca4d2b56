package app

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"
)

func (a *app) textconvVerb() *cli.Command {
	return verb{
		name: "textconv", args: "FILE", short: "Show a record of the vault as text, for git",
		long: `What secr git diff, log -p and show use to show a secret's record: its header, its
name and note as far as you may see them, and a mark instead of the value. No value
is ever shown.`,
		example: "secr git log -p -- secrets/production  # runs secr textconv FILE", least: 1, most: 1,
		run: func(c *cli.Context) error { return a.textconv(c.Context, c.Args().First()) },
	}.command()
}

// maxRecord bounds what textconv reads: more than any record has.
const maxRecord = 4 << 20

func (a *app) textconv(ctx context.Context, path string) error {
	f, err := openInput(path)
	if err != nil {
		return err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxRecord))
	f.Close()
	if err != nil {
		return err
	}
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	found, err := s.vault.Identify(ctx, data)
	if err != nil { // git shows what it is given: the header says something without any key
		header, _, _ := strings.Cut(string(data), "\n\n")
		_, err = fmt.Fprintf(a.term.Out, "%s\n(can't be shown: %s)\n", header, err)
		return err
	}
	e := found.Entry
	lines := [][2]string{
		{"secret", e.Environment + "/" + e.Label.Name}, {"state", string(found.Header.State)}, {"version", fmt.Sprint(e.Version)},
		{"by", e.By}, {"note", e.Label.Note}, {"tags", strings.Join(e.Label.Tags, " ")}, {"expires", day(e.Label.Expires)}, {"value", masked(found.Mark)},
	}
	for _, l := range lines {
		if l[1] == "" {
			continue
		}
		if _, err := fmt.Fprintf(a.term.Out, "%s: %s\n", l[0], l[1]); err != nil {
			return err
		}
	}
	return nil
}
