package remotetest

import (
	"context"

	"github.com/secr/secr/sync/remote"
)

// Glancing is a transport that has looked already, perhaps long ago, and says so once.
type Glancing struct {
	remote.Transport
	Tip     remote.Hash // where it saw the branch
	Fetches int
	said    bool
}

// Glance is what [remote.Glance] asks for.
func (g *Glancing) Glance(string) (remote.Hash, bool) {
	first := !g.said
	g.said = true
	return g.Tip, first
}

// Fetch counts.
func (g *Glancing) Fetch(ctx context.Context, f remote.Fetch) (remote.Hash, error) {
	g.Fetches++
	return g.Transport.Fetch(ctx, f)
}
