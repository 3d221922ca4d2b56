package policy

import "slices"

// JoinVerifier checks a device's own signature over its keys, as VerifyJoin of
// package keys/sign does.
type JoinVerifier func(public [32]byte, vaultOrNonce, invite, recipient string, signature []byte) error

// VerifyJoins checks the join signature of every device that new has and old has
// not, so that nobody is listed with somebody else's key: old is nil for a new
// vault. The founder's first device signed before there was an id; its signature is
// the one of the founding file, over the nonce. The error is an [*Error] around
// [ErrJoin].
func VerifyJoins(old, new *Policy, f Founding, vaultID string, verify JoinVerifier) error {
	if old == nil {
		old = empty()
		if err := verify(f.Sign, f.NonceHex(), "", f.Recipient, f.Join[:]); err != nil {
			return &Error{Path: FoundingPath, What: "the founder's own signature is wrong", Kind: ErrJoin}
		}
	}
	var fresh []string
	for id, m := range new.members {
		if old.members[id] != m {
			fresh = append(fresh, id)
		}
	}
	slices.Sort(fresh)
	for _, id := range fresh {
		for _, d := range new.members[id].member().Devices {
			if _, known := old.devices[d.ID]; known {
				continue
			}
			if err := verifyJoin(d, f, vaultID, verify); err != nil {
				return &Error{Path: MemberPath(id), What: "device " + d.ID + ": " + err.Error(), Kind: ErrJoin}
			}
		}
	}
	return nil
}

func verifyJoin(d Device, f Founding, vaultID string, verify JoinVerifier) error {
	if d.ID == f.DeviceID() {
		if d.Join != f.Join || d.Invite != "" {
			return errFounderJoin
		}
		return nil
	}
	return verify(d.Sign, vaultID, d.Invite, d.Recipient, d.Join[:])
}
