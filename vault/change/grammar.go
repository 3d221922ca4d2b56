package change

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ErrMalformed says that bytes are not a change in the one spelling there is.
var ErrMalformed = errors.New("malformed change")

const (
	armorFirst = "-----BEGIN SSH SIGNATURE-----\n"
	armorLast  = "-----END SSH SIGNATURE-----\n"
	armorWidth = 70  // characters of base64 a line
	armorChars = 232 // characters of base64 in all: an SSHSIG with an Ed25519 key
	zone       = " +0000\n"
	none       = "none"
)

// Encode writes the change that d describes, signed by sign, which gets the bytes of the
// commit without the signature and returns the armor that sign.Signer makes of them. It
// fails when d or the armor is outside the grammar.
func (d Draft) Encode(sign func(payload []byte) string) ([]byte, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	armored := sign(d.Payload())
	if err := checkArmor(armored); err != nil {
		return nil, err
	}
	raw := Change{Draft: d, Signature: armored}.encode()
	if len(raw) > MaxSize {
		return nil, bad("%d bytes, more than %d", len(raw), MaxSize)
	}
	return raw, nil
}

// Payload is what the signature is over: the commit without its gpgsig header.
func (d Draft) Payload() []byte { return Change{Draft: d}.encode() }

// Parse reads a raw commit. It accepts exactly what Draft.Encode writes; everything else
// is ErrMalformed. It does not verify the signature, and does not know who may sign.
func Parse(raw []byte) (Change, error) {
	if len(raw) > MaxSize {
		return Change{}, bad("%d bytes, more than %d", len(raw), MaxSize)
	}
	if err := checkText(raw); err != nil {
		return Change{}, err
	}
	r := reader{rest: string(raw)}
	c := r.change()
	if r.err != nil {
		return Change{}, r.err
	}
	if err := c.check(); err != nil {
		return Change{}, err
	}
	if err := checkArmor(c.Signature); err != nil {
		return Change{}, err
	}
	// Whatever the steps above let through, there is one spelling.
	if !bytes.Equal(c.encode(), raw) {
		return Change{}, bad("not in the one spelling there is")
	}
	return c, nil
}

// encode writes c; without a signature, its payload.
func (c Change) encode() []byte {
	b := make([]byte, 0, 1024)
	b = append(hex.AppendEncode(append(b, "tree "...), c.Tree[:]), '\n')
	if !c.Founding() {
		b = append(hex.AppendEncode(append(b, "parent "...), c.Parent[:]), '\n')
	}
	for _, role := range [...]string{"author ", "committer "} {
		b = append(b, role...)
		b = append(b, c.Author.Handle+" <"+c.Author.Device+"@"+c.Author.Vault+"> "...)
		b = append(strconv.AppendInt(b, c.Time, 10), zone...)
	}
	if c.Signature != "" {
		lines := strings.TrimSuffix(c.Signature, "\n")
		b = append(b, "gpgsig "+strings.ReplaceAll(lines, "\n", "\n ")+"\n"...)
	}
	b = append(b, "\n"+c.Subject+"\n\nSecr-Seq: "...)
	b = strconv.AppendUint(b, c.Seq, 10)
	b = hex.AppendEncode(append(b, "\nSecr-Op: "...), c.Op[:])
	b = append(b, "\nSecr-Parent: "...)
	if c.Founding() {
		b = append(b, none...)
	} else {
		b = hex.AppendEncode(b, c.ParentSum[:])
	}
	b = hex.AppendEncode(append(b, "\nSecr-Changes: "...), c.ChangesSum[:])
	return append(b, '\n')
}

// reader takes a change apart from the front. After the first error it does nothing.
type reader struct {
	rest string
	err  error
}

func (r *reader) change() Change {
	var c Change
	r.hex(c.Tree[:], r.line("tree "), "tree")
	hasParent := strings.HasPrefix(r.rest, "parent ")
	if hasParent {
		r.hex(c.Parent[:], r.line("parent "), "parent")
	}
	c.Author, c.Time = r.author("author ")
	if committer, time := r.author("committer "); r.err == nil && (committer != c.Author || time != c.Time) {
		r.fail("the committer line differs from the author line")
	}
	c.Signature = r.signature()
	r.expect("\n", "the headers end after gpgsig")
	c.Subject = r.line("")
	r.expect("\n", "an empty line follows the subject")
	c.Seq = r.number(r.line("Secr-Seq: "), "Secr-Seq")
	r.hex(c.Op[:], r.line("Secr-Op: "), "Secr-Op")
	if parent := r.line("Secr-Parent: "); parent != none || hasParent {
		r.hex(c.ParentSum[:], parent, "Secr-Parent")
	}
	r.hex(c.ChangesSum[:], r.line("Secr-Changes: "), "Secr-Changes")
	if r.err == nil && r.rest != "" {
		r.fail("bytes after the last trailer")
	}
	if r.err == nil && hasParent == c.Founding() {
		r.fail("only the change with Secr-Seq 1 has no parent")
	}
	return c
}

// line takes one line that starts with prefix and returns what follows the prefix.
func (r *reader) line(prefix string) string {
	if r.err != nil {
		return ""
	}
	line, rest, found := strings.Cut(r.rest, "\n")
	value, ok := strings.CutPrefix(line, prefix)
	if !found || !ok {
		r.fail("%s", "expected a line with "+strconv.Quote(prefix))
		return ""
	}
	r.rest = rest
	return value
}

func (r *reader) expect(text, what string) {
	if r.err != nil {
		return
	}
	rest, ok := strings.CutPrefix(r.rest, text)
	if !ok {
		r.fail("%s", what)
		return
	}
	r.rest = rest
}

func (r *reader) author(prefix string) (Author, int64) {
	line := r.line(prefix)
	if r.err != nil {
		return Author{}, 0
	}
	handle, rest, ok1 := strings.Cut(line, " <")
	device, rest, ok2 := strings.Cut(rest, "@")
	vault, rest, ok3 := strings.Cut(rest, "> ")
	time, ok4 := strings.CutSuffix(rest, strings.TrimSuffix(zone, "\n"))
	if !ok1 || !ok2 || !ok3 || !ok4 {
		r.fail("the %sline is not <handle> <<device>@<vault>> <time> +0000", prefix)
		return Author{}, 0
	}
	seconds := r.number(time, prefix+"time")
	if seconds > MaxTime {
		r.fail("the time is after the year 9999")
		return Author{}, 0
	}
	return Author{Handle: handle, Device: device, Vault: vault}, int64(seconds)
}

// signature takes the gpgsig header: its first line, then the lines that start with a
// space.
func (r *reader) signature() string {
	first := r.line("gpgsig ")
	if r.err != nil {
		return ""
	}
	lines := []string{first}
	for strings.HasPrefix(r.rest, " ") {
		lines = append(lines, r.line(" "))
		if r.err != nil {
			return ""
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// number reads a decimal without sign or leading zeros.
func (r *reader) number(text, what string) uint64 {
	if r.err != nil {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || strconv.FormatUint(n, 10) != text {
		r.fail("%s is not a decimal number", what)
		return 0
	}
	return n
}

func (r *reader) hex(into []byte, text, what string) {
	if r.err != nil {
		return
	}
	if len(text) != 2*len(into) {
		r.fail("%s is not %d hexadecimal digits", what, 2*len(into))
		return
	}
	if _, err := hex.Decode(into, []byte(text)); err != nil || strings.ToLower(text) != text {
		r.fail("%s is not %d lower-case hexadecimal digits", what, 2*len(into))
	}
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = bad(format, args...)
	}
}

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// checkText refuses bytes that stand nowhere in a change.
func checkText(raw []byte) error {
	for i, b := range raw {
		if b < ' ' && b != '\n' || b == 0x7f {
			return bad("control byte %#02x at %d", b, i)
		}
	}
	if !utf8.Valid(raw) {
		return bad("not UTF-8")
	}
	return nil
}

// checkArmor holds the armor to its only possible shape. What is inside is for
// sign.VerifyCommit to check.
func checkArmor(armored string) error {
	body, ok1 := strings.CutPrefix(armored, armorFirst)
	body, ok2 := strings.CutSuffix(body, armorLast)
	if !ok1 || !ok2 {
		return bad("gpgsig is not an armored SSH signature")
	}
	for left := armorChars; left > 0; left -= armorWidth {
		n := min(left, armorWidth)
		line, rest, _ := strings.Cut(body, "\n")
		if len(line) != n || strings.Trim(line, base64Chars) != "" {
			return bad("gpgsig is not %d characters of base64 in lines of %d", armorChars, armorWidth)
		}
		body = rest
	}
	if body != "" {
		return bad("gpgsig is longer than a signature is")
	}
	return nil
}

const base64Chars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
