package chain

import (
	"errors"

	"github.com/secr/secr/keys/sign"
	"github.com/secr/secr/policy"
)

// policyRules hold the policy that a change leaves to its own rules (package policy), and
// to the one before it.
func policyRules() []rule {
	return []rule{
		{"policy", checkPolicy},
		{"join", checkJoin},
		{"follows", checkFollows},
	}
}

func checkPolicy(j *judgement) *Error { return policyFailure(j.policyErr, Malformed) }

// checkJoin wants of every device that the change adds its own signature, so that nobody
// can register the keys of somebody else.
func checkJoin(j *judgement) *Error {
	if j.policy == j.old.policy {
		return nil
	}
	return policyFailure(policy.VerifyJoins(j.old.policy, j.policy, j.founding, j.vault, sign.VerifyJoin), BadSignature)
}

// checkFollows asks package policy whether the new policy may follow the old one, which
// includes rule 4, reach: whoever lost a key, the key has turned.
func checkFollows(j *judgement) *Error {
	if j.policy == j.old.policy || j.old.policy == nil {
		return nil
	}
	return policyFailure(policy.Transition(j.old.policy, j.policy), Denied)
}

// policyFailure gives an error of package policy its class.
func policyFailure(err error, class Class) *Error {
	if err == nil {
		return nil
	}
	switch {
	case errors.Is(err, policy.ErrIncomplete):
		class = Incomplete
	case errors.Is(err, policy.ErrDenied):
		class = Denied
	case errors.Is(err, policy.ErrMalformed):
		class = Malformed
	}
	var at *policy.Error
	if errors.As(err, &at) {
		return failAt(class, at.Path, "%s", at.What)
	}
	return fail(class, "%v", err)
}
