package record

import (
	"bytes"
	"encoding/hex"
	"strconv"
)

const maxLine = 120 // longer than any line of a header

// parseHeader reads the header from the start of data and returns what follows it.
func parseHeader(data []byte) (Header, []byte, error) {
	r := lines{rest: data}
	var h Header
	r.exact(magic)
	h.Kind = Kind(r.field("kind"))
	h.State = State(r.field("state"))
	h.Epoch = r.number("epoch")
	h.Version = r.number("version")
	h.Seq = r.number("seq")
	h.Since = r.number("since")
	h.Before = r.before()
	h.Label = r.length("label")
	h.Value = r.length("value")
	r.exact("")
	if r.err != nil {
		return Header{}, nil, r.err
	}
	if err := h.check(); err != nil {
		return Header{}, nil, err
	}
	return h, r.rest, nil
}

// lines reads one line after the other. After the first error it reads no more.
type lines struct {
	rest []byte
	err  error
}

func (r *lines) next() string {
	if r.err != nil {
		return ""
	}
	end := bytes.IndexByte(r.rest[:min(len(r.rest), maxLine)], '\n')
	if end < 0 {
		r.err = malformed("the header ends early or has a long line")
		return ""
	}
	line := string(r.rest[:end])
	r.rest = r.rest[end+1:]
	return line
}

func (r *lines) exact(want string) {
	if line := r.next(); r.err == nil && line != want {
		r.err = malformed("the header lacks its line %q", want)
	}
}

func (r *lines) field(name string) string {
	line := r.next()
	if r.err != nil {
		return ""
	}
	if len(line) <= len(name) || line[:len(name)] != name || line[len(name)] != ' ' {
		r.err = malformed("the header lacks its line %q", name)
		return ""
	}
	return line[len(name)+1:]
}

// number reads decimal digits without leading zeros.
func (r *lines) number(name string) uint64 {
	text := r.field(name)
	if r.err != nil {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n > MaxNumber || strconv.FormatUint(n, 10) != text {
		r.err = malformed("%s is no number in decimal digits", name)
		return 0
	}
	return n
}

func (r *lines) length(name string) int {
	n := r.number(name)
	if r.err == nil && n > MaxRecord {
		r.err = malformed("%s is longer than a record", name)
		return 0
	}
	return int(n)
}

func (r *lines) before() *Before {
	text := r.field("before")
	if r.err != nil || text == "none" {
		return nil
	}
	var b Before
	hash, err1 := hex.DecodeString(text[:min(len(text), 40)])
	sum, err2 := hex.DecodeString(text[min(len(text), 41):])
	copy(b.Hash[:], hash)
	copy(b.Sum[:], sum)
	if err1 != nil || err2 != nil || b.String() != text {
		r.err = malformed("before is neither none nor two hashes in hex")
		return nil
	}
	return &b
}
