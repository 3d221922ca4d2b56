package chaintest

import (
	"encoding/binary"
	"strings"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/wrap"
	"github.com/secr/secr/policy"
)

// FoundingPolicy is ana as the only member, the default roles and environments, with new
// keys.
func (w *World) FoundingPolicy() *policy.Policy {
	w.t.Helper()
	fresh := policy.Fresh{Audit: w.NewRecipient(), Roles: map[string]string{}, Environments: map[string]policy.Commitments{}}
	for _, r := range policy.DefaultRoles() {
		fresh.Roles[r.Name] = w.NewRecipient()
	}
	for _, e := range policy.DefaultEnvironments() {
		fresh.Environments[e.Name] = w.newEnvironment(e)
	}
	p, err := policy.Default(policy.Founder(w.Founding, policy.About{Handle: "ana", Device: "laptop"}), fresh)
	w.must(err)
	return p
}

// FoundingDraft is the first change of a vault with this policy.
func (w *World) FoundingDraft(p *policy.Policy) *Draft {
	w.t.Helper()
	d := &Draft{By: w.Ana, Files: p.Files()}
	d.Files[policy.FoundingPath] = w.foundingFile()
	w.turn(d, nil, p)
	return d
}

// Edit is an honest change of policy: it turns what must turn, wraps every new key, and
// seals every secret of a turned environment again. Keys named in also turn too.
func (w *World) Edit(by *Actor, edit func(*policy.Policy), also ...policy.KeyRef) *Draft {
	w.t.Helper()
	return w.EditTurning(by, edit, func(policy.KeyRef) bool { return true }, also...)
}

// EditTurning is Edit, but of the keys that must turn only those do that turn picks.
func (w *World) EditTurning(by *Actor, edit func(*policy.Policy), turn func(policy.KeyRef) bool, also ...policy.KeyRef) *Draft {
	w.t.Helper()
	d, err := w.tryEdit(by, edit, turn, also)
	w.must(err)
	return d
}

// TryEdit is Edit of what may make no valid policy.
func (w *World) TryEdit(by *Actor, edit func(*policy.Policy), also ...policy.KeyRef) (*Draft, error) {
	w.t.Helper()
	return w.tryEdit(by, edit, func(policy.KeyRef) bool { return true }, also)
}

func (w *World) tryEdit(by *Actor, edit func(*policy.Policy), turn func(policy.KeyRef) bool, also []policy.KeyRef) (*Draft, error) {
	w.t.Helper()
	d := w.Draft(by)
	old := d.Parent.Policy()
	draft := old.Clone()
	edit(draft)
	for _, ref := range policy.Turns(old, draft, also...) {
		if turn(ref) {
			w.advance(draft, ref)
		}
	}
	for _, r := range draft.Roles() {
		if r.Epoch == 0 {
			w.advance(draft, policy.KeyRef{Kind: policy.RoleKey, Name: r.Name})
		}
	}
	for _, e := range draft.Environments() {
		if e.Epoch == 0 {
			w.advance(draft, policy.KeyRef{Kind: policy.EnvironmentKey, Name: e.Name})
		}
	}
	p, err := draft.Check()
	if err != nil {
		return nil, err
	}
	for path, data := range policy.Changed(old, p) {
		d.Files[path] = data
	}
	w.turn(d, old, p)
	return d, nil
}

// advance gives a key of a draft policy its next epoch.
func (w *World) advance(draft *policy.Policy, ref policy.KeyRef) {
	switch ref.Kind {
	case policy.RoleKey:
		r, _ := draft.Role(ref.Name)
		draft.PutRole(r.Turned(w.NewRecipient()))
	case policy.EnvironmentKey:
		e, _ := draft.Environment(ref.Name)
		draft.PutEnvironment(e.Turned(w.newEnvironment(e)))
	case policy.AuditKey:
		draft.PutAudit(draft.Audit().Turned(w.NewRecipient()))
	}
}

// turn puts into a draft what the files under keys/ and secrets/ need when p follows old.
func (w *World) turn(d *Draft, old, p *policy.Policy) {
	for _, c := range policy.KeyChanges(old, p) {
		for _, f := range c.Wraps {
			d.Files[f.Path] = w.wrapFor(p, f)
		}
		for _, path := range c.Sealed {
			d.Files[path] = w.sealed(old, p, c.Ref, path)
		}
		if c.Old == 0 || c.Old == c.New {
			continue
		}
		folder := strings.TrimSuffix(policy.KeyFolder(c.Ref, c.Old), "/")
		for f := range d.Parent.Files(folder) {
			if !strings.HasSuffix(f.Path, "/previous") {
				d.Files[f.Path] = nil
			}
		}
		if c.Ref.Kind == policy.EnvironmentKey {
			for id, e := range d.Parent.Secrets(c.Ref.Name) {
				d.Files[e.Path] = w.reseal(d, p, c.Ref.Name, id, e)
			}
		}
	}
}

// sealed is a file under keys/ that is no wrap to somebody: id or previous.
func (w *World) sealed(old, p *policy.Policy, ref policy.KeyRef, path string) []byte {
	epoch := p.Epoch(ref)
	if ref.Kind == policy.AuditKey {
		f := policy.KeyFile{Path: path, Recipient: p.Audit().Recipient}
		return w.Wrap(f, wrap.Context{Kind: wrap.Audit, Vault: w.Vault, Epoch: epoch - 1}, w.keys.seeds[old.Audit().Recipient])
	}
	key := w.Environment(p, ref.Name).Key
	if strings.HasSuffix(path, "/previous") {
		return keys.Seal(key, w.ad("previous", ref.Name, epoch), w.Environment(old, ref.Name).Key.Reveal())
	}
	return keys.Seal(keys.NamesKey(key), w.ad("id key", ref.Name, epoch), w.idKey(p, ref.Name).Reveal())
}

// ad is the associated data of a sealed key.
func (w *World) ad(what, environment string, epoch uint64) []byte {
	b := append([]byte("secr/1 "+what+"\n"), keys.LP([]byte(w.Vault))...)
	b = append(b, keys.LP([]byte(environment))...)
	return binary.BigEndian.AppendUint64(b, epoch)
}

// Remove is the honest removal of a member.
func (w *World) Remove(by *Actor, gone *Actor) *Draft {
	return w.Edit(by, func(p *policy.Policy) {
		m, _ := p.MemberByHandle(gone.Handle)
		m.Retired = true
		p.PutMember(m)
	})
}

// Rotate turns an environment's key without any other change.
func (w *World) Rotate(by *Actor, environment string) *Draft {
	return w.Edit(by, func(*policy.Policy) {}, policy.KeyRef{Kind: policy.EnvironmentKey, Name: environment})
}
