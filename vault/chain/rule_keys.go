package chain

import (
	"cmp"
	"slices"
	"strings"

	"github.com/secr/secr/policy"
)

// keyRules hold the files under keys/ and the turning of secrets to what the policies
// before and after ask. Since the parent's state was whole, what a change adds and takes
// away there says whether the next one is.
func keyRules() []rule {
	return []rule{
		{"due", checkDue},
		{"wrap-missing", checkWrapMissing},
		{"wrap-extra", checkWrapExtra},
		{"wrap-left", checkWrapLeft},
		{"resealed", checkResealed},
		{"limits", checkLimits},
	}
}

// checkDue keeps everybody's hands off an environment whose key should have turned and
// has not yet.
func checkDue(j *judgement) *Error {
	for t := range j.secrets {
		if e, _ := j.policy.Environment(t.place.name); e.Due {
			return failAt(Denied, t.path, "the key of %s is due to turn: nothing there may change before it has", t.place.name)
		}
	}
	return nil
}

// keyPlan is what a change must do under keys/.
type keyPlan struct {
	add   []string        // files to add, sorted
	added map[string]bool // the same
	gone  []string        // files to delete, sorted
}

// keyPlan works the plan out when it is first asked for.
func (j *judgement) keyPlan() *keyPlan {
	if j.plan != nil {
		return j.plan
	}
	plan := &keyPlan{added: map[string]bool{}}
	j.plan = plan
	if j.policy == j.old.policy {
		return plan
	}
	for _, c := range policy.KeyChanges(j.old.policy, j.policy) {
		for _, w := range c.Wraps {
			plan.add = append(plan.add, w.Path)
		}
		plan.add = append(plan.add, c.Sealed...)
		if c.Old != 0 && c.Old != c.New {
			plan.gone = append(plan.gone, j.over(policy.KeyFolder(c.Ref, c.Old))...)
		}
	}
	slices.Sort(plan.add)
	slices.Sort(plan.gone)
	for _, path := range plan.add {
		plan.added[path] = true
	}
	return plan
}

// over lists the files of an epoch's folder that leave when the epoch is over: all but
// the key of the epoch before, which stays for history.
func (j *judgement) over(folder string) []string {
	var out []string
	j.old.root.dir(strings.TrimSuffix(folder, "/")).walk(folder, func(path string, _ *file) bool {
		if k := parsePath(path).kind; k != kindPrevious && k != kindAuditPrevious {
			out = append(out, path)
		}
		return true
	})
	return out
}

func checkWrapMissing(j *judgement) *Error {
	for _, path := range j.keyPlan().add {
		if j.touch(path).file == nil {
			return failAt(Incomplete, path, "the key is not there for one who must hold it")
		}
	}
	return nil
}

// touch finds a touched path; without a file if it is not touched or is deleted.
func (j *judgement) touch(path string) touched {
	i, ok := slices.BinarySearchFunc(j.touched, path, func(t touched, path string) int { return cmp.Compare(t.path, path) })
	if !ok {
		return touched{}
	}
	return j.touched[i]
}

// checkWrapExtra says that nobody is given a key but those who must hold it, and that a
// file under keys/ is never replaced: it is what it is for its epoch.
func checkWrapExtra(j *judgement) *Error {
	plan := j.keyPlan()
	for _, t := range j.touched {
		switch {
		case !t.place.keys() || t.file == nil || plan.added[t.path]:
		case j.old.root.file(t.path) != nil:
			return failAt(Tampered, t.path, "a file of keys is never replaced")
		default:
			return failAt(Denied, t.path, "the key is given to one whom the policy does not let hold it")
		}
	}
	return nil
}

// checkWrapLeft says that the files of an epoch leave when it is over, and none before.
func checkWrapLeft(j *judgement) *Error {
	gone := j.keyPlan().gone
	for _, path := range gone {
		if j.touch(path).path == "" {
			return failAt(Incomplete, path, "its epoch is over, and the file is still there")
		}
	}
	for _, t := range j.touched {
		if _, leaves := slices.BinarySearch(gone, t.path); t.place.keys() && t.file == nil && !leaves {
			return failAt(Incomplete, t.path, "the file leaves, and its epoch is not over")
		}
	}
	return nil
}

// checkResealed says that no secret is left under a key that was turned.
func checkResealed(j *judgement) *Error {
	if j.policy == j.old.policy || j.old.policy == nil {
		return nil
	}
	touched := map[string]bool{}
	for t := range j.secrets {
		touched[t.path] = true
	}
	for _, e := range j.policy.Environments() {
		if !j.turned(e.Name) {
			continue
		}
		missing := ""
		folder := secretsDir + e.Name
		j.old.root.dir(folder).walk(folder+"/", func(path string, _ *file) bool {
			if !touched[path] {
				missing = path
			}
			return missing == ""
		})
		if missing != "" {
			return failAt(Incomplete, missing, "the key of %s turned, and this secret was not sealed again", e.Name)
		}
	}
	return nil
}

// checkLimits keeps a vault so small that all of it can be turned in one change.
func checkLimits(j *judgement) *Error {
	for t := range j.records {
		env := t.place.name
		switch s := j.root.sizeOf(secretsDir + env); {
		case s.files > MaxSecrets:
			return fail(Malformed, "%s would have %d secrets, more than %d", env, s.files, MaxSecrets)
		case s.bytes > MaxEnvironmentBytes:
			return fail(Malformed, "the records of %s would have %d bytes together, more than %d", env, s.bytes, int64(MaxEnvironmentBytes))
		}
	}
	switch s := j.root.sizeOf(strings.TrimSuffix(secretsDir, "/")); {
	case s.files > MaxVaultSecrets:
		return fail(Malformed, "the vault would have %d secrets, more than %d", s.files, MaxVaultSecrets)
	case s.bytes > MaxVaultBytes:
		return fail(Malformed, "the records of the vault would have %d bytes together, more than %d", s.bytes, int64(MaxVaultBytes))
	}
	if s := j.root.sizeOf("keys"); s.files > MaxKeyFiles {
		return fail(Malformed, "the vault would have %d files of keys, more than %d", s.files, MaxKeyFiles)
	}
	return nil
}
