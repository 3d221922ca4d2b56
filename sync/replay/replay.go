// Package replay decides what becomes of local changes when the vault's branch has moved
// meanwhile. It is pure: what both sides have in common, what is there now and what was
// done here go in, a [Plan] comes out. It opens nothing and signs nothing; sync/replica
// carries the plan out.
//
// Local changes are replayed as operations, not merged as files. Each comes from a signed
// change ([change.Operations]) and carries its result. For each change the plan says one
// of five things:
//
//   - [Done]: its op is in the chain already, whoever pushed it;
//   - [Apply]: it is made again on top, sealed and signed anew;
//   - [Conflict]: somebody else changed the same secret to something else;
//   - [Stop]: its author would not have meant it as things are now: the policy changed
//     underneath a change of policy, or others read the environment than he was shown;
//   - [Aside]: it can't be made any more, and is kept for its author to read.
//
// Different secrets never conflict. As long as anything conflicts or stops, nothing is
// published; a [Decision] answers each. docs/spec/sync.md tells it for people.
package replay

import (
	"slices"
	"strings"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/change"
)

// Secret names a secret by its environment and id.
type Secret struct{ Environment, ID string }

// Change is one local change that the remote may not have.
type Change struct {
	Op         change.Op
	ID         [20]byte // git id of the local commit
	Seq        uint64   // its number here
	Device     string   // that signed it
	Subject    string
	Operations []change.Operation
	Policy     *policy.Policy // what its author was shown: of the state that it was made on
}

// Theirs is what the plan asks of the remote's verified state. [chain.State] has it.
type Theirs interface {
	Policy() *policy.Policy
	Secret(environment, id string) (chain.Entry, bool)
	Done(op change.Op) (chain.Link, bool)
}

// Input is all that a plan depends on.
type Input struct {
	Base    *policy.Policy // of the last change that both sides have
	Theirs  Theirs
	Changes []Change // oldest first
	Device  string   // who replays
	Now     int64    // Unix seconds, for expiry
	// Same tells secrets whose present content is the same on both sides. To compare
	// needs keys, so the caller did.
	Same map[Secret]bool
	// Decision answers conflicts and stops; nil answers none.
	Decision func(Question) Decision
}

// Question is what a person has to decide. It names all that he was shown, so that an
// answer counts for nothing else: who is asked again, because more has happened, gets
// another question.
type Question struct {
	Secret  Secret // of a conflict
	Theirs  uint64 // and the number of the others' change
	Readers string // or: the environment that has new readers
	Names   string // and who they are, joined by ", "
	Policy  bool   // or: local changes of policy on a changed policy
}

// Questions are what a step asks.
func (s Step) Questions() []Question {
	var out []Question
	for _, c := range s.Conflicts {
		out = append(out, c.question())
	}
	switch {
	case s.Verdict == Stop && s.Reason == ReadersGrew:
		out = append(out, Question{Readers: s.Where, Names: strings.Join(s.Readers, ", ")})
	case s.Verdict == Stop && s.Reason == PolicyChanged:
		out = append(out, Question{Policy: true})
	}
	return out
}

func (c Clash) question() Question { return Question{Secret: c.Secret, Theirs: c.Theirs.Seq} }

// Decision answers a question.
type Decision int

const (
	// Undecided publishes nothing.
	Undecided Decision = iota
	// Ours makes the local version the current one; the other stays in history. For
	// readers it says that they may read, for policy that the local edits are made again.
	Ours
	// TheirsWin keeps what is there; the local version goes into history before it. For
	// readers and policy it sets the local changes aside.
	TheirsWin
)

// Verdict says what becomes of a change.
type Verdict int

// The verdicts.
const (
	Done Verdict = iota + 1
	Apply
	Conflict
	Stop
	Aside
)

func (v Verdict) String() string {
	return [...]string{"unknown", "done", "apply", "conflict", "stop", "aside"}[max(0, min(int(v), 5))]
}

// Step is one local change and what becomes of it.
type Step struct {
	Change    Change
	Verdict   Verdict
	Reason    Reason
	Conflicts []Clash  // of Conflict
	Readers   []string // of Stop for readers: who may read now and could not
	Where     string   // the environment that the reason is about, if it is about one
	Restore   []Secret // of Apply: secrets whose shared version is set again afterwards
}

// Clash is a secret that both sides changed.
type Clash struct {
	Secret Secret
	Ours   change.Operation
	Theirs chain.Entry
}

// Reason says why a change stops or is set aside.
type Reason string

// The reasons.
const (
	NoReason      Reason = ""
	PolicyChanged Reason = "the policy was changed by somebody else meanwhile"
	ReadersGrew   Reason = "others can read this environment now than when the change was made"
	Due           Reason = "the environment's key must turn first"
	LostWrite     Reason = "its author may no longer write there"
	LostManage    Reason = "its author no longer manages the vault"
	Removed       Reason = "its author is no longer a member"
	Expired       Reason = "its author's membership has expired"
	NoEnvironment Reason = "the environment is no longer in use"
	OtherDevice   Reason = "another device signed it, which alone can sign it again"
	Impossible    Reason = "its edit of the policy does not fit any more"
	Declined      Reason = "it was decided to keep what the others have"
	InviteSealed  Reason = "the invitation was sealed to a key that had to be made again: invite once more"
)

// Plan is what becomes of each local change, in their order.
type Plan struct{ Steps []Step }

// Blocked reports whether somebody has to decide before anything can be published.
func (p Plan) Blocked() bool { return len(p.With(Conflict)) > 0 || len(p.With(Stop)) > 0 }

// With returns the steps of one verdict.
func (p Plan) With(v Verdict) []Step {
	var out []Step
	for _, s := range p.Steps {
		if s.Verdict == v {
			out = append(out, s)
		}
	}
	return out
}

// Make makes the plan.
func Make(in Input) Plan {
	if in.Decision == nil {
		in.Decision = func(Question) Decision { return Undecided }
	}
	p := planner{in: in, now: in.Theirs.Policy(), touched: map[Secret]bool{}}
	p.changed = len(policy.Changed(in.Base, p.now)) > 0
	var plan Plan
	for _, c := range in.Changes {
		plan.Steps = append(plan.Steps, p.step(c))
	}
	return plan
}

// planner goes through the changes. now is the policy as it will be when the changes
// before this one have been applied.
type planner struct {
	in      Input
	now     *policy.Policy
	changed bool            // the others changed the policy
	rotated bool            // a role's key was made again, and so is another than it was here
	touched map[Secret]bool // decided on, or changed here before
}

func (p *planner) step(c Change) Step {
	if _, ok := p.in.Theirs.Done(c.Op); ok {
		return Step{Change: c, Verdict: Done}
	}
	s := Step{Change: c, Verdict: Apply}
	if reason := p.author(c); reason != NoReason {
		s.Verdict, s.Reason = Aside, reason
		return s
	}
	if Governs(c.Operations) {
		return p.policy(s)
	}
	return p.secrets(s)
}

// author says why whoever replays can't sign this change again.
func (p *planner) author(c Change) Reason {
	member, device, ok := p.now.Device(p.in.Device)
	switch {
	case c.Device != p.in.Device:
		return OtherDevice
	case !ok || !member.Active() || !device.Active():
		return Removed
	case member.Expired(p.in.Now) || device.Expired(p.in.Now):
		return Expired
	}
	return NoReason
}

// Governs reports whether a change is one of policy or keys.
func Governs(ops []change.Operation) bool {
	return slices.ContainsFunc(ops, func(o change.Operation) bool { return o.Kind == change.Policy || o.Kind == change.Rotate })
}
