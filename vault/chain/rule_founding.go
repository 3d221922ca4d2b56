package chain

import (
	"errors"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/policy"
)

// The rules of this file are about the first change of a vault. Its author is the
// founder, by vault.json, whose hash is the vault's id: whoever knows the id knows whom
// to believe.

// findFounding takes vault.json out of the founding change.
func findFounding(j *judgement) *Error {
	for _, t := range j.touched {
		if t.place.kind == kindFounding && t.data != nil {
			j.vault = keys.VaultID(t.data)
			j.founding, j.foundingErr = policy.ParseFounding(t.data)
			return nil
		}
	}
	j.foundingErr = errors.New("there is no vault.json")
	return nil
}

func checkFounding(j *judgement) *Error {
	switch {
	case errors.Is(j.foundingErr, policy.ErrNewer):
		return failAt(NewerFormat, policy.FoundingPath, "%v", j.foundingErr)
	case j.foundingErr != nil:
		return failAt(Malformed, policy.FoundingPath, "%v", j.foundingErr)
	}
	return nil
}

func checkFounderSignature(j *judgement) *Error {
	if id := j.founding.DeviceID(); j.change.Author.Device != id {
		return fail(BadSignature, "it is signed in the name of device %s, and the founder's is %s", j.change.Author.Device, id)
	}
	return j.signedBy(j.founding.Sign)
}

// checkFoundingPaths keeps secrets out of the founding change: nothing in it was judged
// by a policy before it.
func checkFoundingPaths(j *judgement) *Error {
	for _, t := range j.touched {
		if t.place.kind == kindSecret {
			return failAt(Denied, t.path, "the founding change can't hold secrets")
		}
	}
	return nil
}

// checkFounder holds the founding policy to vault.json: the founder is a member who
// manages, by the device that vault.json has.
func checkFounder(j *judgement) *Error {
	m, d, ok := j.policy.Device(j.founding.DeviceID())
	switch {
	case !ok || m.ID != d.ID || !m.Active() || !d.Active():
		return fail(Denied, "the founder's device is not the first one of a member")
	case m.Handle != j.change.Author.Handle:
		return fail(Denied, "it is made in the name of %q by a device of %s", j.change.Author.Handle, m.Handle)
	case !j.policy.Manages(m.ID):
		return fail(Denied, "the founder does not manage the vault")
	}
	return nil
}

// checkFoundingPolicy says that everything begins at the beginning, with the founder alone.
func checkFoundingPolicy(j *judgement) *Error { return policyFailure(policy.Founded(j.policy), Denied) }
