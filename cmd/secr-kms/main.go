// Command secr-kms makes secr's calls to cloud keys: it reads one request on stdin
// and writes the answer to stdout. Only secr starts it; see docs/spec/kms.md.
package main

import (
	"context"
	"os"
	"os/signal"

	"github.com/secr/secr/cmd/internal/build"
	"github.com/secr/secr/cmd/internal/kmshelper"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(kmshelper.Run(ctx, os.Stdin, os.Stdout, os.Stderr, build.Version()))
}
