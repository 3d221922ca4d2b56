package chain

import (
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/record"
)

// recordRules hold the clear header of every touched record to the change, to the record
// before it and to the policy, so that no record is put back, moved or made up. The
// sealed parts are bound to the header by their associated data.
func recordRules() []rule {
	return []rule{
		{"record", checkRecord},
		{"reseal", checkReseal},
		{"record-seq", checkRecordSeq},
		{"record-before", checkRecordBefore},
		{"record-state", checkRecordState},
		{"record-version", checkRecordVersion},
		{"record-since", checkRecordSince},
		{"record-epoch", checkRecordEpoch},
	}
}

func checkRecord(j *judgement) *Error {
	for t := range j.records {
		if t.recordErr != nil {
			return failAt(Malformed, t.path, "%v", t.recordErr)
		}
	}
	return nil
}

// checkReseal is about records that are sealed again: in a change that turns the
// environment's key, by who manages, and nowhere else. And who changes policy or keys
// changes no secret at the same time.
func checkReseal(j *judgement) *Error {
	for t := range j.records {
		reseal, env := t.record.Header.Kind == record.Reseal, t.place.name
		switch {
		case reseal && !j.turned(env):
			return failAt(Denied, t.path, "it is sealed again, and the key of %s did not turn", env)
		case !reseal && j.managing:
			return failAt(Denied, t.path, "a change of policy or keys can't change a secret")
		}
	}
	return nil
}

// turned says whether an environment's key advanced.
func (j *judgement) turned(environment string) bool {
	ref := policy.KeyRef{Kind: policy.EnvironmentKey, Name: environment}
	return j.old.policy.Epoch(ref) != j.policy.Epoch(ref)
}

func checkRecordSeq(j *judgement) *Error {
	for t := range j.records {
		if n := t.record.Header.Seq; n != j.change.Seq {
			return failAt(Tampered, t.path, "the record was written for change %d", n)
		}
	}
	return nil
}

func checkRecordBefore(j *judgement) *Error {
	for t := range j.records {
		was, before := j.old.root.file(t.path), t.record.Header.Before
		switch {
		case was == nil && before != nil:
			return failAt(Tampered, t.path, "the record says to replace another, and there is none")
		case was != nil && (before == nil || before.Hash != was.id || before.Sum != was.sum):
			return failAt(Tampered, t.path, "the record does not say to replace the one that is there")
		}
	}
	return nil
}

// checkRecordState is about what may follow what: a value can always be set; only what
// lives can be deleted or get another label; only what is there can be sealed again, and
// then lives as before.
func checkRecordState(j *judgement) *Error {
	for t := range j.records {
		was, h := j.was(t), t.record.Header
		ok, live := false, h.State == record.Live
		switch h.Kind {
		case record.Set:
			ok = live
		case record.Relabel:
			ok = was.live() && live
		case record.Delete:
			ok = was.live() && !live
		case record.Reseal:
			ok = was.version > 0 && live == was.live()
		}
		if !ok {
			return failAt(Tampered, t.path, "%q can't follow what is there", h.Kind)
		}
	}
	return nil
}

// was is the secret before the change; all zero if there was none.
func (j *judgement) was(t touched) secret {
	if f := j.old.root.file(t.path); f != nil {
		return f.secret
	}
	return secret{}
}

func (s secret) live() bool { return s.version > 0 && !s.deleted }

func checkRecordVersion(j *judgement) *Error {
	for t := range j.records {
		want := j.was(t).version
		if t.record.Header.Kind != record.Reseal {
			want++
		}
		if n := t.record.Header.Version; n != want {
			return failAt(Tampered, t.path, "the record says to be version %d and is version %d", n, want)
		}
	}
	return nil
}

func checkRecordSince(j *judgement) *Error {
	for t := range j.records {
		want := j.change.Seq
		if k := t.record.Header.Kind; k == record.Relabel || k == record.Reseal {
			want = j.was(t).since
		}
		if n := t.record.Header.Since; n != want {
			return failAt(Tampered, t.path, "the record says that its value is from change %d, it is from change %d", n, want)
		}
	}
	return nil
}

func checkRecordEpoch(j *judgement) *Error {
	for t := range j.records {
		want := j.policy.Epoch(policy.KeyRef{Kind: policy.EnvironmentKey, Name: t.place.name})
		if n := t.record.Header.Epoch; n != want {
			return failAt(Tampered, t.path, "the record is sealed under epoch %d, %s is at epoch %d", n, t.place.name, want)
		}
	}
	return nil
}
