package policy

import (
	"maps"

	"github.com/secr/secr/vault/canonical"
)

// Clone returns a draft of p: a policy that may be edited. What is put into it is
// not checked before [Policy.Check], so that a draft may be on its way from one
// valid policy to another; a new role or environment may stay at epoch 0 until its
// keys are made.
func (p *Policy) Clone() *Policy {
	draft := p.copied()
	draft.used = nil // kept by With, which Check goes through
	draft.base, draft.edits = p, map[string]bool{}
	if p.base != nil {
		draft.base, draft.edits = p.base, maps.Clone(p.edits)
	}
	return draft
}

// Check returns the valid policy that a draft has become, with its files. It fails
// as [Policy.With] does. For a policy that is no draft it returns p.
func (p *Policy) Check() (*Policy, error) {
	if p.base == nil {
		return p, nil
	}
	files := make(map[string][]byte, len(p.edits))
	for path := range p.edits {
		data, err := p.encode(path)
		if err != nil {
			return nil, malformed(path, "%v", err)
		}
		files[path] = data
	}
	return p.base.With(files)
}

// encode writes a draft's file; nil if it has none at this path.
func (p *Policy) encode(path string) ([]byte, error) {
	folder, name, _ := split(path)
	switch folder {
	case FormatPath:
		return canonical.Marshal(p.format.value)
	case AuditPath:
		return canonical.Marshal(p.audit.value)
	case environmentFolder:
		return encodeEntry(p.environments[name])
	case roleFolder:
		return encodeEntry(p.roles[name])
	case memberFolder:
		return canonical.Marshal(p.members.get(name).member())
	case cloudKeyFolder:
		return encodeEntry(p.cloudKeys[name])
	case templateFolder:
		return encodeEntry(p.templates[name])
	}
	return encodeEntry(p.invites[name])
}

func encodeEntry[T any](e *entry[T]) ([]byte, error) {
	if e == nil {
		return nil, nil
	}
	return canonical.Marshal(e.value)
}

func (p *Policy) edited(path string) {
	if p.base == nil {
		panic("policy: an edit of a policy that is no draft")
	}
	p.edits[path] = true
}

// PutFormat sets the format number of a draft.
func (p *Policy) PutFormat(number int) {
	p.edited(FormatPath)
	p.format = &entry[formatFile]{value: &formatFile{number}}
}

// PutAudit sets the audit key of a draft.
func (p *Policy) PutAudit(a Audit) {
	p.edited(AuditPath)
	p.audit = &entry[Audit]{value: a.copy()}
}

// PutEnvironment puts an environment into a draft, in place of the one of its name.
func (p *Policy) PutEnvironment(e Environment) {
	p.edited(EnvironmentPath(e.Name))
	p.environments[e.Name] = &entry[Environment]{value: e.copy()}
}

// PutRole puts a role into a draft, in place of the one of its name.
func (p *Policy) PutRole(r Role) {
	p.edited(RolePath(r.Name))
	p.roles[r.Name] = &entry[Role]{value: r.copy()}
}

// PutMember puts a member into a draft, in place of the one of its id.
func (p *Policy) PutMember(m Member) {
	p.edited(MemberPath(m.ID))
	p.members.put(newMember(m.copy(), nil))
}

// PutCloudKey puts a cloud key into a draft, in place of the one of its id.
func (p *Policy) PutCloudKey(c CloudKey) {
	p.edited(CloudKeyPath(c.ID))
	p.cloudKeys[c.ID] = &entry[CloudKey]{value: c.copy()}
}

// PutTemplate puts a template into a draft, in place of its environment's.
func (p *Policy) PutTemplate(t Template) {
	p.edited(TemplatePath(t.Environment))
	p.templates[t.Environment] = &entry[Template]{value: t.copy()}
}

// DropTemplate takes an environment's template out of a draft.
func (p *Policy) DropTemplate(environment string) {
	p.edited(TemplatePath(environment))
	delete(p.templates, environment)
}

// PutInvite puts an invite into a draft, in place of the one of its id.
func (p *Policy) PutInvite(i Invite) {
	p.edited(InvitePath(i.ID))
	p.invites[i.ID] = &entry[Invite]{value: i.copy()}
}

// DropInvite takes an invite out of a draft.
func (p *Policy) DropInvite(id string) {
	p.edited(InvitePath(id))
	delete(p.invites, id)
}
