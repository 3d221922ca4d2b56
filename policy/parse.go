package policy

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/secr/secr/vault/canonical"
)

// The paths of policy files, from the vault's root.
const (
	Folder            = "policy/"
	FormatPath        = Folder + "format.json"
	AuditPath         = Folder + "audit.json"
	environmentFolder = Folder + "environments/"
	roleFolder        = Folder + "roles/"
	memberFolder      = Folder + "members/"
	cloudKeyFolder    = Folder + "cloudkeys/"
	templateFolder    = Folder + "templates/"
	inviteFolder      = Folder + "invites/"
	extension         = ".json"
)

// EnvironmentPath is where an environment's file is.
func EnvironmentPath(name string) string { return environmentFolder + name + extension }

// RolePath is where a role's file is.
func RolePath(name string) string { return roleFolder + name + extension }

// MemberPath is where a member's file is.
func MemberPath(id string) string { return memberFolder + id + extension }

// CloudKeyPath is where a cloud key's file is.
func CloudKeyPath(id string) string { return cloudKeyFolder + id + extension }

// TemplatePath is where an environment's template is.
func TemplatePath(environment string) string { return templateFolder + environment + extension }

// InvitePath is where an invite is.
func InvitePath(id string) string { return inviteFolder + id + extension }

// split takes a path into its folder and the name in it. The name is "" for
// format.json and audit.json.
func split(path string) (folder, name string, ok bool) {
	if path == FormatPath || path == AuditPath {
		return path, "", true
	}
	for _, folder := range []string{environmentFolder, roleFolder, templateFolder, memberFolder, cloudKeyFolder, inviteFolder} {
		rest, found := strings.CutPrefix(path, folder)
		if !found {
			continue
		}
		name, found := strings.CutSuffix(rest, extension)
		valid := ValidName
		if folder == memberFolder || folder == cloudKeyFolder || folder == inviteFolder {
			valid = ValidID
		}
		return folder, name, found && valid(name)
	}
	return "", "", false
}

// IsPath says whether path may be a policy file's.
func IsPath(path string) bool {
	_, _, ok := split(path)
	return ok
}

// Parse reads a whole policy: every file under policy/, by its path from the vault's
// root. It keeps the bytes, which the caller must not change. The error is an
// [*Error], and the same for the same files.
func Parse(files map[string][]byte) (*Policy, error) { return empty().With(files) }

// With returns the policy in which these files took the place of p's; nil deletes
// one. It checks the changed files and whatever they could break, and leaves p as it
// was. It says nothing about whether the change is allowed: see [Transition].
func (p *Policy) With(changed map[string][]byte) (*Policy, error) {
	if p.base != nil {
		checked, err := p.Check()
		if err != nil {
			return nil, err
		}
		p = checked
	}
	next := p.copied()
	paths := slices.Sorted(maps.Keys(changed))
	for _, path := range paths {
		if !IsPath(path) {
			return nil, malformed(Folder, "there is a file at a path of no policy file")
		}
		next.forget(path)
	}
	for _, path := range paths {
		if data := changed[path]; data != nil {
			if err := next.read(path, data); err != nil {
				return nil, err
			}
		}
	}
	if err := next.checkAcross(changed); err != nil {
		return nil, err
	}
	return next, nil
}

// Files returns every file by its path. The caller must not change the bytes. It is
// for valid policies: of a draft, take those of [Policy.Check]'s result.
func (p *Policy) Files() map[string][]byte {
	out := make(map[string][]byte, len(p.members)+64)
	p.each(func(path string, raw []byte) { out[path] = raw })
	return out
}

// each calls f with every file.
func (p *Policy) each(f func(path string, raw []byte)) {
	p.eachButMembers(f)
	for id, m := range p.members {
		f(MemberPath(id), m.bytes())
	}
}

func (p *Policy) eachButMembers(f func(path string, raw []byte)) {
	if p.format != nil {
		f(FormatPath, p.format.raw)
	}
	if p.audit != nil {
		f(AuditPath, p.audit.raw)
	}
	eachEntry(p.environments, EnvironmentPath, f)
	eachEntry(p.roles, RolePath, f)
	eachEntry(p.cloudKeys, CloudKeyPath, f)
	eachEntry(p.templates, TemplatePath, f)
	eachEntry(p.invites, InvitePath, f)
}

func eachEntry[T any](m map[string]*entry[T], path func(string) string, f func(string, []byte)) {
	for name, e := range m {
		f(path(name), e.raw)
	}
}

// Changed returns the files by which new differs from old; nil for those that new
// has not. Both must be valid, not drafts. What they share is not looked at.
func Changed(old, new *Policy) map[string][]byte {
	out := map[string][]byte{}
	was := map[string][]byte{}
	old.eachButMembers(func(path string, raw []byte) { was[path] = raw })
	new.eachButMembers(func(path string, raw []byte) {
		if before, ok := was[path]; !ok || !bytes.Equal(before, raw) {
			out[path] = raw
		}
		delete(was, path)
	})
	for id, m := range new.members {
		before := old.members[id]
		if before != m && (before == nil || !bytes.Equal(before.bytes(), m.bytes())) {
			out[MemberPath(id)] = m.bytes()
		}
	}
	for id := range old.members {
		if new.members[id] == nil {
			was[MemberPath(id)] = nil
		}
	}
	for path := range was {
		out[path] = nil
	}
	return out
}

// read takes one file in.
func (p *Policy) read(path string, data []byte) error {
	if len(data) > MaxFile {
		return malformed(path, "larger than %d bytes", MaxFile)
	}
	data = bytes.Clone(data)
	folder, name, _ := split(path)
	switch folder {
	case FormatPath:
		return single(&p.format, path, data, (*formatFile).check)
	case AuditPath:
		if err := single(&p.audit, path, data, (*Audit).check); err != nil {
			return err
		}
		return p.useEpochs(path, p.audit.value.Recipient, p.audit.value.Earlier)
	case environmentFolder:
		return p.readEnvironment(path, name, data)
	case roleFolder:
		r, err := decode(path, data, (*Role).check)
		if err != nil {
			return err
		}
		if r.Name != name {
			return misplaced(path)
		}
		p.roles[name] = &entry[Role]{r, data}
		return p.useEpochs(path, r.Recipient, r.Earlier)
	case memberFolder:
		return p.readMember(path, name, data)
	case cloudKeyFolder:
		return keyed(p.cloudKeys, path, name, data, func(c *CloudKey) (string, error) { return c.ID, c.check() })
	case templateFolder:
		return keyed(p.templates, path, name, data, func(t *Template) (string, error) { return t.Environment, t.check() })
	default:
		return keyed(p.invites, path, name, data, func(i *Invite) (string, error) { return i.ID, i.check() })
	}
}

func decode[T any](path string, data []byte, check func(*T) error) (*T, error) {
	v := new(T)
	if err := canonical.Unmarshal(data, v); err != nil {
		return nil, malformed(path, "%v", err)
	}
	if err := check(v); err != nil {
		return nil, malformed(path, "%v", err)
	}
	return v, nil
}

func single[T any](to **entry[T], path string, data []byte, check func(*T) error) error {
	v, err := decode(path, data, check)
	if err != nil {
		return err
	}
	*to = &entry[T]{v, data}
	return nil
}

// keyed reads a file whose name is one of its fields and that nothing else indexes.
func keyed[T any](to map[string]*entry[T], path, name string, data []byte, check func(*T) (string, error)) error {
	own := ""
	v, err := decode(path, data, func(v *T) (err error) { own, err = check(v); return err })
	if err != nil {
		return err
	}
	if own != name {
		return misplaced(path)
	}
	to[name] = &entry[T]{v, data}
	return nil
}

func misplaced(path string) error { return malformed(path, "the file says another name than its path") }

func (p *Policy) readEnvironment(path, name string, data []byte) error {
	e, err := decode(path, data, (*Environment).check)
	if err != nil {
		return err
	}
	if e.Name != name {
		return misplaced(path)
	}
	p.environments[name] = &entry[Environment]{e, data}
	for _, c := range commitments(e) {
		if err := p.use(path, 'c', unsum(c), "a commitment"); err != nil {
			return err
		}
	}
	return nil
}

func (p *Policy) readMember(path, id string, data []byte) error {
	m, err := decode(path, data, (*Member).check)
	if err != nil {
		return err
	}
	if m.ID != id {
		return misplaced(path)
	}
	entry := newMember(m, data)
	p.members[id] = entry
	if other, taken := p.handles[m.Handle]; taken {
		return malformed(path, "handle %s is also the one of %s", m.Handle, MemberPath(other))
	}
	p.handles[m.Handle] = id
	for _, d := range entry.brief.devices {
		if err := p.use(path, 's', d.sign, "a signing key"); err != nil {
			return err
		}
		if err := p.use(path, 'r', d.sum, "a recipient"); err != nil {
			return err
		}
		p.devices[d.id] = id
	}
	return nil
}

func (p *Policy) useEpochs(path, recipient string, earlier []string) error {
	for _, sum := range append(slices.Clip(earlier), RecipientSum(recipient)) {
		if err := p.use(path, 'r', unsum(sum), "a recipient"); err != nil {
			return err
		}
	}
	return nil
}

// use notes that something occurs which may occur once.
func (p *Policy) use(path string, kind byte, sum [32]byte, what string) error {
	key := onceOnly{kind, sum}
	if other, taken := p.used[key]; taken {
		where := "is also in " + other
		if other == path {
			where = "is there twice"
		}
		return malformed(path, "%s %s: none may occur twice", what, where)
	}
	p.used[key] = path
	return nil
}

func commitments(e *Environment) []string {
	all := make([]string, 0, 2*len(e.EnvironmentCommitments)+1)
	all = append(append(all, e.EnvironmentCommitments...), e.NamesCommitments...)
	return append(all, e.IDCommitment)
}

// unsum reads a sum that was checked to be 64 hex digits.
func unsum(s string) [32]byte {
	var sum [32]byte
	if _, err := hex.Decode(sum[:], []byte(s)); err != nil {
		panic(fmt.Sprintf("policy: unchecked sum: %v", err))
	}
	return sum
}

// forget takes one file out, with all that was noted of it.
func (p *Policy) forget(path string) {
	folder, name, _ := split(path)
	switch folder {
	case FormatPath:
		p.format = nil
	case AuditPath:
		if p.audit != nil {
			p.unuseEpochs(p.audit.value.Recipient, p.audit.value.Earlier)
		}
		p.audit = nil
	case environmentFolder:
		if e, ok := p.environments[name]; ok {
			for _, c := range commitments(e.value) {
				delete(p.used, onceOnly{'c', unsum(c)})
			}
		}
		delete(p.environments, name)
	case roleFolder:
		if r, ok := p.roles[name]; ok {
			p.unuseEpochs(r.value.Recipient, r.value.Earlier)
		}
		delete(p.roles, name)
	case memberFolder:
		p.forgetMember(name)
	case cloudKeyFolder:
		delete(p.cloudKeys, name)
	case templateFolder:
		delete(p.templates, name)
	case inviteFolder:
		delete(p.invites, name)
	}
}

func (p *Policy) forgetMember(id string) {
	m, ok := p.members[id]
	if !ok {
		return
	}
	delete(p.members, id)
	delete(p.handles, m.brief.handle)
	for _, d := range m.brief.devices {
		delete(p.used, onceOnly{'s', d.sign})
		delete(p.used, onceOnly{'r', d.sum})
		delete(p.devices, d.id)
	}
}

func (p *Policy) unuseEpochs(recipient string, earlier []string) {
	delete(p.used, onceOnly{'r', unsum(RecipientSum(recipient))})
	for _, sum := range earlier {
		delete(p.used, onceOnly{'r', unsum(sum)})
	}
}
