package audit

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/secr/secr/audit/batch"
	"github.com/secr/secr/audit/receipt"
	"github.com/secr/secr/keys"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/change"
)

// ErrProof says that bytes are no proof in the one form that it may have.
var ErrProof = errors.New("not a proof, or a damaged one")

const proofMagic = "secr/1 proof\n"

// The kinds of parts of a proof, docs/spec/proof.md.
const (
	partHead     = 'H' // vault, head and time
	partChange   = 'C' // a raw change
	partFile     = 'F' // a file that the change before wrote
	partDeleted  = 'D' // one that it deleted
	partStray    = 'S' // a raw commit of the receipts branch that counts for nobody
	partBatch    = 'B' // a raw batch of receipts
	partReceipts = 'R' // what is in the batch before, opened
	partEnd      = 'E' // SHA-256 of everything before
)

// Limits of the parts, in bytes.
const (
	maxProofFile     = 4 << 20
	maxProofStray    = 64 << 10
	maxProofReceipts = batch.MaxPlain + 4*batch.MaxReceipts
	headSize         = 26 + 8 + 32 + 8
)

// maxPart is the size of the largest part of a kind.
func maxPart(kind byte) int {
	switch kind {
	case partHead:
		return headSize
	case partChange:
		return change.MaxSize
	case partFile, partDeleted:
		return maxProofFile
	case partStray:
		return maxProofStray
	case partBatch:
		return batch.MaxCommit
	case partReceipts:
		return maxProofReceipts
	case partEnd:
		return sha256.Size
	}
	return -1
}

// ExportOptions say what goes into a proof.
type ExportOptions struct {
	// Readings puts opened receipts in: who receives the proof reads who read what,
	// where, and why. It needs audit or manage. Without it, the batches' signatures
	// and hashes still show that nothing is missing between them.
	Readings bool
	Now      int64 // Unix seconds
}

// Exported is what [Export] wrote.
type Exported struct {
	Changes, Batches, Receipts int
	Unopened                   int // batches whose receipts are not in it: they don't open, or are not wanted
	// Broken is the first thing in the proof that is more than a note, or nil.
	Broken *Finding
}

// export is [Export] without its check.
func export(ctx context.Context, v *vault.Vault, to io.Writer, o ExportOptions) (Exported, error) {
	w := newProofWriter(to)
	var sum Exported
	head := v.Head()
	first := append([]byte(v.ID()), make([]byte, 8)...)
	binary.BigEndian.PutUint64(first[len(v.ID()):], head.Seq)
	first = binary.BigEndian.AppendUint64(append(first, head.Sum[:]...), uint64(o.Now))
	w.part(partHead, first)
	for p, err := range passed(ctx, v) {
		if err == nil {
			err = p.load(ctx, v.Repo())
		}
		if err == nil {
			var raw []byte
			raw, err = v.Repo().Commit(p.link.ID)
			w.part(partChange, raw)
		}
		if err != nil {
			return sum, err
		}
		for _, f := range p.files {
			if f.New == nil {
				w.part(partDeleted, []byte(f.Path))
				continue
			}
			w.part(partFile, append(keys.LP([]byte(f.Path)), f.New.Data...))
		}
		p.files = nil
		sum.Changes++
	}
	if err := w.receipts(ctx, v, o, &sum); err != nil {
		return sum, err
	}
	return sum, w.end()
}

// proofWriter writes parts and remembers the first error.
type proofWriter struct {
	buffer *bufio.Writer
	hash   hash.Hash
	err    error
}

func newProofWriter(to io.Writer) *proofWriter {
	w := &proofWriter{buffer: bufio.NewWriterSize(to, 1<<16), hash: sha256.New()}
	w.write([]byte(proofMagic))
	return w
}

func (w *proofWriter) write(b []byte) {
	if w.err == nil {
		w.hash.Write(b)
		_, w.err = w.buffer.Write(b)
	}
}

func (w *proofWriter) part(kind byte, data []byte) {
	if w.err == nil && len(data) > maxPart(kind) {
		w.err = fmt.Errorf("a part of %d bytes is too large for a proof", len(data))
	}
	w.write(binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(data))))
	w.write(data)
}

func (w *proofWriter) end() error {
	w.part(partEnd, w.hash.Sum(nil))
	if w.err != nil {
		return w.err
	}
	return w.buffer.Flush()
}

// receipts writes the batches that are signed by devices of the vault.
func (w *proofWriter) receipts(ctx context.Context, v *vault.Vault, o ExportOptions, sum *Exported) error {
	known, err := ReadKnown(v)
	if err != nil {
		return err
	}
	b, err := known.Read(ctx, v)
	if err != nil {
		return err
	}
	if o.Readings && len(b.Posted) > 0 {
		if _, err := v.AuditIdentity(ctx, v.Policy().Audit().Epoch); err != nil {
			return err
		}
	}
	strays := b.Strays
	for i, p := range b.Posted {
		if strays, err = w.strays(v, strays, i); err != nil {
			return err
		}
		raw, err := v.Repo().Commit(p.ID)
		if err != nil {
			return err
		}
		w.part(partBatch, raw)
		sum.Batches++
		if !o.Readings {
			sum.Unopened++
			continue
		}
		entries, err := OpenBatch(ctx, v, v.Repo(), p)
		var bad *Finding
		if errors.As(err, &bad) {
			sum.Unopened++
			continue
		}
		if err != nil {
			return err
		}
		var plain []byte
		for _, e := range entries {
			plain = append(plain, keys.LP(e.Plaintext)...)
		}
		w.part(partReceipts, plain)
		sum.Receipts += len(entries)
	}
	if _, err := w.strays(v, strays, len(b.Posted)); err != nil {
		return err
	}
	return w.err
}

// strays writes the commits that count for nobody and come before a batch, and
// returns the others: the line of a batch is known by the commits before it.
func (w *proofWriter) strays(v *vault.Vault, all []Stray, before int) ([]Stray, error) {
	for len(all) > 0 && all[0].Before <= before {
		raw, err := v.Repo().Commit(all[0].ID)
		if err != nil {
			return nil, err
		}
		w.part(partStray, raw)
		all = all[1:]
	}
	return all, nil
}

// proofReader reads parts.
type proofReader struct {
	buffer *bufio.Reader
	hash   hash.Hash
	ahead  *section
}

// section is one part that was read.
type section struct {
	kind byte
	data []byte
}

func newProofReader(from io.Reader) (*proofReader, error) {
	r := &proofReader{buffer: bufio.NewReaderSize(from, 1<<16), hash: sha256.New()}
	magic, err := r.read(len(proofMagic))
	if err != nil {
		return nil, err
	}
	if string(magic) != proofMagic {
		return nil, fmt.Errorf("%w: it does not begin as one", ErrProof)
	}
	return r, nil
}

func (r *proofReader) read(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(r.buffer, b); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, fmt.Errorf("%w: it is cut short", ErrProof)
		}
		return nil, err
	}
	r.hash.Write(b)
	return b, nil
}

// peek looks at the next part. The end is checked when it comes.
func (r *proofReader) peek() (*section, error) {
	if r.ahead != nil {
		return r.ahead, nil
	}
	before := r.hash.Sum(nil)
	head, err := r.read(5)
	if err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if limit := maxPart(head[0]); limit < 0 || int64(n) > int64(limit) {
		return nil, fmt.Errorf("%w: a part of kind %q with %d bytes", ErrProof, head[0], n)
	}
	data, err := r.read(int(n))
	if err != nil {
		return nil, err
	}
	r.ahead = &section{head[0], data}
	if head[0] == partEnd {
		return r.ahead, r.finish(before)
	}
	return r.ahead, nil
}

func (r *proofReader) finish(before []byte) error {
	if string(r.ahead.data) != string(before) {
		return fmt.Errorf("%w: its SHA-256 is another than it says", ErrProof)
	}
	if _, err := r.buffer.ReadByte(); err == nil {
		return fmt.Errorf("%w: bytes after its end", ErrProof)
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// next takes the next part if it is of that kind; nil if it is of another.
func (r *proofReader) next(kind byte) ([]byte, error) {
	p, err := r.peek()
	if err != nil || p.kind != kind {
		return nil, err
	}
	r.ahead = nil
	if p.data == nil {
		p.data = []byte{}
	}
	return p.data, nil
}

// either takes the next part if it is of one of two kinds.
func (r *proofReader) either(a, b byte) (byte, []byte, error) {
	data, err := r.next(a)
	if data != nil || err != nil {
		return a, data, err
	}
	data, err = r.next(b)
	return b, data, err
}

// file takes the next touched path of a change; nil if there is none.
func (r *proofReader) file() (*change.Touched, error) {
	path, err := r.next(partDeleted)
	if err != nil {
		return nil, err
	}
	t := change.Touched{Path: string(path)}
	if path == nil {
		data, err := r.next(partFile)
		if err != nil || data == nil {
			return nil, err
		}
		name, rest, ok := cutLP(data)
		if !ok {
			return nil, fmt.Errorf("%w: a file without a path", ErrProof)
		}
		t = change.Touched{Path: string(name), New: change.NewBlob(rest)}
	}
	return &t, nil
}

// cutLP takes one length-prefixed text off the front.
func cutLP(b []byte) (first, rest []byte, ok bool) {
	if len(b) < 4 || uint64(binary.BigEndian.Uint32(b)) > uint64(len(b)-4) {
		return nil, nil, false
	}
	n := 4 + int(binary.BigEndian.Uint32(b))
	return b[4:n:n], b[n:], true
}

// opened takes the receipts of the batch before; nil if they were left out.
func (r *proofReader) opened() ([]receipt.Entry, error) {
	data, err := r.next(partReceipts)
	if err != nil || data == nil {
		return nil, err
	}
	out := []receipt.Entry{}
	for len(data) > 0 {
		plain, rest, ok := cutLP(data)
		if !ok {
			return nil, fmt.Errorf("%w: a receipt is cut short", ErrProof)
		}
		x, err := receipt.Decode(plain)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrProof, err)
		}
		out, data = append(out, receipt.Entry{Receipt: x, Plaintext: plain}), rest
	}
	return out, nil
}

// spansOf notes which devices a policy has in use.
func spansOf(spans map[string]span, p *policy.Policy, seq uint64) {
	for _, m := range p.Members() {
		for _, d := range m.Devices {
			s, ok := spans[d.ID]
			if !ok {
				s.from = seq
			}
			if s.to == 0 && (!m.Active() || !d.Active()) {
				s.to = seq
			}
			spans[d.ID] = s
		}
	}
}
