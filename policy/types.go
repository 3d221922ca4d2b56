package policy

import (
	"maps"
	"slices"
)

// Environment is a named set of secrets with keys of its own.
type Environment struct {
	Name  string `json:"name"`
	Epoch uint64 `json:"epoch"` // of its key, from 1
	// EnvironmentCommitments and NamesCommitments hold one commitment an epoch, the
	// current epoch's last. IDCommitment is the one to the id key, which never turns.
	EnvironmentCommitments []string `json:"environment_commitments"`
	NamesCommitments       []string `json:"names_commitments"`
	IDCommitment           string   `json:"id_commitment"`
	AllowNames             []string `json:"allow_names"` // special names that may be set here, sorted
	RequireKMS             []string `json:"require_kms"` // ids of cloud keys of which one is needed, sorted
	// Due says that the key must turn and a cloud key could not be reached: nothing
	// here may change but by the change that turns it.
	Due           bool     `json:"due"`
	RequireReason bool     `json:"require_reason"`
	MaxAge        int64    `json:"max_age"` // seconds that the newest signed change may be old; 0 is no limit
	Receipts      Receipts `json:"receipts"`
	Retired       bool     `json:"retired"`
}

// Receipts says what happens when a read can't be noted down.
type Receipts string

// The rules about receipts.
const (
	ReceiptsBest     Receipts = "best"     // a warning
	ReceiptsRequired Receipts = "required" // no receipt, no value
	ReceiptsOff      Receipts = "off"      // none is written
)

// Role is a named set of grants with a key pair of its own.
type Role struct {
	Name      string           `json:"name"`
	Epoch     uint64           `json:"epoch"` // of its key pair, from 1
	Recipient string           `json:"recipient"`
	Earlier   []string         `json:"earlier"` // SHA-256 of the recipients of the epochs before, oldest first
	Grants    map[string]Level `json:"grants"`  // by environment
	Manage    bool             `json:"manage"`
	Audit     bool             `json:"audit"`
	Retired   bool             `json:"retired"`
}

// Audit is the vault's key pair for receipts.
type Audit struct {
	Epoch     uint64   `json:"epoch"`
	Recipient string   `json:"recipient"`
	Earlier   []string `json:"earlier"` // as in Role
}

// Member is a person or a service with at least one device.
type Member struct {
	ID      string     `json:"id"`     // the id of its first device, for ever
	Handle  string     `json:"handle"` // for ever
	Name    string     `json:"name"`   // for display, any text or none
	Email   string     `json:"email"`  // any text or none
	Kind    MemberKind `json:"kind"`
	Roles   []string   `json:"roles"`   // sorted
	Devices []Device   `json:"devices"` // in the order in which they came
	Expires int64      `json:"expires"` // Unix time, 0 for never
	Retired bool       `json:"retired"`
}

// MemberKind says what a member is.
type MemberKind string

// The kinds of member.
const (
	Person  MemberKind = "person"
	Service MemberKind = "service"
)

// Device is one identity in one vault.
type Device struct {
	ID        string     `json:"id"` // DeviceID of the two keys
	Name      string     `json:"name"`
	Kind      DeviceKind `json:"kind"`
	Sign      Hex32      `json:"sign"`      // Ed25519 public key
	Recipient string     `json:"recipient"` // age1pq1...
	Invite    string     `json:"invite"`    // the invite it came by, or ""
	Join      Hex64      `json:"join"`      // its own signature over vault, invite and keys
	Expires   int64      `json:"expires"`   // Unix time, 0 for never
	Retired   bool       `json:"retired"`
}

// DeviceKind says where a device's seed is kept.
type DeviceKind string

// The kinds of device.
const (
	Machine  DeviceKind = "machine"
	Recovery DeviceKind = "recovery"
	Token    DeviceKind = "token"
)

// CloudKey is a key of a cloud's KMS that may open roles without a device.
type CloudKey struct {
	ID       string   `json:"id"` // CloudKeyID
	Provider Provider `json:"provider"`
	Key      string   `json:"key"`     // its full name at the provider, see CheckCloudName
	Roles    []string `json:"roles"`   // sorted
	Waiting  []string `json:"waiting"` // those of Roles whose key isn't wrapped to it yet
	Retired  bool     `json:"retired"`
}

// Provider names a cloud.
type Provider string

// The providers.
const (
	AWS   Provider = "aws"
	GCP   Provider = "gcp"
	Azure Provider = "azure"
)

// Template says which secrets an environment should have. Its names are in clear.
type Template struct {
	Environment string          `json:"environment"`
	Entries     []TemplateEntry `json:"entries"` // sorted by name
}

// TemplateEntry is one expected secret.
type TemplateEntry struct {
	Name     string       `json:"name"`
	Required bool         `json:"required"`
	Type     TemplateType `json:"type"`
	Note     string       `json:"note"`
}

// TemplateType says what a value should look like.
type TemplateType string

// The types of value.
const (
	TypeString  TemplateType = "string"
	TypeInteger TemplateType = "integer"
	TypeURL     TemplateType = "url"
	TypeBoolean TemplateType = "boolean"
	TypeFile    TemplateType = "file"
)

// Invite is an open invitation. What it says binds the admission, not the invited.
type Invite struct {
	ID       string   `json:"id"`
	Handle   string   `json:"handle"`
	Roles    []string `json:"roles"`    // sorted
	Expires  int64    `json:"expires"`  // Unix time
	By       string   `json:"by"`       // the member who invites
	Verifier string   `json:"verifier"` // hex of an age file to the roles that manage
}

// formatFile is policy/format.json.
type formatFile struct {
	Format int `json:"format"`
}

// Active says whether the environment is in use.
func (e Environment) Active() bool { return !e.Retired }

// Active says whether the role is in use.
func (r Role) Active() bool { return !r.Retired }

// Active says whether the member may act at all. Expiry is another matter: it needs
// a clock and binds honest clients.
func (m Member) Active() bool { return !m.Retired }

// Active says whether the device is in use. Its member must be, too.
func (d Device) Active() bool { return !d.Retired }

// Active says whether the cloud key is in use.
func (c CloudKey) Active() bool { return !c.Retired }

// Has says whether the member lists the role, which may be retired.
func (m Member) Has(role string) bool { return slices.Contains(m.Roles, role) }

// Expired says whether the member's time was over at this Unix time.
func (m Member) Expired(at int64) bool { return m.Expires != 0 && m.Expires < at }

// Expired says whether the device's time was over at this Unix time.
func (d Device) Expired(at int64) bool { return d.Expires != 0 && d.Expires < at }

// The copies below share nothing with their original and have no nil list, so that
// they can be written.

func (e Environment) copy() *Environment {
	e.EnvironmentCommitments = list(e.EnvironmentCommitments)
	e.NamesCommitments = list(e.NamesCommitments)
	e.AllowNames = list(e.AllowNames)
	e.RequireKMS = list(e.RequireKMS)
	return &e
}

func (r Role) copy() *Role {
	r.Earlier = list(r.Earlier)
	if r.Grants = maps.Clone(r.Grants); r.Grants == nil {
		r.Grants = map[string]Level{}
	}
	return &r
}

func (a Audit) copy() *Audit {
	a.Earlier = list(a.Earlier)
	return &a
}

func (m Member) copy() *Member {
	m.Roles = list(m.Roles)
	m.Devices = list(m.Devices)
	return &m
}

func (c CloudKey) copy() *CloudKey {
	c.Roles = list(c.Roles)
	c.Waiting = list(c.Waiting)
	return &c
}

func (t Template) copy() *Template {
	t.Entries = list(t.Entries)
	return &t
}

func (i Invite) copy() *Invite {
	i.Roles = list(i.Roles)
	return &i
}

func list[T any](l []T) []T { return append(make([]T, 0, len(l)), l...) }
