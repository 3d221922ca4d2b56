// Package batch is the form in which a device publishes its receipts: a file that
// only auditors can open, and a signed commit that holds that file and nothing
// else. What the commit says in clear (which numbers, the hashes at both ends, the
// vault's head) lets everybody see a gap or a fork, and tells nobody what was read:
// receipts are salted.
//
//	tree <40 hex>
//	parent <40 hex>                                      the branch's first has none
//	author <handle> <<device-id>@<vault-id>> <time> +0000
//	committer <the same as author>
//	gpgsig <an SSH signature, as of a change>
//
//	receipts <first> to <last>
//
//	Secr-Receipts: <first>-<last>
//	Secr-Previous: <64 hex>        the receipt before first; zeros for number 1
//	Secr-Last: <64 hex>            the receipt last
//	Secr-Head: <seq>:<64 hex>      the newest change that the device had
//	Secr-Audit: <epoch>            of the audit key that the file is sealed to
//	Secr-Batch: <64 hex>           SHA-256 of the file
//	Secr-Parent: <64 hex>|none     SHA-256 of the raw parent commit
//
// There is one spelling, and no change of a vault is a batch or the reverse. The
// format is docs/spec/receipts.md; who may have made a batch is package audit's to
// judge.
package batch

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/secr/secr/keys/sign"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/change"
)

// Branch is the ref that all devices publish on.
const Branch = "refs/heads/secr/receipts"

var (
	// ErrMalformed says that bytes are not in the one form that they may have.
	ErrMalformed = errors.New("malformed batch of receipts")
	// ErrTampered says that a file is not the one that its commit fixes.
	ErrTampered = errors.New("a batch of receipts is not what its commit says")
)

// The limits of one batch.
const (
	MaxCommit   = 4 << 10 // bytes of the raw commit
	MaxReceipts = 1024
	MaxPlain    = 8 << 20 // bytes of all receipts
	MaxFile     = 9 << 20 // bytes of the sealed file
	MaxNumber   = 1<<53 - 1
)

// Draft is what a batch's commit says, without the signature.
type Draft struct {
	Tree     [20]byte // git id of the tree, which holds the one file
	Parent   [20]byte // git id of the commit before; zero for the branch's first
	Author   change.Author
	Time     int64       // Unix seconds, as the device says it
	First    uint64      // number of the first receipt
	Last     uint64      // number of the last one
	Previous [32]byte    // hash of the receipt before First; zero if First is 1
	Sum      [32]byte    // hash of the receipt Last
	Head     chain.Point // the newest change that the device had
	Epoch    uint64      // of the audit key
	File     [32]byte    // SHA-256 of the sealed file
	// ParentSum is the SHA-256 of the raw parent; not used in the branch's first.
	ParentSum [32]byte
}

// Batch is a signed batch, parsed.
type Batch struct {
	Draft
	// Signature is the armored SSH signature, with its final line end.
	Signature string
	// Signer is the public key inside it. The signature verifies under that key;
	// whose key it is, the policy says.
	Signer [32]byte
}

// Root says whether the batch is the branch's first.
func (d Draft) Root() bool { return d.Parent == [20]byte{} }

// Name is the name of the batch's file in the folder of its device. Its second half
// keeps two files apart that start with the same number.
func (d Draft) Name() string { return fmt.Sprintf("%d-%x", d.First, d.File[:8]) }

// Path is where the batch's file is in the tree.
func (d Draft) Path() string { return d.Author.Device + "/" + d.Name() }

// Encode writes the commit, signed by sign, which gets the bytes without the
// signature.
func (d Draft) Encode(signer func(payload []byte) string) ([]byte, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	return []byte(d.text(signer([]byte(d.text(""))))), nil
}

// text is the commit with a signature, or its payload without one.
func (d Draft) text(armored string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "tree %x\n", d.Tree)
	if !d.Root() {
		fmt.Fprintf(&b, "parent %x\n", d.Parent)
	}
	for _, role := range []string{"author", "committer"} {
		fmt.Fprintf(&b, "%s %s <%s@%s> %d +0000\n", role, d.Author.Handle, d.Author.Device, d.Author.Vault, d.Time)
	}
	if armored != "" {
		b.WriteString("gpgsig " + strings.ReplaceAll(strings.TrimSuffix(armored, "\n"), "\n", "\n ") + "\n")
	}
	fmt.Fprintf(&b, "\nreceipts %d to %d\n\nSecr-Receipts: %d-%d\n", d.First, d.Last, d.First, d.Last)
	fmt.Fprintf(&b, "Secr-Previous: %x\nSecr-Last: %x\nSecr-Head: %s\n", d.Previous, d.Sum, d.Head)
	fmt.Fprintf(&b, "Secr-Audit: %d\nSecr-Batch: %x\nSecr-Parent: ", d.Epoch, d.File)
	if d.Root() {
		b.WriteString("none\n")
	} else {
		fmt.Fprintf(&b, "%x\n", d.ParentSum)
	}
	return b.String()
}

// check holds the values of a draft to the grammar.
func (d Draft) check() error {
	switch {
	case !policy.ValidName(d.Author.Handle):
		return bad("the author's handle is not a name")
	case !policy.ValidID(d.Author.Device), !policy.ValidID(d.Author.Vault):
		return bad("the author's device or vault is not an id")
	case d.Time < 0 || d.Time > change.MaxTime:
		return bad("the time is before 1970 or after the year 9999")
	case d.First == 0 || d.Last < d.First || d.Last > MaxNumber || d.Last-d.First >= MaxReceipts:
		return bad("it is not of 1 to %d receipts", MaxReceipts)
	case (d.First == 1) != (d.Previous == [32]byte{}):
		return bad("Secr-Previous is zeros for the first receipt, and only for that")
	case d.Head.Seq == 0 || d.Head.Seq > change.MaxSeq:
		return bad("the head's number is not from 1 to %d", uint64(change.MaxSeq))
	case d.Epoch == 0 || d.Epoch > policy.MaxEpoch:
		return bad("the audit key's epoch is not from 1 to %d", policy.MaxEpoch)
	}
	return nil
}

// Parse reads a raw commit: exactly what [Draft.Encode] writes, with a signature
// that verifies under the key that it carries. Everything else is ErrMalformed, or
// one of package sign's errors.
func Parse(raw []byte) (Batch, error) {
	if len(raw) > MaxCommit {
		return Batch{}, bad("%d bytes, more than %d", len(raw), MaxCommit)
	}
	r := reader{rest: string(raw)}
	b := r.batch()
	if r.err != nil {
		return Batch{}, r.err
	}
	if err := b.check(); err != nil {
		return Batch{}, err
	}
	if b.text(b.Signature) != string(raw) {
		return Batch{}, bad("not in the one spelling there is")
	}
	var err error
	if b.Signer, _, err = sign.ParseArmor(b.Signature); err != nil {
		return Batch{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return b, sign.VerifyCommit(b.Signer, []byte(b.text("")), b.Signature)
}

// reader takes a commit apart from the front. After the first error it does nothing.
// It is lenient where writing the batch again shows the difference.
type reader struct {
	rest string
	err  error
}

func (r *reader) batch() Batch {
	var b Batch
	r.hex(b.Tree[:], r.line("tree "))
	root := !strings.HasPrefix(r.rest, "parent ")
	if !root {
		r.hex(b.Parent[:], r.line("parent "))
	}
	b.Author, b.Time = r.author()
	r.line("committer ")
	b.Signature = r.signature()
	r.line("")
	r.line("receipts ")
	r.line("")
	first, last, _ := strings.Cut(r.line("Secr-Receipts: "), "-")
	b.First, b.Last = r.number(first), r.number(last)
	r.hex(b.Previous[:], r.line("Secr-Previous: "))
	r.hex(b.Sum[:], r.line("Secr-Last: "))
	b.Head = r.point(r.line("Secr-Head: "))
	b.Epoch = r.number(r.line("Secr-Audit: "))
	r.hex(b.File[:], r.line("Secr-Batch: "))
	if parent := r.line("Secr-Parent: "); !root {
		r.hex(b.ParentSum[:], parent)
	}
	if r.err == nil && r.rest != "" {
		r.err = bad("bytes after the last trailer")
	}
	return b
}

// line takes one line that starts with prefix and returns what follows the prefix.
func (r *reader) line(prefix string) string {
	if r.err != nil {
		return ""
	}
	line, rest, found := strings.Cut(r.rest, "\n")
	value, ok := strings.CutPrefix(line, prefix)
	if !found || !ok {
		r.err = bad("expected a line that starts with %q", prefix)
		return ""
	}
	r.rest = rest
	return value
}

func (r *reader) author() (change.Author, int64) {
	line := r.line("author ")
	handle, rest, _ := strings.Cut(line, " <")
	device, rest, _ := strings.Cut(rest, "@")
	vault, rest, _ := strings.Cut(rest, "> ")
	time, ok := strings.CutSuffix(rest, " +0000")
	if r.err == nil && !ok {
		r.err = bad("the author line is not <handle> <<device>@<vault>> <time> +0000")
	}
	return change.Author{Handle: handle, Device: device, Vault: vault}, int64(r.number(time))
}

func (r *reader) signature() string {
	lines := []string{r.line("gpgsig ")}
	for r.err == nil && strings.HasPrefix(r.rest, " ") {
		lines = append(lines, r.line(" "))
	}
	return strings.Join(lines, "\n") + "\n"
}

func (r *reader) number(text string) uint64 {
	if r.err != nil {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		r.err = bad("%.30q is not a decimal number", text)
	}
	return n
}

func (r *reader) hex(into []byte, text string) {
	if r.err != nil {
		return
	}
	b, err := hex.DecodeString(text)
	if err != nil || copy(into, b) != len(into) || len(b) != len(into) {
		r.err = bad("not %d hexadecimal digits", 2*len(into))
	}
}

func (r *reader) point(text string) chain.Point {
	if r.err != nil {
		return chain.Point{}
	}
	p, err := chain.ParsePoint(text)
	if err != nil {
		r.err = bad("Secr-Head: %v", err)
	}
	return p
}

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}
