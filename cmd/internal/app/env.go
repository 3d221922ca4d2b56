package app

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/cmd/internal/project"
	"github.com/secr/secr/policy"
)

func (a *app) envVerb() *cli.Command {
	return verb{
		name: "env", short: "Environments: ls, show, add, set, retire",
		long:    "An environment is a named set of secrets with keys of its own.",
		example: "secr env ls\nsecr env add preview --grant developer=write",
		sub:     []*cli.Command{a.envLsVerb(), a.envShowVerb(), a.envAddVerb(), a.envSetVerb(), a.envRetireVerb()},
	}.command()
}

type envListJSON struct {
	Version      int       `json:"version"`
	Default      string    `json:"default"`
	Environments []envJSON `json:"environments"`
}

type envJSON struct {
	Name          string            `json:"name"`
	Epoch         uint64            `json:"epoch"`
	Mine          string            `json:"mine"`
	Secrets       int               `json:"secrets"`
	Grants        map[string]string `json:"grants"`
	AllowNames    []string          `json:"allow_names"`
	RequireKMS    []string          `json:"require_kms"`
	RequireReason bool              `json:"require_reason"`
	MaxAge        int64             `json:"max_age_seconds"`
	Receipts      string            `json:"receipts"`
	Due           bool              `json:"due"`
	Retired       bool              `json:"retired"`
}

// describeEnvironment needs no key but to know who asks.
func (a *app) describeEnvironment(ctx context.Context, s *session, e policy.Environment) envJSON {
	out := envJSON{
		Name: e.Name, Epoch: e.Epoch, Mine: "unknown", Grants: map[string]string{}, AllowNames: append([]string{}, e.AllowNames...),
		RequireKMS: append([]string{}, e.RequireKMS...), RequireReason: e.RequireReason, MaxAge: e.MaxAge,
		Receipts: string(e.Receipts), Due: e.Due, Retired: e.Retired,
	}
	for _, entry := range s.vault.State().Secrets(e.Name) {
		if !entry.Deleted {
			out.Secrets++
		}
	}
	for _, grant := range s.vault.Policy().EnvironmentRoles(e.Name) {
		out.Grants[grant.Role.Name] = grant.Level.String()
	}
	if me, err := s.vault.Identity(ctx); err == nil {
		out.Mine = s.vault.Policy().Level(me.Member.ID, e.Name).String()
	}
	return out
}

func (a *app) envLsVerb() *cli.Command {
	return verb{
		name: "ls", short: "List the environments", long: "Shows what you may do in each.",
		example: "secr env ls --json",
		flags:   []cli.Flag{&cli.BoolFlag{Name: "all", Usage: "retired ones too"}, jsonFlag()},
		run:     func(c *cli.Context) error { return a.envLs(c.Context, c.Bool("all"), c.Bool("json")) },
	}.command()
}

func (a *app) envLs(ctx context.Context, all, asJSON bool) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	current, err := a.environment(s, "")
	if err != nil {
		return err
	}
	doc := envListJSON{Version: 1, Default: current, Environments: []envJSON{}}
	var rows [][]string
	for _, e := range s.vault.Policy().Environments() {
		if e.Retired && !all {
			continue
		}
		d := a.describeEnvironment(ctx, s, e)
		doc.Environments = append(doc.Environments, d)
		name := e.Name
		if name == current {
			name += " *"
		}
		if e.Retired {
			name += " (retired)"
		}
		rows = append(rows, []string{name, d.Mine, strconv.Itoa(d.Secrets), strings.Join(grantWords(d.Grants), ", ")})
	}
	if asJSON {
		return writeJSON(a.term.Out, doc)
	}
	return a.term.Out.Table([]string{"ENVIRONMENT", "YOU MAY", "SECRETS", "GRANTS"}, rows)
}

func grantWords(grants map[string]string) []string {
	var out []string
	for role, level := range grants {
		out = append(out, role+" "+level)
	}
	slices.Sort(out)
	return out
}

func (a *app) envShowVerb() *cli.Command {
	return verb{
		name: "show", args: "NAME", short: "Show one environment", long: "Shows its grants and settings.",
		example: "secr env show production", flags: []cli.Flag{jsonFlag()}, least: 1, most: 1,
		run: func(c *cli.Context) error { return a.envShow(c.Context, c.Args().First(), c.Bool("json")) },
	}.command()
}

func (a *app) envShow(ctx context.Context, name string, asJSON bool) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	e, ok := s.vault.Policy().Environment(name)
	if !ok {
		return noEnvironment(name)
	}
	d := a.describeEnvironment(ctx, s, e)
	if asJSON {
		return writeJSON(a.term.Out, struct {
			Version int `json:"version"`
			envJSON
		}{1, d})
	}
	age := "any"
	if d.MaxAge != 0 {
		age = (time.Duration(d.MaxAge) * time.Second).String()
	}
	return a.term.Out.Table([]string{"SETTING", "VALUE"}, [][]string{
		{"environment", d.Name}, {"epoch", strconv.FormatUint(d.Epoch, 10)}, {"you may", d.Mine}, {"secrets", strconv.Itoa(d.Secrets)},
		{"grants", strings.Join(grantWords(d.Grants), ", ")}, {"allowed special names", strings.Join(d.AllowNames, ", ")},
		{"reason required", yesNo(d.RequireReason)}, {"receipts", d.Receipts}, {"oldest state allowed", age}, {"retired", yesNo(d.Retired)},
	})
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

func noEnvironment(name string) error {
	return exit.New(exit.NotFound, "no environment %q", name).WithHint("secr env ls")
}

func grantFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "grant", Usage: "ROLE=list, read, write or none, again for several"}
}

func (a *app) envAddVerb() *cli.Command {
	return verb{
		name: "add", args: "NAME", short: "Make an environment",
		long:    "Roles that manage may write in it. Nobody else has any access that --grant doesn't give.",
		example: "secr env add preview --grant developer=write --grant viewer=read",
		flags:   []cli.Flag{grantFlag()}, least: 1, most: 1,
		run: func(c *cli.Context) error {
			return a.envAdd(c.Context, envOptions{name: c.Args().First(), grants: c.StringSlice("grant")})
		},
	}.command()
}

type envOptions struct {
	name            string
	grants          []string
	allow, disallow []string
	reason          *bool
	maxAge          *string
	receipts        string
	requireKMS      []string
	noRequireKMS    bool
	noSync          bool
}

func (a *app) envAdd(ctx context.Context, o envOptions) error {
	if !project.IsName(o.name) {
		return exit.Usagef("%q is no name of an environment: a-z, 0-9 and -, at most 32", o.name)
	}
	grants, err := parseGrants(o.grants)
	if err != nil {
		return err
	}
	return a.changePolicy(ctx, "add environment "+o.name, func(p *policy.Policy) error {
		if _, taken := p.Environment(o.name); taken {
			return exit.New(exit.Conflict, "there is, or was, an environment %q; names are used once", o.name)
		}
		p.PutEnvironment(policy.NewEnvironment(o.name))
		for _, r := range p.ManagingRoles() {
			if _, said := grants[r.Name]; !said {
				setGrant(p, r, o.name, policy.Write)
			}
		}
		return applyGrants(p, o.name, grants)
	})
}

// changePolicy makes one change of policy and says what followed from it.
func (a *app) changePolicy(ctx context.Context, subject string, edit func(*policy.Policy) error) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	d := s.vault.Draft()
	d.EditPolicy(edit)
	if _, err := d.Commit(ctx, subject); err != nil {
		return err
	}
	a.reportTurned(d.Report())
	a.afterWrite(ctx, s, d.Report())
	return nil
}

func parseGrants(texts []string) (map[string]policy.Level, error) {
	out := map[string]policy.Level{}
	for _, text := range texts {
		role, word, ok := strings.Cut(text, "=")
		level, err := policy.ParseLevel(word)
		if word == "none" {
			level, err = policy.None, nil
		}
		if !ok || err != nil || !project.IsName(role) {
			return nil, exit.Usagef("%q is no grant", text).WithHint("--grant developer=read")
		}
		out[role] = level
	}
	return out, nil
}

func applyGrants(p *policy.Policy, environment string, grants map[string]policy.Level) error {
	for name, level := range grants {
		role, ok := p.Role(name)
		if !ok || role.Retired {
			return exit.New(exit.NotFound, "no role %q", name)
		}
		setGrant(p, role, environment, level)
	}
	return nil
}

func setGrant(p *policy.Policy, r policy.Role, environment string, level policy.Level) {
	grants := map[string]policy.Level{}
	for e, l := range r.Grants {
		grants[e] = l
	}
	if level == policy.None {
		delete(grants, environment)
	} else {
		grants[environment] = level
	}
	r.Grants = grants
	p.PutRole(r)
}
