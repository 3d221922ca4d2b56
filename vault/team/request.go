package team

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/sign"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/canonical"
)

// MaxRequest is the size of the largest join request, in bytes.
const MaxRequest = 8 << 10

const requestFormat = "secr/1 join"

var (
	// ErrRequest says that a join request is not well made.
	ErrRequest = errors.New("not a join request")
	// ErrOtherVault says that a join request is for another vault.
	ErrOtherVault = errors.New("the join request is for another vault")
	// ErrProof says that a request names an open invite and does not know its secret:
	// somebody else made it, or altered it.
	ErrProof = errors.New("the join request does not prove that it answers the invite")
	// ErrInviteClosed says that the invite is not open any more, or never was: it was used,
	// taken back, or closed when somebody who managed left.
	ErrInviteClosed = errors.New("the invite is closed")
	// ErrInviteExpired says that the invite's time is over.
	ErrInviteExpired = errors.New("the invite has expired")
)

// Request asks to be let in. It travels outside the chain, through anybody's
// hands: nothing in it is believed but what its signature and its proof cover.
type Request struct {
	Format    string            `json:"format"`
	Vault     string            `json:"vault"`
	Invite    string            `json:"invite"` // id, or "" without one
	Handle    string            `json:"handle"` // a wish
	Name      string            `json:"name"`
	Email     string            `json:"email"`
	Device    string            `json:"device"` // the device's name
	Kind      policy.DeviceKind `json:"kind"`   // machine or token
	Sign      policy.Hex32      `json:"sign"`
	Recipient string            `json:"recipient"`
	Join      policy.Hex64      `json:"join"`  // the device's signature over vault, invite and keys
	Proof     string            `json:"proof"` // hex HMAC over all of it under the invite's key, or ""
}

// RequestOptions say who asks, in his own words.
type RequestOptions struct {
	Handle, Name, Email string
	Device              string
	Kind                policy.DeviceKind
}

// NewRequest makes the request of a seed that answers an invite.
func NewRequest(seed keys.Seed, l Line, o RequestOptions) (Request, error) {
	r, err := newRequest(seed, l.Place, l.InviteID(), o)
	if err != nil {
		return Request{}, err
	}
	proof, err := r.proof(keys.InviteKey(l.Secret))
	r.Proof = proof
	return r, err
}

// NewRequestWithoutInvite makes the request of a seed that nobody invited: people
// have to compare its fingerprint.
func NewRequestWithoutInvite(seed keys.Seed, at Place, o RequestOptions) (Request, error) {
	return newRequest(seed, at, "", o)
}

func newRequest(seed keys.Seed, at Place, invite string, o RequestOptions) (Request, error) {
	d, err := NewDevice(seed, at, DeviceOptions{Name: o.Device, Kind: o.Kind, Invite: invite})
	if err != nil {
		return Request{}, err
	}
	r := Request{
		Format: requestFormat, Vault: at.Vault, Invite: invite,
		Handle: o.Handle, Name: o.Name, Email: o.Email,
		Device: o.Device, Kind: o.Kind, Sign: d.Sign, Recipient: d.Recipient, Join: d.Join,
	}
	return r, r.check()
}

// proof is what somebody who knows an invite's secret says of the request.
func (r Request) proof(key keys.Key) (string, error) {
	r.Proof = ""
	text, err := canonical.Marshal(r)
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, key.Reveal())
	mac.Write([]byte("secr/1 join request\n"))
	mac.Write(text)
	return hex.EncodeToString(mac.Sum(nil)), nil
}

// Text is the request as it travels.
func (r Request) Text() ([]byte, error) { return canonical.Marshal(r) }

// ParseRequest reads what [Request.Text] wrote, in that one spelling, and checks
// the device's own signature. Errors wrap [ErrRequest] and quote nothing of it.
func ParseRequest(text []byte) (Request, error) {
	if len(text) > MaxRequest {
		return Request{}, fmt.Errorf("%w: larger than %d bytes", ErrRequest, MaxRequest)
	}
	var r Request
	if err := canonical.Unmarshal(text, &r); err != nil {
		return Request{}, fmt.Errorf("%w: not in the one form that there is", ErrRequest)
	}
	return r, r.check()
}

func (r Request) check() error {
	bad := func(what string) error { return fmt.Errorf("%w: %s", ErrRequest, what) }
	switch {
	case r.Format != requestFormat:
		return bad("of another format")
	case !policy.ValidID(r.Vault) || r.Invite != "" && !policy.ValidID(r.Invite):
		return bad("vault or invite is no id")
	case !policy.ValidName(r.Handle) || !policy.ValidName(r.Device):
		return bad("handle or device is no name")
	case !canonical.ValidText(r.Name, policy.MaxText) || !canonical.ValidText(r.Email, policy.MaxText):
		return bad("name or email is too long or holds control characters")
	case r.Kind != policy.Machine && r.Kind != policy.Token:
		return bad("the device is neither a machine nor a token")
	case r.Proof != "" && (r.Invite == "" || len(r.Proof) != 2*sha256.Size):
		return bad("its proof is of another form")
	}
	if err := policy.CheckRecipient(r.Recipient); err != nil {
		return bad("its recipient can't be wrapped to")
	}
	if err := sign.VerifyJoin(r.Sign, r.Vault, r.Invite, r.Recipient, r.Join[:]); err != nil {
		return bad("the device did not sign it")
	}
	return nil
}

// Entry is the device as a member's file lists it.
func (r Request) Entry() policy.Device {
	return policy.Device{
		ID: r.DeviceID(), Name: r.Device, Kind: r.Kind, Sign: r.Sign, Recipient: r.Recipient,
		Invite: r.Invite, Join: r.Join,
	}
}

// DeviceID is the id of the asking device.
func (r Request) DeviceID() string { return policy.DeviceID(r.Sign, r.Recipient) }

// Fingerprint is the asking device's keys in words that people can compare.
func (r Request) Fingerprint() string { return Fingerprint(r.Entry()) }

// Match is what a manager knows of a request.
type Match struct {
	Invite policy.Invite // the open invite that it answers; its ID is "" if none
	Proved bool          // it knows the invite's secret: no fingerprint is needed
}

// Check compares a request with the vault: that it is for it, that its device is
// new, and, if it answers an invite, that it knows the invite's secret and comes in
// time. It needs manage. One whose invite is closed or unknown is [ErrInviteClosed], one
// with a wrong proof [ErrProof].
func Check(ctx context.Context, v *vault.Vault, r Request, now int64) (Match, error) {
	if err := r.check(); err != nil {
		return Match{}, err
	}
	if r.Vault != v.ID() {
		return Match{}, ErrOtherVault
	}
	if m, _, ok := v.Policy().Device(r.DeviceID()); ok {
		return Match{}, about(ErrKnownDevice, m.Handle)
	}
	if r.Invite == "" {
		return Match{}, nil
	}
	i, ok := v.Policy().Invite(r.Invite)
	if !ok {
		return Match{}, ErrInviteClosed
	}
	if i.Expires < now {
		return Match{}, about(ErrInviteExpired, i.Handle)
	}
	key, err := v.InviteKey(ctx, i.ID)
	if err != nil {
		return Match{}, err
	}
	if err := r.Proves(key); err != nil {
		return Match{}, err
	}
	return Match{Invite: i, Proved: true}, nil
}

// Proves says whether the request was made by somebody who knows an invite's key:
// nil or [ErrProof].
func (r Request) Proves(key keys.Key) error {
	want, err := r.proof(key)
	if err != nil {
		return err
	}
	if !hmac.Equal([]byte(want), []byte(r.Proof)) {
		return ErrProof
	}
	return nil
}

// Admission is the admission of who asked, as the invite says: its handle and its
// roles, whatever the request wished for.
func (m Match) Admission(r Request) Admission {
	return Admission{
		Handle: m.Invite.Handle, Name: r.Name, Email: r.Email, Kind: policy.Person,
		Roles: slices.Clone(m.Invite.Roles), Device: r.Entry(),
	}
}

// IsDevice says whether the request answers an invite for another device of a
// member: one without roles, for the handle of somebody who is there.
func (m Match) IsDevice(p *policy.Policy) bool {
	of, ok := p.MemberByHandle(m.Invite.Handle)
	return ok && of.Active() && len(m.Invite.Roles) == 0
}
