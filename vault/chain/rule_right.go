package chain

import (
	"github.com/secr/secr/policy"
)

// The rules of this file ask what the parent's policy lets the author do.

func checkFoundingFile(j *judgement) *Error {
	for _, t := range j.touched {
		if t.place.kind == kindFounding {
			return failAt(Denied, t.path, "nobody may touch it")
		}
	}
	return nil
}

func checkManage(j *judgement) *Error {
	if j.old.policy.Manages(j.member.ID) {
		return nil
	}
	for _, t := range j.touched {
		if t.place.policy() || t.place.keys() {
			return failAt(Denied, t.path, "%s may not manage this vault", j.member.Handle)
		}
	}
	return nil
}

// checkWrite is about secrets: who writes them needs the right to, and may do nothing
// else in the same change; who manages may only seal them again. So a right is never
// given and used at once, and what a manager changes of a policy is seen by itself.
func checkWrite(j *judgement) *Error {
	if j.managing {
		return nil
	}
	for t := range j.secrets {
		if env := t.place.name; j.old.policy.Level(j.member.ID, env) < policy.Write {
			return failAt(Denied, t.path, "%s may not write secrets of %s", j.member.Handle, env)
		}
	}
	return nil
}

// checkCheckpoint lets those sign an empty change, as a sign of life, who could sign
// another.
func checkCheckpoint(j *judgement) *Error {
	if len(j.touched) > 0 || j.old.policy.Manages(j.member.ID) {
		return nil
	}
	for _, e := range j.old.policy.Environments() {
		if j.old.policy.Level(j.member.ID, e.Name) >= policy.Write {
			return nil
		}
	}
	return fail(Denied, "it changes nothing, and %s may neither write nor manage", j.member.Handle)
}

// checkRemoval keeps the history of every secret linked: deleting one leaves a tombstone.
func checkRemoval(j *judgement) *Error {
	for t := range j.secrets {
		if t.file == nil {
			return failAt(Denied, t.path, "a record is never taken away, it becomes a tombstone")
		}
	}
	return nil
}
