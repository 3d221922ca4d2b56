package app

import (
	"fmt"
	"runtime"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/build"
)

// version is what the build says of itself.
func version() string { return build.Version() }

func (a *app) versionVerb() *cli.Command {
	return verb{
		name: "version", short: "Show which secr this is",
		long:    "Prints the version, the format of vaults that it writes, and what it was built with.",
		example: "secr version --json",
		flags:   []cli.Flag{jsonFlag()},
		run:     func(c *cli.Context) error { return a.version(versionOptions{json: c.Bool("json")}) },
	}.command()
}

type versionOptions struct{ json bool }

type versionJSON struct {
	Version  int    `json:"version"`
	Secr     string `json:"secr"`
	Format   int    `json:"format"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func (a *app) version(o versionOptions) error {
	v := versionJSON{Version: 1, Secr: version(), Format: 1, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if o.json {
		return writeJSON(a.term.Out, v)
	}
	_, err := fmt.Fprintf(a.term.Out, "secr %s, format %d, %s %s\n", v.Secr, v.Format, v.Go, v.Platform)
	return err
}
