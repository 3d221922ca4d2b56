package policy

import (
	"bytes"
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
	next.members.settle()
	return next, nil
}

// Files returns every file by its path. The caller must not change the bytes. It is
// for valid policies: of a draft, take those of [Policy.Check]'s result.
func (p *Policy) Files() map[string][]byte {
	out := make(map[string][]byte, p.members.count+64)
	p.each(func(path string, raw []byte) { out[path] = raw })
	return out
}

// each calls f with every file.
func (p *Policy) each(f func(path string, raw []byte)) {
	p.eachButMembers(f)
	for id, m := range p.members.all {
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
	for before, m := range differing(&old.members, &new.members) {
		switch {
		case m == nil:
			was[MemberPath(before.brief.id)] = nil
		case before == nil || !bytes.Equal(before.bytes(), m.bytes()):
			out[MemberPath(m.brief.id)] = m.bytes()
		}
	}
	for path := range was {
		out[path] = nil
	}
	return out
}

// file is a policy file on its way in.
type file struct {
	path, name string
	data       []byte
	decode     func(data []byte, v any) error
}

// read takes one file in.
func (p *Policy) read(path string, data []byte) error {
	return p.readAs(path, bytes.Clone(data), canonical.Unmarshal)
}

// readAs is read of bytes that are the policy's own, in a spelling that decode takes.
func (p *Policy) readAs(path string, data []byte, decode func([]byte, any) error) error {
	if len(data) > MaxFile {
		return malformed(path, "larger than %d bytes", MaxFile)
	}
	folder, name, _ := split(path)
	f := file{path, name, data, decode}
	switch folder {
	case FormatPath:
		return single(&p.format, f, (*formatFile).check)
	case AuditPath:
		if err := single(&p.audit, f, (*Audit).check); err != nil {
			return err
		}
		return p.useEpochs(path, p.audit.value.Recipient, p.audit.value.Earlier)
	case environmentFolder:
		return p.readEnvironment(f)
	case roleFolder:
		return p.readRole(f)
	case memberFolder:
		return p.readMember(f)
	case cloudKeyFolder:
		return keyed(p.cloudKeys, f, func(c *CloudKey) (string, error) { return c.ID, c.check() })
	case templateFolder:
		return keyed(p.templates, f, func(t *Template) (string, error) { return t.Environment, t.check() })
	default:
		return keyed(p.invites, f, func(i *Invite) (string, error) { return i.ID, i.check() })
	}
}

func decode[T any](f file, check func(*T) error) (*T, error) {
	v := new(T)
	if err := f.decode(f.data, v); err != nil {
		return nil, malformed(f.path, "%v", err)
	}
	if err := check(v); err != nil {
		return nil, malformed(f.path, "%v", err)
	}
	return v, nil
}

func single[T any](to **entry[T], f file, check func(*T) error) error {
	v, err := decode(f, check)
	if err != nil {
		return err
	}
	*to = &entry[T]{v, f.data}
	return nil
}

// keyed reads a file whose name is one of its fields.
func keyed[T any](to map[string]*entry[T], f file, check func(*T) (string, error)) error {
	own := ""
	v, err := decode(f, func(v *T) (err error) { own, err = check(v); return err })
	if err != nil {
		return err
	}
	if own != f.name {
		return misplaced(f.path)
	}
	to[f.name] = &entry[T]{v, f.data}
	return nil
}

func misplaced(path string) error { return malformed(path, "the file says another name than its path") }

func (p *Policy) readEnvironment(f file) error {
	if err := keyed(p.environments, f, func(e *Environment) (string, error) { return e.Name, e.check() }); err != nil {
		return err
	}
	for _, c := range commitments(p.environments[f.name].value) {
		if err := p.use(f.path, 'c', unsum(c), "a commitment"); err != nil {
			return err
		}
	}
	return nil
}

func (p *Policy) readRole(f file) error {
	if err := keyed(p.roles, f, func(r *Role) (string, error) { return r.Name, r.check() }); err != nil {
		return err
	}
	r := p.roles[f.name].value
	return p.useEpochs(f.path, r.Recipient, r.Earlier)
}

func (p *Policy) readMember(f file) error {
	m, err := decode(f, (*Member).check)
	if err != nil {
		return err
	}
	if m.ID != f.name {
		return misplaced(f.path)
	}
	entry := newMember(m, f.data)
	if other := p.members.byHandle(m.Handle); other != "" {
		return malformed(f.path, "handle %s is also the one of %s", m.Handle, MemberPath(other))
	}
	if err := p.checkDevices(f.path, entry.brief.devices); err != nil {
		return err
	}
	p.members.put(entry)
	return nil
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
		p.members.drop(name)
	case cloudKeyFolder:
		delete(p.cloudKeys, name)
	case templateFolder:
		delete(p.templates, name)
	case inviteFolder:
		delete(p.invites, name)
	}
}
