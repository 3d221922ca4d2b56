package app

import (
	"context"
	"errors"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/cmd/internal/export"
	"github.com/secr/secr/vault"
)

func (a *app) exportVerb() *cli.Command {
	return verb{
		name: "export", short: "Print values for other programs",
		long: `Formats: ` + strings.Join(export.Formats(), ", ") + `. What a format can't hold exactly is an error
that names the secret. Special names that the environment doesn't allow are refused, as
by run, in dotenv, shell, docker and github. In a GitHub job, github also masks the values in the log.
The output is plain text: secr run needs none.`,
		example: `secr export --format json
eval "$(secr export --format shell)"
secr export --format k8s --name app --env production | kubectl apply -f -
secr export --format github >> "$GITHUB_ENV"`,
		flags: []cli.Flag{
			envFlag(), &cli.StringFlag{Name: "format", Value: "dotenv", Usage: strings.Join(export.Formats(), ", ")},
			&cli.StringFlag{Name: "name", Usage: "the name of the Kubernetes secret"},
			&cli.StringSliceFlag{Name: "only", Usage: "a KEY to export, again for several"},
			reasonFlag(),
		},
		run: func(c *cli.Context) error {
			return a.export(c.Context, exportOptions{
				env: c.String("env"), only: c.StringSlice("only"), reason: c.String("reason"),
				format: export.Options{Format: c.String("format"), Object: c.String("name")},
			})
		},
	}.command()
}

type exportOptions struct {
	env    string
	format export.Options
	only   []string
	reason string
}

func (a *app) export(ctx context.Context, o exportOptions) error {
	// Mistakes are found before a value is read and a receipt written.
	if _, err := export.Write(o.format, nil); err != nil {
		return exit.Usagef("%s", err)
	}
	if err := validNames(o.only); err != nil {
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
	values, err := a.reveal(ctx, s, vault.Request{Environment: env, Names: once(o.only), Action: "export", Reason: o.reason})
	if err != nil {
		return err
	}
	variables := make([]export.Variable, len(values))
	for i, v := range values {
		if export.Injects(o.format.Format) && s.bars(env, v.Label.Name) {
			return exit.New(exit.Denied, "%s is a special name: it would run code or redirect traffic where this is read", v.Label.Name).
				WithHint("secr export --only names others; secr env set %s --allow %s lets it in", env, v.Label.Name)
		}
		variables[i] = export.Variable{Name: v.Label.Name, Value: v.Secret.Reveal()}
	}
	doc, err := export.Write(o.format, variables)
	var lost *export.ValueError
	if errors.As(err, &lost) {
		return exit.New(exit.Failed, "%s", err).WithHint("export the others with --only, or another --format")
	}
	if err != nil {
		return err
	}
	if o.format.Format == "github" && a.sys.Getenv("GITHUB_ACTIONS") == "true" {
		a.term.Err.Write(export.Masks(variables))
	}
	_, err = a.term.Out.Write(doc)
	return err
}
