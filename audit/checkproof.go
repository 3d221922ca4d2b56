package audit

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/secr/secr/audit/batch"
	"github.com/secr/secr/audit/receipt"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/change"
	"github.com/secr/secr/vault/repo"
)

// ProofOptions say what a proof is held to.
type ProofOptions struct {
	// All goes on after the first finding. After one in the chain nothing can.
	All bool
	// Vault is the id of the vault that the proof must be of; empty takes any, and
	// proves no more than that somebody made a consistent one.
	Vault string
	// Floor is a change that the history must hold; zero is none.
	Floor chain.Point
	// Event is told of every change, and of every reading that the proof opens, in the
	// proof's order; nil isn't.
	Event func(Event) error
}

// Proven is what a proof shows.
type Proven struct {
	Verdict
	State    *chain.State // after the last change; nil if the chain is not valid
	Made     int64        // when the proof was written, as it says
	Changes  int
	Batches  int
	Receipts int // opened
	Closed   int // batches that were judged by their signature alone: their receipts were left out
}

// CheckProof reads what [Export] wrote and judges it as [Verify] judges a vault: every
// change by the rules, every batch by its signature and its place, every opened
// receipt by its hash. It needs neither vault nor key. It fails with ErrProof if the
// file is no whole proof; what is wrong inside is a finding.
func CheckProof(ctx context.Context, from io.Reader, o ProofOptions) (Proven, error) {
	r, err := newProofReader(from)
	if err != nil {
		return Proven{}, err
	}
	c := &proofCheck{reader: r, o: o, spans: map[string]span{}, awaited: map[repo.Hash]bool{}}
	if err := c.head(); err != nil {
		return c.proven, err
	}
	for _, step := range []func(context.Context) error{c.chain, c.batches, c.end} {
		if c.stopped() {
			break
		}
		if err := step(ctx); err != nil {
			return c.proven, err
		}
	}
	return c.proven, nil
}

type proofCheck struct {
	reader *proofReader
	o      ProofOptions
	proven Proven
	spans  map[string]span
	// awaited are parents that were not in the proof when their child was: they can't
	// come later.
	awaited map[repo.Hash]bool
}

func (c *proofCheck) stopped() bool {
	return c.proven.Broken() != nil && (!c.o.All || c.proven.State == nil)
}

func (c *proofCheck) find(f Finding) { c.proven.Findings = append(c.proven.Findings, f) }

func (c *proofCheck) head() error {
	data, err := c.reader.next(partHead)
	if err != nil {
		return err
	}
	if len(data) != headSize {
		return fmt.Errorf("%w: it does not say what it is of", ErrProof)
	}
	c.proven.Vault = string(data[:26])
	c.proven.Head.Seq = binary.BigEndian.Uint64(data[26:])
	copy(c.proven.Head.Sum[:], data[34:])
	made := binary.BigEndian.Uint64(data[66:])
	if made > change.MaxTime {
		return fmt.Errorf("%w: it was made after the year 9999", ErrProof)
	}
	c.proven.Made = int64(made)
	if c.o.Vault != "" && c.o.Vault != c.proven.Vault {
		c.find(Finding{Class: Tampered, What: fmt.Sprintf("it is of the vault %q, not of %s", c.proven.Vault, c.o.Vault)})
	}
	return nil
}

// chain judges the changes.
func (c *proofCheck) chain(ctx context.Context) error {
	var state *chain.State
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		raw, err := c.reader.next(partChange)
		if err != nil {
			return err
		}
		if raw == nil {
			break
		}
		touched, err := c.touched()
		if err != nil {
			return err
		}
		before := state
		if state == nil {
			state, err = chain.Found(raw, touched)
		} else {
			state, err = state.Apply(change.CommitID(raw), raw, touched)
		}
		var bad *chain.Error
		if errors.As(err, &bad) {
			c.find(Finding{Class: Class(bad.Class), Seq: bad.Seq, Commit: bad.ID, Path: bad.Path, What: bad.What, Proof: []string{"rule " + bad.Rule}})
			return nil
		}
		if err != nil {
			return err
		}
		if err := c.change(before, state, raw, touched); err != nil {
			return err
		}
	}
	return c.arrive(state)
}

// touched reads the paths that a change touched.
func (c *proofCheck) touched() ([]change.Touched, error) {
	var out []change.Touched
	last := ""
	for {
		t, err := c.reader.file()
		if err != nil || t == nil {
			return out, err
		}
		if len(out) == chain.MaxTouched {
			return nil, fmt.Errorf("%w: a change of more than %d files", ErrProof, chain.MaxTouched)
		}
		if t.Path <= last {
			return nil, fmt.Errorf("%w: the files of a change are out of order", ErrProof)
		}
		out, last = append(out, *t), t.Path
	}
}

// change notes one change that was judged to be valid.
func (c *proofCheck) change(before, state *chain.State, raw []byte, touched []change.Touched) error {
	c.proven.Changes++
	if before == nil || before.Policy() != state.Policy() {
		spansOf(c.spans, state.Policy(), state.Head().Seq)
	}
	if c.o.Event == nil {
		return nil
	}
	p, err := change.Parse(raw)
	if err != nil {
		return err
	}
	var parent change.Parent
	if before != nil {
		parent = before
	}
	ops, err := change.Operations(parent, touched)
	if err != nil {
		return err
	}
	h := state.Head()
	return c.o.Event(Event{Time: p.Time, Handle: p.Author.Handle, Device: p.Author.Device, Change: &Change{
		Seq: h.Seq, ID: h.ID, Sum: h.Sum, Subject: p.Subject, Operations: operationsOf(ops),
	}})
}

// arrive holds the end of the chain to what the proof says, and to what the caller
// knows.
func (c *proofCheck) arrive(state *chain.State) error {
	if state == nil {
		return fmt.Errorf("%w: it holds no change", ErrProof)
	}
	h := state.Head()
	switch {
	case state.VaultID() != c.proven.Vault:
		c.find(Finding{Class: Tampered, What: "the history is of the vault " + state.VaultID()})
	case h.Seq != c.proven.Head.Seq || h.Sum != c.proven.Head.Sum:
		c.find(Finding{Class: Tampered, Seq: h.Seq, What: fmt.Sprintf("the history ends with another change than change %d that the proof names", c.proven.Head.Seq)})
	default:
		if err := state.CheckDescends(c.o.Floor); err != nil {
			c.find(Finding{Class: Rewind, Seq: c.o.Floor.Seq, What: "the history does not hold the floor: " + err.Error()})
		}
	}
	c.proven.State, c.proven.Head = state, h
	c.proven.Checks = append(c.proven.Checks, Check{Name: "chain", Count: c.proven.Changes, What: "signed changes"})
	return nil
}

// batches judges the batches of receipts, each on what it names as its parent: a
// proof has every line of the branch that its writer knew, and one says nothing about
// another. Their trees and sealed files are not in a proof: the signature covers the
// hashes at both ends, and opened receipts prove themselves by those.
func (c *proofCheck) batches(ctx context.Context) error {
	j := &judge{state: c.proven.State, branch: &Branch{}, seen: map[repo.Hash]place{}, device: func(id string) (span, error) { return c.spans[id], nil }}
	for !c.stopped() {
		if err := ctx.Err(); err != nil {
			return err
		}
		kind, raw, err := c.reader.either(partStray, partBatch)
		if err != nil {
			return err
		}
		if raw == nil {
			break
		}
		if err := c.commit(j, kind, raw); err != nil {
			return err
		}
	}
	if c.stopped() {
		return nil
	}
	c.proven.Findings = append(c.proven.Findings, chains(j.branch.Posted)...)
	c.proven.Batches = len(j.branch.Posted)
	c.proven.Checks = append(c.proven.Checks,
		Check{Name: "receipts", Count: c.proven.Batches, What: "signed batches of receipts; their ends, and whole devices, may be withheld"},
		c.read())
	return nil
}

// read says how much of the readings could be looked at.
func (c *proofCheck) read() Check {
	x := Check{Name: "readings", Count: c.proven.Receipts, What: "receipts, each proved by its hash"}
	if n := c.proven.Closed; n > 0 {
		x.Skipped = fmt.Sprintf("the proof leaves out what %d of its %d batches hold", n, c.proven.Batches)
	}
	return x
}

// commit takes in one commit of the branch, and its place on its line.
func (c *proofCheck) commit(j *judge, kind byte, raw []byte) error {
	id, parent := repo.Hash(change.CommitID(raw)), parentOf(raw)
	if c.awaited[id] {
		return fmt.Errorf("%w: a batch of receipts comes before the one that it follows", ErrProof)
	}
	before := j.after(parent)
	if before == nil && !parent.IsZero() {
		c.awaited[parent] = true
	}
	sum := sha256.Sum256(raw)
	if kind == partBatch {
		if err := c.batch(j, step{id: id, sum: sum}, raw, before); err != nil {
			return err
		}
	}
	j.seen[id] = place{j.head, sum}
	return nil
}

// batch judges one batch, and the receipts that the proof opens of it.
func (c *proofCheck) batch(j *judge, s step, raw []byte, before *[32]byte) error {
	s.batch, s.err = batch.Parse(raw)
	counted, told := len(j.branch.Posted), len(j.branch.Findings)
	if err := j.step(s, before); err != nil {
		return err
	}
	c.proven.Findings = append(c.proven.Findings, j.branch.Findings[told:]...)
	entries, err := c.reader.opened()
	if entries == nil && len(j.branch.Posted) > counted {
		c.proven.Closed++
	}
	if err != nil || entries == nil || len(j.branch.Posted) == counted {
		return err
	}
	p := j.branch.Posted[counted]
	if err := p.CheckEntries(entries); err != nil {
		c.find(p.finding(Tampered, "the receipts are not those of the batch: %v", err))
		return nil
	}
	c.proven.Receipts += len(entries)
	return c.readings(p, entries)
}

func (c *proofCheck) readings(p Posted, entries []receipt.Entry) error {
	for _, e := range entries {
		if f := p.receipt(c.proven.State, e); f != nil {
			c.find(*f)
		}
		if c.o.Event == nil {
			continue
		}
		if err := c.o.Event(Event{Time: e.Time, Handle: p.Handle, Device: p.Author.Device, Read: &Read{e.Receipt, p.ID}}); err != nil {
			return err
		}
	}
	return nil
}

// end holds the proof to its own hash, which tells damage from lies.
func (c *proofCheck) end(context.Context) error {
	data, err := c.reader.next(partEnd)
	if err == nil && data == nil {
		err = fmt.Errorf("%w: its parts are out of order", ErrProof)
	}
	return err
}
