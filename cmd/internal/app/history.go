package app

import (
	"context"
	"errors"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/record"
)

func (a *app) historyVerb() *cli.Command {
	return verb{
		name: "history", args: "[KEY]", short: "Show the versions of a secret, or the changes of an environment",
		long: `With a KEY: every version, the newest first, with who set it and when; also of a
secret that was deleted. Without: the changes that touched the environment, the newest
first; secr log has those of the whole vault.`,
		example: "secr history DATABASE_URL\nsecr history DATABASE_URL --reveal -n 2\nsecr history",
		flags: []cli.Flag{
			envFlag(), limitFlag(), &cli.BoolFlag{Name: "reveal", Usage: "show the values too"}, reasonFlag(), jsonFlag(),
		},
		most: 1,
		run: func(c *cli.Context) error {
			if !c.Args().Present() {
				if c.Bool("reveal") || c.String("reason") != "" {
					return exit.Usagef("--reveal and --reason are for the history of one secret").WithHint("secr history KEY --reveal")
				}
				return a.log(c.Context, logOptions{one: true, env: c.String("env"), limit: c.Int("n"), json: c.Bool("json")})
			}
			return a.history(c.Context, historyOptions{
				env: c.String("env"), name: c.Args().First(), limit: c.Int("n"), reveal: c.Bool("reveal"), reason: c.String("reason"), json: c.Bool("json"),
			})
		},
	}.command()
}

func limitFlag() cli.Flag { return &cli.IntFlag{Name: "n", Usage: "at most that many"} }

type historyOptions struct {
	env, name    string
	limit        int
	reveal, json bool
	reason       string
}

type historyJSON struct {
	Version     int           `json:"version"`
	Environment string        `json:"environment"`
	Name        string        `json:"name"`
	Versions    []versionItem `json:"versions"`
}

type versionItem struct {
	Kind   string `json:"kind"`
	Change uint64 `json:"change"`
	Mark   string `json:"mark,omitempty"` // equal for equal values; says nothing else of them
	secretJSON
}

func (a *app) history(ctx context.Context, o historyOptions) error {
	if err := validNames([]string{o.name}); err != nil {
		return err
	}
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	env, err := a.environment(s, o.env)
	if err != nil {
		return err
	}
	versions, err := s.vault.History(ctx, env, o.name)
	if err != nil {
		return err
	}
	if o.limit > 0 && len(versions) > o.limit {
		versions = versions[:o.limit]
	}
	values := make([]*vault.Value, len(versions))
	if o.reveal {
		if values, err = a.revealVersions(ctx, s, env, versions, o); err != nil {
			return err
		}
	}
	marks, err := versionMarks(ctx, s, env, o.name)
	if err != nil {
		return err
	}
	if o.json {
		return writeJSON(a.term.Out, historyDocument(env, o.name, versions, values, marks))
	}
	return a.historyTable(versions, values, marks, o.reveal)
}

// revealVersions gives the value of every version that has one of its own.
func (a *app) revealVersions(ctx context.Context, s *session, env string, versions []vault.Version, o historyOptions) ([]*vault.Value, error) {
	out := make([]*vault.Value, len(versions))
	for i, v := range versions {
		if v.Deleted {
			continue
		}
		found, err := a.reveal(ctx, s, vault.Request{
			Environment: env, Names: []string{o.name}, Version: v.Version, Action: "history", Reason: o.reason,
		})
		if err != nil {
			return nil, err
		}
		if len(found) != 1 {
			return nil, errors.New("a version gave no value")
		}
		out[i] = &found[0]
	}
	return out, nil
}

// versionMarks is the marks of a secret's versions, none for who may only list.
func versionMarks(ctx context.Context, s *session, env, name string) (map[uint64]vault.Mark, error) {
	marks, err := s.vault.VersionMarks(ctx, env, name)
	var denied *vault.DeniedError
	if errors.As(err, &denied) {
		return nil, nil
	}
	return marks, err
}

func historyDocument(env, name string, versions []vault.Version, values []*vault.Value, marks map[uint64]vault.Mark) historyJSON {
	out := historyJSON{Version: 1, Environment: env, Name: name, Versions: []versionItem{}}
	for i, v := range versions {
		item := versionItem{Kind: string(v.Kind), Change: v.Seq, Mark: marks[v.Version].Short(), secretJSON: describe(v.Entry)}
		if values[i] != nil {
			item.secretJSON = describeValue(*values[i])
		}
		out.Versions = append(out.Versions, item)
	}
	return out
}

func (a *app) historyTable(versions []vault.Version, values []*vault.Value, marks map[uint64]vault.Mark, reveal bool) error {
	header := []string{"VERSION", "WHAT", "WHEN", "BY", "FROM", "CHANGE", "VALUE"}
	header = append(header, "NOTE")
	var rows [][]string
	for i, v := range versions {
		what := map[record.Kind]string{record.Set: "set", record.Relabel: "label", record.Delete: "deleted"}[v.Kind]
		text := masked(marks[v.Version])
		if reveal {
			text = ""
			if values[i] != nil {
				text = string(values[i].Secret.Reveal())
			}
		}
		rows = append(rows, []string{strconv.FormatUint(v.Version, 10), what, a.ago(v.Time), v.By, v.From, strconv.FormatUint(v.Seq, 10), text, v.Label.Note})
	}
	return a.term.Out.Table(header, rows)
}

func (a *app) logVerb() *cli.Command {
	return verb{
		name: "log", short: "Show the vault's changes",
		long:    `Every change, the newest first: its number, when, who signed it, and what it was for.`,
		example: "secr log -n 10\nsecr log --json",
		flags:   []cli.Flag{limitFlag(), jsonFlag()},
		run: func(c *cli.Context) error {
			return a.log(c.Context, logOptions{limit: c.Int("n"), json: c.Bool("json")})
		},
	}.command()
}

type logOptions struct {
	one   bool   // only changes that touched one environment
	env   string // that one; empty is the one that is meant if none is named
	limit int
	json  bool
}

type logJSON struct {
	Version int          `json:"version"`
	Vault   string       `json:"vault"`
	Changes []changeJSON `json:"changes"`
}

type changeJSON struct {
	Number  uint64 `json:"number"`
	Commit  string `json:"commit"`
	Time    string `json:"time"`
	By      string `json:"by"`
	Device  string `json:"device"`
	Subject string `json:"subject"`
	unix    int64
}

func (a *app) loggedChanges(ctx context.Context, s *session, o logOptions) ([]changeJSON, error) {
	if !o.one {
		return readLog(ctx, s.vault, o.limit)
	}
	env, err := a.environment(s, o.env)
	if err != nil {
		return nil, err
	}
	return readLogOf(ctx, s.vault, env, o.limit)
}

func (a *app) log(ctx context.Context, o logOptions) error {
	if o.limit < 0 {
		return exit.Usagef("-n is a number of changes")
	}
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	changes, err := a.loggedChanges(ctx, s, o)
	if err != nil {
		return err
	}
	if o.json {
		return writeJSON(a.term.Out, logJSON{Version: 1, Vault: s.vault.ID(), Changes: changes})
	}
	var rows [][]string
	for _, c := range changes {
		rows = append(rows, changeRow(a, c))
	}
	return a.term.Out.Table([]string{"CHANGE", "WHEN", "BY", "WHAT"}, rows)
}
