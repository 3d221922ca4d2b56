package local

import (
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// headMagic is the first line of a head file.
const headMagic = "secr/1 head"

// headLimit bounds a head file.
const headLimit = 256

// Head is one change of a vault: this machine's newest, or a remote's.
type Head struct {
	Seq uint64
	ID  [20]byte // the Git id of the commit
	Sum [32]byte // SHA-256 of the raw commit
}

// ReadHead reads the head file, which is the head: the Git ref is only its
// shadow. With no head yet it fails with fs.ErrNotExist, and with a
// [FileError] if the file is not exactly one that WriteHead wrote, or lies where
// another user could have put it.
func (v Vault) ReadHead() (Head, error) {
	for _, folder := range []string{v.home.State, v.State()} {
		if err := ownFolder(folder); err != nil {
			return Head{}, err
		}
	}
	path := v.headPath()
	text, err := ReadText(path, headLimit)
	if err != nil {
		return Head{}, err
	}
	h, err := parseHead(text)
	if err != nil {
		return Head{}, damaged(path, "%v", err)
	}
	return h, nil
}

// WriteHead replaces the head file durably. The caller holds the vault's
// lock, and has made the change's objects durable before.
func (v Vault) WriteHead(h Head) error { return v.WriteHeadOn(Disk{}, h) }

// WriteHeadOn is WriteHead on a disk of the caller's.
func (v Vault) WriteHeadOn(d Disk, h Head) error {
	return d.WriteFile(v.headPath(), []byte(h.format()))
}

func (v Vault) headPath() string { return filepath.Join(v.State(), "head") }

func (h Head) format() string { return headMagic + "\n" + h.line() + "\n" }

func (h Head) line() string {
	return fmt.Sprintf("%d %x %x", h.Seq, h.ID, h.Sum)
}

func parseHead(text string) (Head, error) {
	rest, ok := strings.CutPrefix(text, headMagic+"\n")
	if !ok {
		return Head{}, fmt.Errorf("the first line is not %q", headMagic)
	}
	line, ok := strings.CutSuffix(rest, "\n")
	if !ok {
		return Head{}, fmt.Errorf("it is cut short")
	}
	return parseHeadLine(line)
}

// parseHeadLine reads what Head.line wrote and nothing else: the numbers
// have one spelling each.
func parseHeadLine(line string) (Head, error) {
	var h Head
	fields := strings.Split(line, " ")
	if len(fields) != 3 {
		return h, fmt.Errorf("a head is a number and two hashes")
	}
	seq, err := parseNumber(fields[0])
	if err != nil {
		return h, err
	}
	h.Seq = seq
	if err := parseHex(h.ID[:], fields[1]); err != nil {
		return h, err
	}
	if err := parseHex(h.Sum[:], fields[2]); err != nil {
		return h, err
	}
	return h, nil
}

// parseNumber reads a decimal number without sign or leading zeros.
func parseNumber(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || strconv.FormatUint(n, 10) != s {
		return 0, fmt.Errorf("%q is not a number", cut(s))
	}
	return n, nil
}

// parseHex fills out from exactly as many lower-case hex digits as it needs.
func parseHex(out []byte, s string) error {
	if len(s) != 2*len(out) || strings.ToLower(s) != s {
		return fmt.Errorf("%q is not a hash of %d hex digits", cut(s), 2*len(out))
	}
	if _, err := hex.Decode(out, []byte(s)); err != nil {
		return fmt.Errorf("%q is not a hash of %d hex digits", cut(s), 2*len(out))
	}
	return nil
}
