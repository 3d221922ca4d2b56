package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/secr/secr/audit"
	"github.com/secr/secr/sync/joining"
	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/vault/local"
)

// slowSurvey is how long one survey of a remote's refs may take. A host with very many
// refs sends them all; it is remembered, and asked for each branch by itself.
const slowSurvey = 2 * time.Second

// slowFor is how long that is remembered: the network may have been slow just then.
const slowFor = 7 * 24 * time.Hour

// survey asks a remote once for all that a sync wants to know: the vault's branch, the
// receipts', who asks to join. Most often nothing has changed, and this was all.
func (a *app) survey(ctx context.Context, s *session, w way) way {
	sum := sha256.Sum256([]byte(local.RemoteName(w.address())))
	mark := filepath.Join(s.vault.Local().State(), "many-refs-"+hex.EncodeToString(sum[:8]))
	if info, err := os.Lstat(mark); err == nil && a.sys.Now().Sub(info.ModTime()) < slowFor {
		return w
	}
	asked := []string{s.branch(), audit.BranchBeside(s.branch()), joining.Folder}
	begin := a.sys.Now()
	refs, err := a.transport(w).List(ctx, remote.List{URL: w.url, Refs: asked})
	if err != nil {
		return w // the fetch will say what is wrong
	}
	if a.sys.Now().Sub(begin) > slowSurvey {
		_ = local.WriteFile(mark, nil) // without the mark it is slow once more
	}
	w.seen = &seen{refs: refs, asked: asked}
	return w
}

// seen is what a survey found. Each answer is given once: whoever asks again, because
// somebody was faster, asks the remote.
type seen struct {
	mu    sync.Mutex
	refs  map[string]remote.Hash
	asked []string
}

// take answers for one ref, or for all under a folder, and forgets it.
func (s *seen) take(ref string) (map[string]remote.Hash, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := slices.Index(s.asked, ref)
	if at < 0 {
		return nil, false
	}
	s.asked = slices.Delete(s.asked, at, at+1)
	out := map[string]remote.Hash{}
	for name, tip := range s.refs {
		if name == ref || strings.HasSuffix(ref, "/") && strings.HasPrefix(name, ref) {
			out[name] = tip
		}
	}
	return out, true
}

// surveyed is a transport that knows what a survey has found.
type surveyed struct {
	remote.Transport
	seen *seen
}

// List answers from the survey where it asked just that.
func (l surveyed) List(ctx context.Context, q remote.List) (map[string]remote.Hash, error) {
	if len(q.Refs) == 1 {
		if refs, ok := l.seen.take(q.Refs[0]); ok {
			return refs, nil
		}
	}
	return l.Transport.List(ctx, q)
}

// Glance is what the survey saw of a branch.
func (l surveyed) Glance(ref string) (tip remote.Hash, known bool) {
	refs, known := l.seen.take(ref)
	return refs[ref], known
}
