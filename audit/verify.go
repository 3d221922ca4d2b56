package audit

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/secr/secr/audit/receipt"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/chain"
)

// VerifyOptions say how [Verify] goes about it.
type VerifyOptions struct {
	// All goes on after the first finding.
	All bool
	// Log is this device's own receipts; nil leaves them out.
	Log *receipt.Log
}

// Check is one thing that was looked at.
type Check struct {
	Name    string // chain, memory, holders, keys, secrets, receipts, readings, log
	Count   int    // of What
	What    string // what was counted, in the plural
	Skipped string // why nothing, or not all, could be looked at; empty if all was
}

// Verdict is what [Verify] came to. It is good if no finding is more than a note.
type Verdict struct {
	Vault    string
	Head     chain.Head
	Checks   []Check
	Findings []Finding
}

// Broken is the first finding that is more than a note, or nil.
func (v Verdict) Broken() *Finding {
	for i := range v.Findings {
		if !v.Findings[i].Note {
			return &v.Findings[i]
		}
	}
	return nil
}

// Verify checks the vault on this machine from the founding change on, believing no
// cache: the chain and its signatures; that this machine and its remotes never saw
// more; that each key has a wrap for each holder and for nobody else; what is inside
// every file that this identity opens; the receipts branch, and the receipts in it
// for who audits. It stops at the first finding that is more than a note unless
// options say otherwise; an error says that it could not look.
func Verify(ctx context.Context, v *vault.Vault, o VerifyOptions) (Verdict, error) {
	x := &verifier{v: v, o: o, verdict: Verdict{Vault: v.ID(), Head: v.Head()}}
	for _, step := range []func(context.Context) error{x.chain, x.memory, x.holders, x.keys, x.secrets, x.branch, x.log} {
		if err := step(ctx); err != nil {
			return x.verdict, err
		}
		if x.stopped() {
			break
		}
	}
	return x.verdict, nil
}

type verifier struct {
	v       *vault.Vault
	o       VerifyOptions
	verdict Verdict
}

func (x *verifier) stopped() bool { return !x.o.All && x.verdict.Broken() != nil }

func (x *verifier) checked(c Check) { x.verdict.Checks = append(x.verdict.Checks, c) }

// find takes in a finding, and says whether to go on.
func (x *verifier) find(f Finding) bool {
	x.verdict.Findings = append(x.verdict.Findings, f)
	return !x.stopped()
}

// chain judges every change again.
func (x *verifier) chain(ctx context.Context) error {
	head := x.v.Head()
	s, err := vault.Verify(ctx, x.v.Repo(), nil, head.ID)
	var bad *chain.Error
	switch {
	case errors.As(err, &bad):
		x.find(Finding{
			Class: Class(bad.Class), Seq: bad.Seq, Commit: bad.ID, Path: bad.Path, What: bad.What,
			Proof: []string{"secr git cat-file -p " + hex.EncodeToString(bad.ID[:]), "rule " + bad.Rule},
		})
	case err != nil:
		return err
	case s.Head().Sum != head.Sum:
		x.find(Finding{Class: Tampered, Seq: head.Seq, Commit: head.ID, What: "the chain's end has another SHA-256 than what this machine knows as its head"})
	default:
		x.checked(Check{Name: "chain", Count: int(head.Seq), What: "signed changes"})
	}
	return nil
}

// memory holds the chain to what this machine has seen and was told.
func (x *verifier) memory(context.Context) error {
	floors, err := x.v.Local().Floors()
	if err != nil {
		return err
	}
	pins, err := x.v.Local().Pins()
	if err != nil {
		return err
	}
	descends := func(seq uint64, sum [32]byte, who string) {
		p := chain.Point{Seq: seq, Sum: sum}
		if err := x.v.State().CheckDescends(p); err != nil {
			x.find(Finding{Class: Rewind, Seq: seq, What: who + ": " + err.Error(), Proof: []string{p.String()}})
		}
	}
	for _, f := range floors {
		descends(f.Seq, f.Sum, "the chain does not hold a floor")
	}
	for _, p := range pins {
		if p.Head.Seq > x.v.Head().Seq { // a remote that is ahead of this machine
			x.find(Finding{Class: Unreadable, Note: true, Seq: p.Head.Seq, What: "a remote showed more changes than this machine has taken over"})
			continue
		}
		descends(p.Head.Seq, p.Head.Sum, "the chain does not hold what a remote showed")
	}
	x.checked(Check{Name: "memory", Count: len(floors) + len(pins), What: "floors and heads of remotes"})
	return nil
}

// holders looks, without any key, for a wrap for each holder and for nobody else.
func (x *verifier) holders(context.Context) error {
	p, n := x.v.Policy(), 0
	var refs []policy.KeyRef
	for _, r := range p.Roles() {
		if r.Active() {
			refs = append(refs, policy.KeyRef{Kind: policy.RoleKey, Name: r.Name})
		}
	}
	for _, e := range p.Environments() {
		if e.Active() && !e.Due {
			refs = append(refs, policy.KeyRef{Kind: policy.EnvironmentKey, Name: e.Name})
		}
	}
	refs = append(refs, policy.KeyRef{Kind: policy.AuditKey})
	for _, ref := range refs {
		for _, f := range p.KeyFiles(ref) {
			n++
			if _, _, ok := x.v.State().File(f.Path); !ok && !x.find(Finding{Class: Incomplete, Path: f.Path, What: "a holder of the " + ref.String() + " has no wrap of it"}) {
				return nil
			}
		}
	}
	x.checked(Check{Name: "holders", Count: n, What: "wraps, one for each holder of each key"})
	return nil
}

// keys opens every wrap that this identity opens.
func (x *verifier) keys(ctx context.Context) error {
	c := Check{Name: "keys", What: "wraps and sealed keys, opened and compared with what was committed to"}
	err := x.v.CheckKeys(ctx, func(path string, err error) bool {
		switch {
		case err == nil:
			c.Count++
		case errors.Is(err, vault.ErrCloud):
			c.Skipped = "some need a cloud key that was not reached"
		default:
			return x.find(integrity(err, path))
		}
		return true
	})
	if stranger(err) {
		c.Skipped, err = err.Error(), nil
	}
	x.checked(c)
	return err
}

// stranger says that somebody has no key, which is no finding.
func stranger(err error) bool {
	var denied *vault.DeniedError
	return errors.Is(err, vault.ErrNoIdentity) || errors.Is(err, vault.ErrNotMember) || errors.As(err, &denied)
}

// integrity puts an error of the vault's into a finding.
func integrity(err error, path string) Finding {
	f := Finding{Class: Tampered, Path: path, What: err.Error()}
	var e *vault.IntegrityError
	if errors.As(err, &e) {
		f.Path, f.Seq, f.Handle, f.What = e.Path, e.Seq, e.Signer, e.What
		if e.Err != nil {
			f.What += ": " + e.Err.Error()
		}
		f.Proof = []string{"secr git show HEAD:" + e.Path}
	}
	return f
}

// secrets opens every version of every secret that this identity opens.
func (x *verifier) secrets(ctx context.Context) error {
	var sum vault.Checks
	skipped := ""
	for _, e := range x.v.Policy().Environments() {
		if !e.Active() {
			continue
		}
		c, err := x.v.CheckRecords(ctx, e.Name, func(err error) bool { return x.find(integrity(err, "")) })
		if stranger(err) {
			skipped = "environments that this identity may not list"
			continue
		}
		var bad *vault.IntegrityError
		if errors.As(err, &bad) {
			if !x.find(integrity(err, "")) {
				return nil
			}
			continue
		}
		if err != nil {
			return err
		}
		sum.Records += c.Records
		sum.Labels += c.Labels
		sum.Values += c.Values
		sum.Reseals += c.Reseals
		if c.Cloud {
			skipped = "values that need a cloud key which was not reached"
		}
	}
	what := fmt.Sprintf("records of all versions: %d names give their ids, %d values open, %d were the same before a rotation", sum.Labels, sum.Values, sum.Reseals)
	if skipped != "" {
		skipped = "left out: " + skipped
	}
	x.checked(Check{Name: "secrets", Count: sum.Records, What: what, Skipped: skipped})
	return nil
}

// log reads this device's own receipts.
func (x *verifier) log(ctx context.Context) error {
	if x.o.Log == nil {
		return nil
	}
	p, err := x.o.Log.Read(ctx)
	var broken *receipt.ChainError
	switch {
	case errors.As(err, &broken):
		x.find(Finding{Class: Gap, What: "this machine's own receipts: " + broken.Error()})
	case err != nil:
		return err
	}
	if p.Unreadable > 0 {
		x.find(Finding{Class: Gap, Note: true, What: fmt.Sprintf("%d bytes of this machine's own receipts can't be read: a power cut's, or somebody's", p.Unreadable)})
	}
	x.checked(Check{Name: "log", Count: len(p.Entries), What: "receipts of this device that are not published yet"})
	return nil
}
