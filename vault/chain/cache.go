package chain

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"strings"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/policy"
)

// cacheMagic begins a cached state. Another layout gets another number, and is then
// rebuilt by whoever meets it.
const cacheMagic = "secr/1 state cache 2\n"

const maxDepth = 8 // folders in each other; the vault's tree has 6

// Encode writes a state for this machine's own cache. Decode reads it back. The bytes are
// derived, are not a format of the vault, and must not come from anywhere else: reading
// them back is trusting them. The files of members are left out: there may be thousands,
// and most who open a vault need one or two.
func (s *State) Encode() ([]byte, error) {
	founding, err := s.founding.Bytes()
	if err != nil {
		return nil, err
	}
	room := 1<<16 + int(s.log.len())*linkSize + 128*s.root.size.files // growing it would copy it many times
	b := append(make([]byte, 0, room), cacheMagic...)
	b = append(b, make([]byte, sha256.Size)...)
	b = appendBytes(b, founding)
	b = appendBytes(b, s.policy.EncodeOutline())
	b = binary.AppendUvarint(b, s.log.len())
	b = s.log.encode(b)
	b = appendDir(b, s.root)
	sum := sha256.Sum256(b[len(cacheMagic)+sha256.Size:])
	copy(b[len(cacheMagic):], sum[:])
	return b, nil
}

// Decode reads what Encode wrote, and keeps data. blob reads the content of a file by its
// git id, for the members' files when they are first asked for; what it returns is checked
// against the SHA-256 in the state. An error is an *Error of class Damaged: the caller
// makes the state again from the chain.
func Decode(data []byte, blob func(id [20]byte) ([]byte, error)) (*State, error) {
	body, ok := bytes.CutPrefix(data, []byte(cacheMagic))
	if !ok || len(body) < sha256.Size {
		return nil, damaged("not a state cache of this program")
	}
	if sum := sha256.Sum256(body[sha256.Size:]); !bytes.Equal(sum[:], body[:sha256.Size]) {
		return nil, damaged("its checksum is wrong")
	}
	r := &cacheReader{rest: string(body[sha256.Size:])}
	s := r.state(blob)
	if r.bad || r.rest != "" {
		return nil, damaged("its bytes are in disorder")
	}
	return s, nil
}

func damaged(what string) *Error {
	return &Error{Class: Damaged, Rule: "cache", What: "the cached state is of no use: " + what}
}

func appendBytes(b, data []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(data))), data...)
}

// The kinds of entry in a cached folder.
const (
	cachedFile = iota
	cachedSecret
	cachedDir
)

func appendDir(b []byte, d *dir) []byte {
	b = binary.AppendUvarint(b, uint64(len(d.entries)))
	for _, e := range d.entries {
		switch f := e.file; {
		case e.dir != nil:
			b = appendDir(appendBytes(append(b, cachedDir), []byte(e.name)), e.dir)
		case f.secret == secret{}:
			b = appendFile(appendBytes(append(b, cachedFile), []byte(e.name)), f)
		default:
			b = appendFile(appendBytes(append(b, cachedSecret), []byte(e.name)), f)
			for _, n := range [...]uint64{f.secret.epoch, f.secret.version, f.secret.seq, f.secret.since} {
				b = binary.AppendUvarint(b, n)
			}
			if f.secret.deleted {
				b = append(b, 1)
			} else {
				b = append(b, 0)
			}
		}
	}
	return b
}

func appendFile(b []byte, f *file) []byte {
	b = append(append(b, f.id[:]...), f.sum[:]...)
	return binary.AppendUvarint(b, uint64(f.size))
}

// cacheReader takes a cache apart. After the first thing that is wrong it gives zeros.
type cacheReader struct {
	rest string
	bad  bool
}

func (r *cacheReader) state(blob func([20]byte) ([]byte, error)) *State {
	s := new(State)
	founding := []byte(r.bytes())
	encoded := []byte(r.bytes())
	n := r.count(linkSize)
	s.log = &chainLog{n: uint64(n), base: []byte(r.take(n * linkSize))}
	s.root = r.dir(0)
	if r.bad || n == 0 {
		r.bad = true
		return nil
	}
	s.vault = keys.VaultID(founding)
	var err1, err2 error
	s.founding, err1 = policy.ParseFounding(founding)
	s.policy, err2 = policy.DecodeOutline(encoded, s.root.reader(blob))
	r.bad = err1 != nil || err2 != nil
	s.ops = opsOf(s.log)
	return s
}

// reader reads files under d by their path, and checks what it gets.
func (d *dir) reader(blob func([20]byte) ([]byte, error)) func(string) ([]byte, error) {
	return func(path string) ([]byte, error) {
		f := d.file(path)
		if f == nil {
			return nil, damaged("a member's file is missing")
		}
		data, err := blob(f.id)
		if err == nil && sha256.Sum256(data) != f.sum {
			err = damaged("a member's file is another")
		}
		return data, err
	}
}

// take is the next n bytes.
func (r *cacheReader) take(n int) string {
	if r.bad || n < 0 || n > len(r.rest) {
		r.bad = true
		return ""
	}
	part := r.rest[:n]
	r.rest = r.rest[n:]
	return part
}

func (r *cacheReader) number() uint64 {
	var n uint64
	for shift := 0; shift < 64; shift += 7 {
		b := r.take(1)
		if b == "" {
			return 0
		}
		n |= uint64(b[0]&0x7f) << shift
		if b[0] < 0x80 {
			return n
		}
	}
	r.bad = true
	return 0
}

// count is a number of things of at least so many bytes each, which must all be there.
func (r *cacheReader) count(each int) int {
	n := r.number()
	if n > uint64(len(r.rest)/each) {
		r.bad = true
		return 0
	}
	return int(n)
}

func (r *cacheReader) bytes() string { return r.take(r.count(1)) }

// dir reads a folder and works out its git id again.
func (r *cacheReader) dir(depth int) *dir {
	n := r.count(3)
	if n == 0 || depth > maxDepth {
		r.bad = true
		return nil
	}
	entries := make([]entry, n)
	files := make([]file, n)
	for i := range entries {
		if r.bad {
			return nil
		}
		e := &entries[i]
		kind := r.take(1)
		e.name = r.bytes()
		if kind == string(rune(cachedDir)) {
			e.dir = r.dir(depth + 1)
		} else {
			e.file = &files[i]
			r.file(e.file, kind == string(rune(cachedSecret)))
		}
		if i > 0 && compareEntries(entries[i-1], *e) >= 0 || e.name == "" || strings.Contains(e.name, "/") {
			r.bad = true
		}
	}
	if r.bad {
		return nil
	}
	return newDir(entries)
}

func (r *cacheReader) file(f *file, isSecret bool) {
	copy(f.id[:], r.take(20))
	copy(f.sum[:], r.take(32))
	f.size = int64(r.number())
	if isSecret {
		f.secret = secret{epoch: r.number(), version: r.number(), seq: r.number(), since: r.number()}
		f.secret.deleted = r.take(1) == "\x01"
	}
}
