package chain

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/policy"
)

// cacheMagic begins a cached state. Another layout gets another number, and is then
// rebuilt by whoever meets it.
const cacheMagic = "secr/1 state cache 4\n"

const maxDepth = 8 // folders in each other; the vault's tree has 6

// Encode writes a state for this machine's own cache. Decode reads it back. The bytes are
// derived, are not a format of the vault, and must not come from anywhere else: reading
// them back is trusting them. The files of members are left out: there may be thousands,
// and most who open a vault need one or two. So are older links: they are given to keep,
// a page at a time under its SHA-256, unless they lie there already.
func (s *State) Encode(keep func(sum [32]byte, links []byte) error) ([]byte, error) {
	founding, err := s.founding.Bytes()
	if err != nil {
		return nil, err
	}
	if err := s.log.keep(keep); err != nil {
		return nil, err
	}
	room := 1<<16 + len(s.log.pages)*cachedPage + 160*s.root.size.files // growing it would copy it many times
	b := append(make([]byte, 0, room), cacheMagic...)
	b = append(b, make([]byte, sha256.Size)...)
	b = appendBytes(b, founding)
	b = appendBytes(b, s.policy.Encode())
	b = appendLog(b, s.log)
	b = appendDir(b, s.root)
	sum := sha256.Sum256(b[len(cacheMagic)+sha256.Size:])
	copy(b[len(cacheMagic):], sum[:])
	return b, nil
}

// Decode reads what Encode wrote, and keeps data. The store has what was left out, for
// when it is first asked for. An error is an *Error of class Damaged: the caller makes the
// state again from the chain.
func Decode(data []byte, store Store) (*State, error) {
	body, ok := bytes.CutPrefix(data, []byte(cacheMagic))
	if !ok || len(body) < sha256.Size {
		return nil, damaged("not a state cache of this program")
	}
	if sum := sha256.Sum256(body[sha256.Size:]); !bytes.Equal(sum[:], body[:sha256.Size]) {
		return nil, damaged("its checksum is wrong")
	}
	r := &cacheReader{rest: body[sha256.Size:]}
	s := r.state(store)
	if r.bad || len(r.rest) > 0 {
		return nil, damaged("its bytes are in disorder")
	}
	return s, nil
}

func damaged(what string) *Error {
	return &Error{Class: Damaged, Rule: "cache", What: "the cached state is of no use: " + what}
}

// cachedPage is the size of what a cached state has of a page: its sum, and where each of
// its operations starts.
const cachedPage = sha256.Size + pageLinks*len(opStart{})

// appendLog writes how many pages there are, each page, and the links that are on none.
func appendLog(b []byte, l *chainLog) []byte {
	b = binary.AppendUvarint(b, uint64(len(l.pages)))
	for _, p := range l.pages {
		b = append(append(b, p.sum[:]...), p.ops...)
	}
	return appendBytes(b, l.newest())
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

// appendDir writes a folder: its id, its size, the length of its list, its list.
func appendDir(b []byte, d *dir) []byte {
	b = append(b, d.id[:]...)
	b = binary.AppendUvarint(b, uint64(d.size.files))
	b = binary.AppendUvarint(b, uint64(d.size.bytes))
	at := len(b)
	b = appendList(append(b, 0, 0, 0, 0), d)
	binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	return b
}

// appendList writes the entries of a folder, or what it was read from.
func appendList(b []byte, d *dir) []byte {
	if d.raw != nil {
		return append(b, d.raw...)
	}
	b = binary.AppendUvarint(b, uint64(len(d.list)))
	for _, e := range d.list {
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
	rest []byte
	bad  bool
}

func (r *cacheReader) state(store Store) *State {
	s := new(State)
	founding := r.bytes()
	encoded := r.bytes()
	s.log = r.log(store)
	s.root = new(dir)
	r.dir(s.root)
	if r.bad || !s.root.sound(0) {
		r.bad = true
		return nil
	}
	s.vault = keys.VaultID(founding)
	var err1, err2 error
	s.founding, err1 = policy.ParseFounding(founding)
	s.policy, err2 = policy.Decode(encoded, s.root.reader(store.Blob))
	r.bad = err1 != nil || err2 != nil
	s.ops = ops{base: newBaseOps(s.log)}
	return s
}

// log reads what appendLog wrote.
func (r *cacheReader) log(store Store) *chainLog {
	l := &chainLog{store: store}
	pages := make([]page, r.count(cachedPage))
	for i := range pages {
		pages[i].kept = true
		copy(pages[i].sum[:], r.take(sha256.Size))
		pages[i].ops = r.take(pageLinks * len(opStart{}))
		l.pages = append(l.pages, &pages[i])
	}
	links := r.bytes()
	r.bad = r.bad || len(links) == 0 || len(links)%linkSize != 0 || len(links) > pageLinks*linkSize
	l.setNewest(links)
	l.n = l.paged() + uint64(len(links)/linkSize)
	return l
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
func (r *cacheReader) take(n int) []byte {
	if r.bad || n < 0 || n > len(r.rest) {
		r.bad = true
		return nil
	}
	part := r.rest[:n:n]
	r.rest = r.rest[n:]
	return part
}

func (r *cacheReader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *cacheReader) number() uint64 {
	n, length := binary.Uvarint(r.rest)
	if length <= 0 {
		r.bad = true
	}
	r.take(length)
	return n
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

func (r *cacheReader) bytes() []byte { return r.take(r.count(1)) }

// dir reads a folder into d, and leaves its list as it is.
func (r *cacheReader) dir(d *dir) {
	copy(d.id[:], r.take(len(d.id)))
	d.size = size{files: int(r.number()), bytes: int64(r.number())}
	if length := r.take(4); length != nil {
		d.raw = r.take(int(binary.BigEndian.Uint32(length)))
	}
}

// entry reads a file into f or a folder into d, and says which it was.
func (r *cacheReader) entry(f *file, d *dir) (name []byte, folder bool) {
	kind := r.byte()
	name = r.bytes()
	if kind == cachedDir {
		r.dir(d)
		return name, true
	}
	r.file(f, kind == cachedSecret)
	r.bad = r.bad || kind > cachedDir
	return name, false
}

func (r *cacheReader) file(f *file, isSecret bool) {
	*f = file{}
	copy(f.id[:], r.take(len(f.id)))
	copy(f.sum[:], r.take(len(f.sum)))
	f.size = int64(r.number())
	if isSecret {
		f.secret = secret{epoch: r.number(), version: r.number(), seq: r.number(), since: r.number()}
		f.secret.deleted = r.byte() == 1
	}
}

// sound says whether the list of a cached folder is one that appendList writes, all the
// way down, so that unpack can't fail later. It takes no memory.
func (d *dir) sound(depth int) bool {
	r := cacheReader{rest: d.raw}
	var f file
	var below dir
	var last []byte
	var lastFolder bool
	var sum size
	n := r.count(3)
	for i := range n {
		name, folder := r.entry(&f, &below)
		if r.bad || len(name) == 0 || bytes.IndexByte(name, '/') >= 0 ||
			i > 0 && compareNames(last, lastFolder, name, folder) >= 0 {
			return false
		}
		if last, lastFolder = name, folder; folder {
			if depth == maxDepth || !below.sound(depth+1) {
				return false
			}
			sum.add(below.size)
		} else {
			sum.add(size{files: 1, bytes: f.size})
		}
	}
	return n > 0 && !r.bad && len(r.rest) == 0 && sum == d.size
}

// unpack makes the entries of a cached folder, whose list is sound.
func unpack(list []byte) []entry {
	r := cacheReader{rest: list}
	made := make([]entry, r.count(3))
	var files []file // of one piece, as most folders hold nothing else
	for i := range made {
		var d *dir
		var f *file
		if r.rest[0] == cachedDir {
			d = new(dir)
		} else {
			if files == nil {
				files = make([]file, len(made))
			}
			f = &files[i]
		}
		name, _ := r.entry(f, d)
		made[i] = entry{name: string(name), dir: d, file: f}
	}
	return made
}
