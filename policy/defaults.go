package policy

import "maps"

// The roles of a new vault.
const (
	Viewer    = "viewer"
	Developer = "developer"
	Admin     = "admin"
)

// The environments of a new vault.
const (
	Development = "development"
	Staging     = "staging"
	Production  = "production"
)

// DefaultRoles are the roles of a new vault without their keys: what viewers,
// developers and admins may do.
func DefaultRoles() []Role {
	return []Role{
		{Name: Viewer, Grants: map[string]Level{Development: Read, Staging: List}},
		{Name: Developer, Grants: map[string]Level{Development: Write, Staging: Write, Production: List}},
		{Name: Admin, Grants: map[string]Level{Development: Write, Staging: Write, Production: Write}, Manage: true, Audit: true},
	}
}

// DefaultEnvironments are the environments of a new vault without their keys.
func DefaultEnvironments() []Environment {
	return []Environment{NewEnvironment(Development), NewEnvironment(Staging), NewEnvironment(Production)}
}

// NewEnvironment is an environment with the ordinary settings and without keys.
func NewEnvironment(name string) Environment { return Environment{Name: name, Receipts: ReceiptsBest} }

// About is what a founder says of himself.
type About struct {
	Handle, Name, Email string
	Device              string // the name of the first device
}

// Founder is the member file of a vault's founder, in the role that manages.
func Founder(f Founding, a About) Member {
	return Member{
		ID: f.DeviceID(), Handle: a.Handle, Name: a.Name, Email: a.Email, Kind: Person,
		Roles: []string{Admin}, Devices: []Device{f.Device(a.Device)},
	}
}

// Fresh is the public part of the keys of a new vault: recipients of roles and of the
// audit key, commitments to environment keys.
type Fresh struct {
	Audit        string
	Roles        map[string]string
	Environments map[string]Commitments
}

// Commitments are those to the keys of one epoch of an environment; ID counts for
// the first epoch only.
type Commitments struct {
	Environment, Names, ID string
}

// Default is the policy of a new vault: the founder as its one member, the default
// roles and environments with these keys.
func Default(founder Member, fresh Fresh) (*Policy, error) {
	draft := empty().Clone()
	draft.PutFormat(Format)
	draft.PutAudit(Audit{Epoch: 1, Recipient: fresh.Audit})
	for _, r := range DefaultRoles() {
		draft.PutRole(r.Turned(fresh.Roles[r.Name]))
	}
	for _, e := range DefaultEnvironments() {
		draft.PutEnvironment(e.Turned(fresh.Environments[e.Name]))
	}
	draft.PutMember(founder)
	return draft.Check()
}

// Turned is the role at its next epoch, with the recipient of its new key.
func (r Role) Turned(recipient string) Role {
	r.Earlier = earlier(r.Epoch, r.Recipient, r.Earlier)
	r.Epoch, r.Recipient = r.Epoch+1, recipient
	r.Grants = maps.Clone(r.Grants)
	return r
}

// Turned is the audit key at its next epoch.
func (a Audit) Turned(recipient string) Audit {
	return Audit{Epoch: a.Epoch + 1, Recipient: recipient, Earlier: earlier(a.Epoch, a.Recipient, a.Earlier)}
}

// Turned is the environment at its next epoch, with the commitments to its new keys,
// and due no longer. The commitment to the id key is taken at the first epoch only.
func (e Environment) Turned(c Commitments) Environment {
	if e.Epoch == 0 {
		e.IDCommitment = c.ID
	}
	e.Epoch++
	e.EnvironmentCommitments = append(list(e.EnvironmentCommitments), c.Environment)
	e.NamesCommitments = append(list(e.NamesCommitments), c.Names)
	e.Due = false
	return e
}

// earlier is the list of earlier recipients one epoch further.
func earlier(epoch uint64, recipient string, before []string) []string {
	if epoch == 0 {
		return nil
	}
	return append(list(before), RecipientSum(recipient))
}
