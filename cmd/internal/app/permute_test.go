package app

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"
)

func TestFlagsMayStandAnywhere(t *testing.T) {
	env := &cli.StringFlag{Name: "env", Aliases: []string{"e"}}
	yes := &cli.BoolFlag{Name: "yes"}
	root := &cli.Command{
		Flags: []cli.Flag{&cli.BoolFlag{Name: "version"}},
		Subcommands: []*cli.Command{
			{Name: "set", Flags: []cli.Flag{env, yes, &cli.StringSliceFlag{Name: "tag"}}},
			{Name: "run", Flags: []cli.Flag{env, yes}},
			{Name: "get"},
			{Name: "env", Subcommands: []*cli.Command{{Name: "add", Flags: []cli.Flag{yes, env}}}},
		},
	}
	for given, want := range map[string]string{
		"secr":                              "secr",
		"secr --version":                    "secr --version",
		"secr set A":                        "secr set -- A",
		"secr set A --env x B":              "secr set --env x -- A B",
		"secr set A -e x --yes B":           "secr set -e x --yes -- A B",
		"secr set A --env=x":                "secr set --env=x -- A",
		"secr set A --env":                  "secr set --env -- A",
		"secr set --tag a,b --tag c A":      "secr set --tag a,b --tag c -- A",
		"secr set -- A --env x":             "secr set -- A --env x",
		"secr set A -- --yes":               "secr set -- A --yes",
		"secr set -":                        "secr set -- -",
		"secr set --unknown A --env x":      "secr set --unknown --env x -- A",
		"secr run npm start --env y":        "secr run -- npm start --env y",
		"secr run --env x -- npm --yes":     "secr run --env x -- npm --yes",
		"secr run --env x sh -c a -- b":     "secr run --env x -- sh -c a -- b",
		"secr run -- sh -c a -- b":          "secr run -- sh -c a -- b",
		"secr env":                          "secr env",
		"secr env add x --yes":              "secr env add --yes -- x",
		"secr env nothing x --yes":          "secr env nothing x --yes",
		"secr nothing --env x":              "secr nothing --env x",
		"secr env add --env -- x":           "secr env add --env -- -- x",
		"secr --version set A --env x":      "secr --version set --env x -- A",
		"secr set A --env x --help":         "secr set --help",
		"secr help":                         "secr --help",
		"secr help set":                     "secr set --help",
		"secr help env add":                 "secr env add --help",
		"secr run -h npm":                   "secr run --help",
		"secr run npm -h":                   "secr run -- npm -h",
		"secr get help":                     "secr get -- help",
		"secr set A --tag":                  "secr set --tag -- A",
		"secr set A=--env --env --yes":      "secr set --env --yes -- A=--env",
		"secr run --yes":                    "secr run --yes",
		"secr run --env x":                  "secr run --env x",
		"secr set --yes=false A --env -- B": "secr set --yes=false --env -- -- A B",
	} {
		got := strings.Join(permute(root, strings.Fields(given)), " ")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", given, diff)
		}
	}
}
