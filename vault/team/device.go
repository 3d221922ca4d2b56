package team

import (
	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/sign"
	"github.com/secr/secr/keys/wrap"
	"github.com/secr/secr/policy"
)

// Place names a vault to somebody who may not have it yet: its id, and the nonce
// that device keys come from.
type Place struct {
	Vault string
	Nonce [32]byte
}

// DeviceOptions say what a new device is.
type DeviceOptions struct {
	Name    string
	Kind    policy.DeviceKind
	Invite  string // the invite that it comes by, or ""
	Expires int64  // Unix seconds, 0 is never
}

// NewDevice makes the entry of the device that a seed is in a vault, signed by
// itself.
func NewDevice(seed keys.Seed, at Place, o DeviceOptions) (policy.Device, error) {
	signing, opening := seed.Device(at.Nonce)
	identity, err := wrap.NewIdentity(opening)
	if err != nil {
		return policy.Device{}, err
	}
	signer := sign.NewSigner(signing)
	d := policy.Device{
		Name: o.Name, Kind: o.Kind, Sign: signer.Public(), Recipient: identity.Recipient(),
		Invite: o.Invite, Expires: o.Expires,
		Join: policy.Hex64(signer.Join(at.Vault, o.Invite, identity.Recipient())),
	}
	d.ID = policy.DeviceID(d.Sign, d.Recipient)
	return d, nil
}

// Fingerprint is a device's keys in words that people can compare.
func Fingerprint(d policy.Device) string { return keys.Words([]byte(d.ID), 6) }

// Admission is a new member.
type Admission struct {
	Handle, Name, Email string
	Kind                policy.MemberKind
	Roles               []string
	Expires             int64 // Unix seconds, 0 is never
	Device              policy.Device
}

// Admit adds a member with a first device, and closes every invite for that handle.
// Whether the device is the one meant is the caller's to find out: see [Check] and
// [Fingerprint].
func Admit(a Admission) Edit {
	return func(p *policy.Policy) error {
		if !policy.ValidName(a.Handle) {
			return about(ErrName, a.Handle)
		}
		if _, ok := p.MemberByHandle(a.Handle); ok {
			return about(ErrTaken, a.Handle)
		}
		if err := newDevice(p, a.Device); err != nil {
			return err
		}
		if err := knownRoles(p, a.Roles); err != nil {
			return err
		}
		p.PutMember(policy.Member{
			ID: a.Device.ID, Handle: a.Handle, Name: a.Name, Email: a.Email, Kind: a.Kind,
			Roles: uniq(a.Roles), Devices: []policy.Device{a.Device}, Expires: a.Expires,
		})
		if err := closeInvite(p, a.Device.Invite); err != nil {
			return err
		}
		for _, i := range p.Invites() {
			if i.Handle == a.Handle {
				p.DropInvite(i.ID)
			}
		}
		return nil
	}
}

// AddDevice adds a device to a member.
func AddDevice(handle string, d policy.Device) Edit {
	return editMember(handle, func(p *policy.Policy, m *policy.Member) error {
		for _, other := range m.Devices {
			if other.Active() && other.Name == d.Name {
				return about(ErrTaken, handle+"/"+d.Name)
			}
		}
		if err := newDevice(p, d); err != nil {
			return err
		}
		m.Devices = append(m.Devices, d)
		return closeInvite(p, d.Invite)
	})
}

// newDevice refuses a device that is or was somebody's.
func newDevice(p *policy.Policy, d policy.Device) error {
	if !policy.ValidName(d.Name) {
		return about(ErrName, d.Name)
	}
	if m, _, ok := p.Device(d.ID); ok {
		return about(ErrKnownDevice, m.Handle)
	}
	return nil
}

// closeInvite takes an invite out: it was for one admission.
func closeInvite(p *policy.Policy, id string) error {
	if id == "" {
		return nil
	}
	if _, ok := p.Invite(id); !ok {
		return ErrInviteClosed
	}
	p.DropInvite(id)
	return nil
}
