// Command secr keeps a team's secrets, encrypted, in a Git repository that
// nobody has to trust.
package main

import (
	"context"
	"os"

	"github.com/secr/secr/cmd/internal/app"
	"github.com/secr/secr/cmd/internal/child"
	"github.com/secr/secr/cmd/internal/system"
)

func main() {
	child.MakeRoom()
	os.Exit(app.Run(context.Background(), os.Args, system.OS()))
}
