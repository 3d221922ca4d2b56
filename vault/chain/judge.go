package chain

import (
	"slices"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/change"
	"github.com/secr/secr/vault/record"
)

// rule is one thing that is true of every valid change. check says why it is not true of
// this one, or nil. The rules before it in the table were not broken. A rule without a
// name works out what those after it ask about, and never objects.
type rule struct {
	name  string
	check func(*judgement) *Error
}

// rules is the table for every change but the first, in the order in which they are
// asked: who made it, then what it is, then whether that was his to do, then whether the
// state that it leaves is whole.
func rules() []rule {
	return join(
		[]rule{
			{"format", checkFormat},
			{"grammar", checkGrammar},
			{"commit", checkCommit},
			{"", findAuthor},
			{"vault", checkVault},
			{"seq", checkSeq},
			{"parent", checkParent},
			{"parent-sum", checkParentSum},
			{"signature", checkSignature},
			{"active", checkActive},
			{"expiry", checkExpiry},
			{"handle", checkHandle},
			{"op", checkOp},
		},
		contentRules(),
		[]rule{
			{"founding-file", checkFoundingFile},
			{"manage", checkManage},
			{"write", checkWrite},
			{"checkpoint", checkCheckpoint},
			{"removal", checkRemoval},
		},
		policyRules(),
		recordRules(),
		keyRules(),
	)
}

// foundingRules is the table for the first change of a vault.
func foundingRules() []rule {
	return join(
		[]rule{
			{"grammar", checkGrammar},
			{"commit", checkCommit},
			{"", findFounding},
			{"founding", checkFounding},
			{"vault", checkVault},
			{"seq", checkSeq},
			{"signature", checkFounderSignature},
		},
		contentRules(),
		[]rule{
			{"founding-paths", checkFoundingPaths},
		},
		policyRules(),
		[]rule{
			{"founder", checkFounder},
			{"founding-policy", checkFoundingPolicy},
		},
		keyRules(),
	)
}

func join(tables ...[]rule) []rule {
	var all []rule
	for _, t := range tables {
		all = append(all, t...)
	}
	return all
}

// judgement is one change on its way to a state.
type judgement struct {
	*Prepared
	touched []touched
	old     *State // the parent's; without anything in it for the founding change

	// founding is vault.json of the founding change, once it was read.
	founding    policy.Founding
	foundingErr error
	vault       string

	// member and device signed the change.
	member policy.Member
	device policy.Device

	// managing says whether the change is one of policy or keys. Any other writes
	// secrets, or touches nothing.
	managing  bool
	root      *dir
	policy    *policy.Policy
	policyErr error
	plan      *keyPlan // once it was asked for
}

// judge asks the rules of a table and makes the state that the change leaves.
func (s *State) judge(p *Prepared, table []rule) (*State, error) {
	j := &judgement{Prepared: p, touched: slices.Clone(p.touched), old: s, founding: s.founding, vault: s.vault, policy: s.policy}
	if j.policy == nil {
		j.policy = new(policy.Policy)
	}
	for _, r := range table {
		if err := r.check(j); err != nil {
			err.Rule, err.ID, err.Seq = r.name, p.ownID, p.change.Seq
			if err.Seq == 0 {
				err.Seq = j.seq()
			}
			return nil, err
		}
	}
	return j.state(), nil
}

// lookAtContent works out the tree and the policy that the touched paths leave.
func lookAtContent(j *judgement) *Error {
	edits := make([]edit, 0, len(j.touched))
	files := map[string][]byte{}
	for i, t := range j.touched {
		if t.place.kind == kindSecret && t.file != nil {
			t.record, t.recordErr = record.Parse(t.data)
			f := *t.file
			f.secret = factsOf(t.record)
			t.file = &f
			j.touched[i] = t
		}
		if t.place.policy() {
			files[t.path] = t.data
		}
		j.managing = j.managing || t.place.policy() || t.place.keys()
		edits = append(edits, edit{path: t.path, file: t.file})
	}
	j.root = j.old.root.with(edits)
	if len(files) == 0 {
		return nil
	}
	var next *policy.Policy
	if j.old.policy == nil {
		next, j.policyErr = policy.Parse(files)
	} else {
		next, j.policyErr = j.old.policy.With(files)
	}
	if j.policyErr == nil {
		j.policy = next
	}
	return nil
}

// factsOf is what the chain keeps of a record.
func factsOf(r record.Record) secret {
	h := r.Header
	return secret{epoch: h.Epoch, version: h.Version, seq: h.Seq, since: h.Since, deleted: h.State == record.Deleted}
}

// seq is the number that the change must have.
func (j *judgement) seq() uint64 { return j.old.log.len() + 1 }

// secrets are the touched paths under secrets/.
func (j *judgement) secrets(yield func(touched) bool) {
	for _, t := range j.touched {
		if t.place.kind == kindSecret && !yield(t) {
			return
		}
	}
}

// records are the records that the change writes.
func (j *judgement) records(yield func(touched) bool) {
	for _, t := range j.touched {
		if t.place.kind == kindSecret && t.file != nil && !yield(t) {
			return
		}
	}
}

// state is the state that the change leaves.
func (j *judgement) state() *State {
	c := j.change
	return &State{
		vault:    j.vault,
		founding: j.founding,
		policy:   j.policy,
		root:     j.root,
		log:      j.old.log.append(linkOf(c, j.ownID, j.sum)),
		ops:      j.old.ops.with(c.Op, c.Seq),
	}
}

// sums is what Secr-Changes must cover.
func (p *Prepared) sums() []change.Sum {
	sums := make([]change.Sum, len(p.touched))
	for i, t := range p.touched {
		sums[i] = change.Sum{Path: t.path, Deleted: t.file == nil}
		if t.file != nil {
			sums[i].Sum = t.file.sum
		}
	}
	return sums
}
