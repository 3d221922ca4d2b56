package chain

import (
	"github.com/secr/secr/policy"
)

// The rules of this file say that the change is the next one of this chain and that a
// member of this vault made it. Nothing else of a change is interpreted before them.

func checkFormat(j *judgement) *Error {
	if n := j.old.policy.Format(); n > policy.Format {
		return fail(NewerFormat, "the vault is of format %d, this program knows up to %d", n, policy.Format)
	}
	return nil
}

func checkGrammar(j *judgement) *Error {
	if j.err != nil {
		return fail(Malformed, "%v", j.err)
	}
	return nil
}

func checkCommit(j *judgement) *Error {
	if j.id != j.ownID {
		return fail(Tampered, "the commit is not the one that its git id %x names", j.id)
	}
	return nil
}

// findAuthor looks up who says to have made the change, in the parent's policy.
func findAuthor(j *judgement) *Error {
	j.member, j.device, _ = j.old.policy.Device(j.change.Author.Device)
	return nil
}

func checkVault(j *judgement) *Error {
	if v := j.change.Author.Vault; v != j.vault {
		return fail(BadParent, "it was made for the vault %s, this one is %s", v, j.vault)
	}
	return nil
}

func checkSeq(j *judgement) *Error {
	if n := j.change.Seq; n != j.seq() {
		return fail(BadParent, "it says to be number %d and is number %d", n, j.seq())
	}
	return nil
}

func checkParent(j *judgement) *Error {
	if head := j.old.Head(); j.change.Parent != head.ID {
		return fail(BadParent, "its parent is %x, and change %d is %x", j.change.Parent, head.Seq, head.ID)
	}
	return nil
}

func checkParentSum(j *judgement) *Error {
	if head := j.old.Head(); j.change.ParentSum != head.Sum {
		return fail(BadParent, "Secr-Parent is not the SHA-256 of change %d", head.Seq)
	}
	return nil
}

// checkSignature relies on Prepare for the mathematics: the signature verifies under the
// key that it carries. Here that key must be the one of the device that the change names.
func checkSignature(j *judgement) *Error {
	a := j.change.Author
	if j.device.ID != a.Device {
		return fail(BadSignature, "it is signed in the name of device %s, which is no member's", a.Device)
	}
	return j.signedBy(j.device.Sign)
}

func (j *judgement) signedBy(key [32]byte) *Error {
	if j.signer != key {
		return fail(BadSignature, "it is signed by a key that is not the one of device %s", j.change.Author.Device)
	}
	if j.signErr != nil {
		return fail(BadSignature, "the signature is not valid: %v", j.signErr)
	}
	return nil
}

func checkActive(j *judgement) *Error {
	switch {
	case j.member.Retired:
		return fail(Denied, "%s is no longer a member", j.member.Handle)
	case j.device.Retired:
		return fail(Denied, "%s's device %q was removed", j.member.Handle, j.device.Name)
	}
	return nil
}

// checkExpiry binds honest clients only: a member who lies about the time passes.
func checkExpiry(j *judgement) *Error {
	if t := j.change.Time; j.member.Expired(t) || j.device.Expired(t) {
		return fail(Denied, "%s's access had expired at the time that the change says", j.member.Handle)
	}
	return nil
}

func checkHandle(j *judgement) *Error {
	if h := j.change.Author.Handle; h != j.member.Handle {
		return fail(Denied, "it is made in the name of %q by a device of %s", h, j.member.Handle)
	}
	return nil
}

func checkOp(j *judgement) *Error {
	done, ok := j.old.Done(j.change.Op)
	if ok && done.Device != j.change.Author.Device {
		return fail(Denied, "its operation is the one of change %d, by another device", done.Seq)
	}
	return nil
}
