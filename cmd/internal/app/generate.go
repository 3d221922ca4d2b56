package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"math/big"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/exit"
	"github.com/secr/secr/keys"
)

func (a *app) generateVerb() *cli.Command {
	return verb{
		name: "generate", args: "[KEY]", short: "Make a random value",
		long: `With a KEY, the value is kept and not shown. Without, it is printed. 32 characters
of letters and digits have 190 bits.`,
		example: "secr generate SESSION_SECRET\nsecr generate --alphabet hex --length 64",
		flags: []cli.Flag{
			envFlag(), &cli.IntFlag{Name: "length", Value: 32, Usage: "characters, 8 to 4096"},
			&cli.StringFlag{Name: "alphabet", Value: "alnum", Usage: "alnum, hex, base64url or ascii"},
			&cli.StringFlag{Name: "note", Usage: "a line for colleagues"},
			&cli.StringFlag{Name: "expires", Usage: "a date (2027-05-01), a time from now (90d) or never"},
			&cli.StringSliceFlag{Name: "tag", Usage: "a tag, again for several"},
			jsonFlag(),
		},
		most: 1,
		run: func(c *cli.Context) error {
			meta, err := a.meta(c)
			if err != nil {
				return err
			}
			return a.generate(c.Context, generateOptions{
				set:    setOptions{env: c.String("env"), json: c.Bool("json"), meta: meta},
				name:   c.Args().First(),
				length: c.Int("length"), alphabet: c.String("alphabet"),
			})
		},
	}.command()
}

type generateOptions struct {
	set      setOptions
	name     string
	length   int
	alphabet string
}

func alphabet(name string) string {
	const alnum = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	switch name {
	case "alnum":
		return alnum
	case "hex":
		return "0123456789abcdef"
	case "base64url":
		return alnum + "-_"
	case "ascii":
		return alnum + "!#%&()*+,-./:;<=>?@[]^_{|}~"
	}
	return ""
}

func (a *app) generate(ctx context.Context, o generateOptions) error {
	letters := alphabet(o.alphabet)
	if letters == "" {
		return exit.Usagef("there is no alphabet %q", o.alphabet).WithHint("alnum, hex, base64url or ascii")
	}
	if o.length < 8 || o.length > 4096 {
		return exit.Usagef("--length is 8 to 4096")
	}
	value, err := randomText(letters, o.length)
	if err != nil {
		return err
	}
	if o.name == "" {
		_, err := fmt.Fprintf(a.term.Out, "%s\n", value)
		return err
	}
	s, env, err := a.openTo(ctx, o.set.env, []string{o.name})
	if err != nil {
		return err
	}
	defer s.vault.Close()
	return a.commitSet(ctx, s, env, o.set, []assignment{{o.name, keys.NewSecret(value)}})
}

// randomText draws characters without bias.
func randomText(letters string, length int) ([]byte, error) {
	out := make([]byte, length)
	for i := range out {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(letters))))
		if err != nil {
			return nil, err
		}
		out[i] = letters[n.Int64()]
	}
	return out, nil
}
