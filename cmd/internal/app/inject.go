package app

import (
	"bytes"
	"context"
	"io"
	"regexp"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/vault"
)

func (a *app) injectVerb() *cli.Command {
	return verb{
		name: "inject", args: "[FILE]", short: "Fill a template with values",
		long: `Reads a template from FILE or standard input and prints it with each {{ secr KEY }}
replaced by that secret's exact value; {{ secr ENV/KEY }} names another environment.
Nothing else in it has a meaning. A KEY that is not there is an error, and then nothing
is printed.`,
		example: "secr inject config.template.yaml | kubectl apply -f -\nsecr inject < nginx.template > /run/nginx.conf",
		flags:   []cli.Flag{envFlag(), reasonFlag()}, most: 1,
		run: func(c *cli.Context) error {
			return a.inject(c.Context, injectOptions{env: c.String("env"), file: c.Args().First(), reason: c.String("reason")})
		},
	}.command()
}

type injectOptions struct{ env, file, reason string }

// maxTemplate is more than any template has.
const maxTemplate = 16 << 20

// placeholders are what inject replaces.
func placeholders() *regexp.Regexp {
	return regexp.MustCompile(`\{\{\s*secr\s+(?:([a-z0-9][a-z0-9-]{0,31})/)?([A-Za-z_][A-Za-z0-9_]{0,127})\s*\}\}`)
}

func (a *app) inject(ctx context.Context, o injectOptions) error {
	template, err := a.readTemplate(o.file)
	if err != nil {
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
	values, err := a.templateValues(ctx, s, env, template, o.reason)
	if err != nil {
		return err
	}
	out := placeholders().ReplaceAllFunc(template, func(found []byte) []byte {
		return values[reference(found, env)]
	})
	_, err = a.term.Out.Write(out)
	return err
}

func (a *app) readTemplate(file string) ([]byte, error) {
	in := io.Reader(a.sys.Stdin)
	if file != "" {
		f, err := openInput(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxTemplate+1))
	if err == nil && len(data) > maxTemplate {
		err = exit.New(exit.Failed, "the template is larger than %d bytes", maxTemplate)
	}
	return data, err
}

// reference is the environment and name of a placeholder.
func reference(found []byte, env string) [2]string {
	m := placeholders().FindSubmatch(found)
	if len(m[1]) > 0 {
		env = string(m[1])
	}
	return [2]string{env, string(m[2])}
}

// templateValues reads what a template names, one reading an environment.
func (a *app) templateValues(ctx context.Context, s *session, env string, template []byte, reason string) (map[[2]string][]byte, error) {
	wanted := map[string][]string{}
	for _, found := range placeholders().FindAll(template, -1) {
		r := reference(found, env)
		if !slices.Contains(wanted[r[0]], r[1]) {
			wanted[r[0]] = append(wanted[r[0]], r[1])
		}
	}
	out := map[[2]string][]byte{}
	for env, names := range wanted {
		values, err := a.reveal(ctx, s, vault.Request{Environment: env, Names: names, Action: "inject", Reason: reason})
		if err != nil {
			return nil, err
		}
		for _, v := range values {
			out[[2]string{env, v.Label.Name}] = bytes.Clone(v.Secret.Reveal())
		}
	}
	return out, nil
}
