package chain

import (
	"github.com/secr/secr/keys/wrap"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/change"
)

// contentRules say that the touched paths are all that the author signed, and that each
// file has a form that such a file can have.
func contentRules() []rule {
	return []rule{
		{"", lookAtContent},
		{"path", checkPath},
		{"blob", checkBlob},
		{"changes", checkChanges},
		{"tree", checkTree},
		{"wrap-form", checkWrapForm},
		{"sealed-form", checkSealedForm},
	}
}

func checkPath(j *judgement) *Error {
	if n := len(j.touched); n > MaxTouched {
		return fail(Malformed, "it touches %d paths, more than %d", n, MaxTouched)
	}
	for i, t := range j.touched {
		was := j.old.root.file(t.path)
		switch {
		case t.place.kind == kindNone:
			return failAt(Malformed, t.path, "no file of a vault has this path")
		case i > 0 && j.touched[i-1].path == t.path:
			return failAt(Malformed, t.path, "the path is touched twice")
		case was == nil && t.file == nil:
			return failAt(Malformed, t.path, "it deletes a file that is not there")
		case was != nil && t.file != nil && was.sum == t.file.sum:
			return failAt(Malformed, t.path, "the file is as it was")
		}
	}
	return nil
}

func checkBlob(j *judgement) *Error {
	for _, t := range j.touched {
		if t.file != nil && t.named != t.file.id {
			return failAt(Tampered, t.path, "the content is not the one that its git id %x names", t.named)
		}
	}
	return nil
}

func checkChanges(j *judgement) *Error {
	if change.ChangesSum(j.sums()) != j.change.ChangesSum {
		return fail(Tampered, "the files are not those that its author signed (Secr-Changes)")
	}
	return nil
}

// checkTree computes the tree that the touched paths leave. With it, every path that was
// not touched is as it was, and every mode is the one that it must be.
func checkTree(j *judgement) *Error {
	var id [20]byte
	if j.root != nil {
		id = j.root.id
	}
	if j.change.Tree != id {
		return fail(Tampered, "its tree is %x, and its files make the tree %x: another path, mode or file is in it", j.change.Tree, id)
	}
	return nil
}

// checkWrapForm holds every wrap to one stanza: a file with two has a reader that nobody
// sees.
func checkWrapForm(j *judgement) *Error {
	for _, t := range j.touched {
		if t.file == nil || !t.place.wrap() {
			continue
		}
		s, err := wrap.Inspect(t.data)
		if err != nil {
			return failAt(Malformed, t.path, "%v", err)
		}
		if s.CloudKey != j.cloudKey(t.place).ID {
			return failAt(Malformed, t.path, "the wrap is for another holder than its path says")
		}
		if want := "secr-" + string(j.cloudKey(t.place).Provider); s.CloudKey != "" && s.Type != want {
			return failAt(Malformed, t.path, "the wrap is of type %q, not %q", s.Type, want)
		}
	}
	return nil
}

// cloudKey is the cloud key that a wrap's path names; none for a wrap to a device, a role
// or the audit key.
func (j *judgement) cloudKey(p place) policy.CloudKey {
	if p.kind != kindCloudWrap && p.kind != kindRoleWrap {
		return policy.CloudKey{}
	}
	c, _ := j.policy.CloudKey(p.leaf)
	return c
}

func checkSealedForm(j *judgement) *Error {
	for _, t := range j.touched {
		if t.file == nil || t.place.kind != kindIDKey && t.place.kind != kindPrevious {
			continue
		}
		if t.file.size != sealedKey {
			return failAt(Malformed, t.path, "a sealed key has %d bytes, not %d", sealedKey, t.file.size)
		}
	}
	return nil
}
