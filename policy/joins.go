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
	var fresh []*memberEntry
	for _, is := range differing(&old.members, &new.members) {
		if is != nil {
			fresh = append(fresh, is)
		}
	}
	slices.SortFunc(fresh, func(a, b *memberEntry) int { return compare(a.brief.id, b.brief.id) })
	for _, m := range fresh {
		for _, d := range m.member().Devices {
			if old.members.byDevice(d.ID) != "" {
				continue
			}
			if err := verifyJoin(d, f, vaultID, verify); err != nil {
				return &Error{Path: MemberPath(m.brief.id), What: "device " + d.ID + ": " + err.Error(), Kind: ErrJoin}
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
