package app

import (
	"context"
	"encoding/base64"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/record"
)

func (a *app) getVerb() *cli.Command {
	return verb{
		name: "get", args: "KEY", short: "Print one value",
		long: `Prints the value's exact bytes, and a newline only on a terminal. --version prints
an earlier one.`,
		example: `secr get DATABASE_URL
secr get TLS_KEY --env production > key.pem
secr get API_KEY --version 3`,
		flags: []cli.Flag{
			envFlag(), &cli.Uint64Flag{Name: "version", Usage: "an earlier `number`; secr history KEY lists them"},
			atFlag(), reasonFlag(), jsonFlag(),
		},
		filled: []string{"at"}, least: 1, most: 1,
		run: func(c *cli.Context) error {
			o := getOptions{env: c.String("env"), name: c.Args().First(), at: c.String("at"), reason: c.String("reason"), json: c.Bool("json")}
			if c.IsSet("version") {
				n := c.Uint64("version")
				o.version = &n
			}
			return a.get(c.Context, o)
		},
	}.command()
}

func reasonFlag() cli.Flag {
	return &cli.StringFlag{Name: "reason", Usage: "why, for the receipt; some environments ask for it"}
}

type getOptions struct {
	env, name string
	version   *uint64 // nil is the current one
	at        string
	reason    string
	json      bool
}

type getJSON struct {
	Version     int    `json:"version"`
	Environment string `json:"environment"`
	secretJSON
}

// secretJSON is a secret with its value: as text, or as base64 when it is not.
type secretJSON struct {
	Name    string   `json:"name"`
	Kind    string   `json:"kind"`
	Number  uint64   `json:"secret_version"`
	Updated string   `json:"updated"`
	By      string   `json:"by"`
	Note    string   `json:"note"`
	Expires string   `json:"expires"`
	Tags    []string `json:"tags"`
	Value   *string  `json:"value,omitempty"`
	Base64  *string  `json:"value_base64,omitempty"`
}

func describe(e vault.Entry) secretJSON {
	kind := "variable"
	if e.Label.Kind == record.File {
		kind = "file"
	}
	tags := e.Label.Tags
	if tags == nil {
		tags = []string{}
	}
	return secretJSON{
		Name: e.Label.Name, Kind: kind, Number: e.Version, Updated: stamp(e.Time), By: e.By,
		Note: e.Label.Note, Expires: stamp(e.Label.Expires), Tags: tags,
	}
}

func describeValue(v vault.Value) secretJSON {
	out := describe(v.Entry)
	text := string(v.Secret.Reveal())
	if utf8.ValidString(text) {
		out.Value = &text
		return out
	}
	encoded := base64.StdEncoding.EncodeToString([]byte(text))
	out.Base64 = &encoded
	return out
}

func (a *app) get(ctx context.Context, o getOptions) error {
	if err := validNames([]string{o.name}); err != nil {
		return err
	}
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.vault.Close()
	if err := a.look(ctx, s, o.at); err != nil {
		return err
	}
	env, err := a.environment(s, o.env)
	if err != nil {
		return err
	}
	request := vault.Request{Environment: env, Names: []string{o.name}, Action: "get", Reason: o.reason}
	if o.version != nil {
		if *o.version == 0 {
			return noVersionZero(env, o.name)
		}
		request.Version = *o.version
	}
	values, err := a.reveal(ctx, s, request)
	if err != nil {
		return err
	}
	if len(values) != 1 {
		return exit.New(exit.NotFound, "no secret %s in %s", o.name, env)
	}
	v := values[0]
	defer v.Secret.Wipe()
	if o.version == nil {
		a.refreshSnapshot(ctx, s, env)
	}
	if o.json {
		return writeJSON(a.term.Out, getJSON{Version: 1, Environment: env, secretJSON: describeValue(v)})
	}
	return a.printValue(v.Secret.Reveal())
}

// printValue writes exact bytes, and a newline where a person looks.
func (a *app) printValue(value []byte) error {
	if _, err := a.term.Out.Write(value); err != nil {
		return err
	}
	if !a.term.Out.Terminal() {
		return nil
	}
	_, err := a.term.Out.Write([]byte("\n"))
	return err
}
