// Package fast is the short way to `run` and `get`: when this machine has a
// fresh snapshot and the login session remembers its key, no repository is
// opened, no age file read and no command-line library built. Whatever it is
// not sure about, it leaves to the long way, which then finds the right words:
// this package prints no error of its own.
//
// It imports only what that needs. A test of the project's gates holds the set.
package fast

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/secr/secr/audit/receipt"
	"github.com/secr/secr/cmd/internal/project"
	"github.com/secr/secr/cmd/internal/special"
	"github.com/secr/secr/cmd/internal/system"
	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/session"
	"github.com/secr/secr/vault/local"
	"github.com/secr/secr/vault/snapshot"
)

// Run does what args say, if it can. When it returns false, nothing has
// happened that anybody could notice; when true, the exit code is code, or the
// one of err.
func Run(ctx context.Context, args []string, sys system.System) (code int, done bool, err error) {
	o, ok := parse(args)
	if !ok {
		return 0, false, nil
	}
	p, ok := locate(sys, o)
	if !ok {
		return 0, false, nil
	}
	if o.verb == "get" {
		done, err := p.get(ctx, o)
		return 0, done, err
	}
	return p.run(ctx, o)
}

// Names lists the names of an environment, for a completion; the empty word is
// the environment that a command without a flag would take.
func Names(sys system.System, environment string) ([]string, bool) {
	p, ok := locate(sys, options{verb: "ls", environment: environment})
	if !ok {
		return nil, false
	}
	out := make([]string, p.snapshot.Len())
	for i := range out {
		out[i], _ = p.snapshot.Name(i)
	}
	return out, true
}

// place is a project, as far as the short way needs it, and its open snapshot.
type place struct {
	sys         system.System
	vault       local.Vault
	environment string
	ordinary    bool // the environment is the project's default
	snapshot    *snapshot.Snapshot
	keys        Keys
	refresh     time.Duration
}

// locate finds project, link, head and snapshot.
func locate(sys system.System, o options) (place, bool) {
	home, err := local.NewHome(sys.Getenv, sys.Home)
	if err != nil {
		return place{}, false
	}
	p, err := project.Find(sys.Folder)
	if err != nil {
		return place{}, false
	}
	chosen, ok := readSettings(home)
	if !ok {
		return place{}, false
	}
	out := place{sys: sys, refresh: chosen.refresh}
	if out.keys, ok = unlock(sys, home, p, chosen); !ok {
		return place{}, false
	}
	out.environment = project.Choose(o.environment, sys.Getenv("SECR_ENV"), chosen.environment, p.Default())
	out.ordinary = out.environment == p.Default()
	if out.vault, err = home.Vault(p.Vault); err != nil || !project.IsName(out.environment) {
		return place{}, false
	}
	head, err := out.vault.ReadHead()
	if err != nil || !above(head, p.Floor, out.vault) {
		return place{}, false
	}
	at := snapshot.Place{Vault: p.Vault, Environment: out.environment, Seq: head.Seq, Sum: head.Sum}
	out.snapshot, err = snapshot.Open(snapshot.Path(out.vault.Cache(), out.environment), out.keys.Snapshots, at)
	return out, err == nil && out.allowed(o)
}

// above says whether the head is known to descend from the project's floor:
// it is the floor, or the long way has found the floor below this machine's
// head and remembered that.
func above(head local.Head, floor local.Floor, v local.Vault) bool {
	if floor.Seq == 0 || floor == (local.Floor{Seq: head.Seq, Sum: head.Sum}) {
		return true
	}
	known, err := v.Floors()
	return err == nil && floor.Seq < head.Seq && slices.Contains(known, floor)
}

// allowed says whether policy leaves nothing to ask or to refuse.
func (p place) allowed(o options) bool {
	s := p.snapshot.Settings()
	if s.RequireReason {
		return false
	}
	if s.MaxAge > 0 && p.sys.Now().Unix()-s.Time > s.MaxAge {
		return false
	}
	if o.verb != "run" {
		return true
	}
	for i := range p.snapshot.Len() {
		name, variable := p.snapshot.Name(i)
		if !o.wants(name) {
			continue
		}
		if !variable || special.Name(name, foldsCase) && !slices.Contains(s.AllowNames, name) {
			return false
		}
	}
	return true
}

// Keys are what the login session remembers of an identity: enough to open
// its snapshots and to write its receipts, and not the seed.
type Keys struct {
	Snapshots keys.Key
	Receipts  keys.Key
}

// unlock finds the identity that the project's folder is linked to.
func unlock(sys system.System, home local.Home, p project.Project, s settings) (Keys, bool) {
	if token := sys.Getenv("SECR_TOKEN"); token != "" {
		seed, err := keys.ParseToken(token)
		if err != nil {
			return Keys{}, false
		}
		return Of(seed), true
	}
	if sys.Getenv("SECR_TOKEN_FILE") != "" || sys.Getenv("SECR_TOKEN_FD") != "" || sys.Session == 0 || !s.sessionCache {
		return Keys{}, false
	}
	link, err := home.FindLink(p.Folder)
	if err != nil || link.Vault != p.Vault || link.Profile == "" {
		return Keys{}, false
	}
	if other := sys.Getenv("SECR_IDENTITY"); other != "" && other != link.Profile {
		return Keys{}, false
	}
	return Recall(home, link.Profile)
}

// Of derives the keys from a seed.
func Of(seed keys.Seed) Keys {
	return Keys{Snapshots: snapshot.Root(seed), Receipts: receipt.Root(seed)}
}

// Remember keeps an identity's keys in the login session. That it can't is no
// error: the next command asks again.
func Remember(home local.Home, profile string, k Keys, life time.Duration) {
	data := append(make([]byte, 0, 2*keys.Size), k.Snapshots.Reveal()...)
	data = append(data, k.Receipts.Reveal()...)
	defer clear(data)
	_ = session.Put(sessionName(home, profile), data, life)
}

// Recall gives what was remembered.
func Recall(home local.Home, profile string) (Keys, bool) {
	data, err := session.Get(sessionName(home, profile))
	if err != nil {
		return Keys{}, false
	}
	defer clear(data)
	if len(data) != 2*keys.Size {
		return Keys{}, false
	}
	var k Keys
	k.Snapshots, err = keys.KeyFromBytes(data[:keys.Size])
	if err == nil {
		k.Receipts, err = keys.KeyFromBytes(data[keys.Size:])
	}
	return k, err == nil
}

// Forget takes it away.
func Forget(home local.Home, profile string) error { return session.Delete(sessionName(home, profile)) }

// sessionName tells homes and profiles apart. A key that an identity's
// successor finds opens nothing, and the long way replaces it.
func sessionName(home local.Home, profile string) string {
	sum := sha256.Sum256([]byte(filepath.Join(home.Config, profile)))
	return "keys:" + hex.EncodeToString(sum[:16])
}

// get prints one value, where no person looks: a terminal gets a newline, and
// its owner has the time for the long way.
func (p place) get(ctx context.Context, o options) (done bool, err error) {
	if looksTerminal(p.sys.Stdout) {
		return false, nil
	}
	_, value, err := p.snapshot.Value(p.witness(ctx, o), o.names[0])
	if err != nil {
		return false, nil
	}
	defer value.Wipe()
	_, err = p.sys.Stdout.Write(value.Reveal())
	return true, err
}

// looksTerminal says yes when in doubt.
func looksTerminal(f *os.File) bool {
	info, err := f.Stat()
	if err != nil {
		return true
	}
	if info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}
