package repo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
)

const (
	packMagic   = "PACK\x00\x00\x00\x02"
	packHeader  = len(packMagic) + 4
	packTrailer = 20
)

// pack is one pack file with its index. The files are opened on first use
// and stay open, so that a pack which somebody has replaced can still be read.
type pack struct {
	path  string // of the .pack
	store *store

	mu    sync.Mutex
	index *index
	file  *os.File
	size  int64
	err   error // why it can't be used

	// While a pack has no index yet, known is what has been found in it, and
	// work how many bytes its deltas may still produce.
	known map[Hash]int64
	work  *int64
}

// errNoBase means that a delta names a base by a hash that its pack lacks.
var errNoBase error = noBaseError{}

type noBaseError struct{}

func (noBaseError) Error() string {
	return ErrDamaged.Error() + ": the base of a delta is not in its pack"
}

func (noBaseError) Unwrap() error { return ErrDamaged }

// packEntry is the start of an object in a pack.
type packEntry struct {
	kind kind
	size int   // of the object or, for a delta, of the delta
	base int64 // offset of a delta's base
	ref  Hash  // hash of a delta's base
}

// open opens both files once. The caller holds mu.
func (p *pack) open() error {
	if p.file != nil || p.err != nil {
		return p.err
	}
	index, file, size, err := openPack(p.path)
	if err != nil {
		if errors.Is(err, ErrDamaged) {
			p.err = err
		}
		return err
	}
	p.index, p.file, p.size = index, file, size
	return nil
}

func openPack(path string) (*index, *os.File, int64, error) {
	x, err := openIndex(strings.TrimSuffix(path, ".pack") + ".idx")
	if err != nil {
		return nil, nil, 0, err
	}
	f, err := os.Open(path)
	if err != nil {
		x.close()
		return nil, nil, 0, err
	}
	size, err := checkPack(f, x.count)
	if err != nil {
		x.close()
		f.Close()
		return nil, nil, 0, err
	}
	return x, f, size, nil
}

// checkPack checks that a file starts as a pack of so many objects.
func checkPack(f *os.File, count int) (int64, error) {
	fi, err := f.Stat()
	if err != nil {
		return 0, err
	}
	var head [packHeader]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		if err == io.EOF {
			return 0, damaged("a pack is cut short")
		}
		return 0, err
	}
	if string(head[:len(packMagic)]) != packMagic {
		return 0, damaged("a pack has another format")
	}
	if n := binary.BigEndian.Uint32(head[len(packMagic):]); int64(n) != int64(count) {
		return 0, damaged("a pack has %d objects, its index %d", n, count)
	}
	if fi.Size() < int64(packHeader+packTrailer) {
		return 0, damaged("a pack is cut short")
	}
	return fi.Size(), nil
}

func (p *pack) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.index != nil {
		p.index.close()
	}
	if p.file != nil {
		p.file.Close()
	}
	p.index, p.file = nil, nil
}

// find returns where an object starts, or false.
func (p *pack) find(h Hash) (int64, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.open(); err != nil {
		return 0, false, err
	}
	return p.index.find(h)
}

// objects calls f for every object of the pack in the order of the index.
func (p *pack) objects(f func(h Hash, off int64) error) error {
	p.mu.Lock()
	err := p.open()
	if err == nil && p.index.whole == nil {
		err = p.index.load()
	}
	p.mu.Unlock()
	if err != nil {
		return err
	}
	for i := range p.index.count {
		h, err := p.index.name(i)
		if err != nil {
			return err
		}
		off, err := p.index.offset(i)
		if err != nil {
			return err
		}
		if err := f(h, off); err != nil {
			return err
		}
	}
	return nil
}

// read reads the object at off, through its deltas. The bytes are the
// caller's own.
func (p *pack) read(off int64, limit int) (kind, []byte, error) {
	if c, ok := p.store.cache.get(p, off); ok {
		return c.kind, bytes.Clone(c.data), nil
	}
	var deltas [][]byte
	var offsets []int64
	for {
		e, data, err := p.stored(off, limit)
		if err != nil {
			return 0, nil, err
		}
		if e.kind.plain() {
			if len(deltas) > 0 {
				p.store.cache.put(p, off, e.kind, data)
			}
			return p.apply(e.kind, data, deltas, offsets, limit)
		}
		if len(deltas) == deltaDepth {
			return 0, nil, tooLarge("a chain of more than %d deltas", deltaDepth)
		}
		deltas, offsets = append(deltas, data), append(offsets, off)
		if off, err = p.baseOffset(e, off); err != nil {
			return 0, nil, err
		}
	}
}

// stored reads what is stored at off: an object, perhaps out of the cache,
// or a delta.
func (p *pack) stored(off int64, limit int) (packEntry, []byte, error) {
	if c, ok := p.store.cache.get(p, off); ok {
		return packEntry{kind: c.kind, size: len(c.data)}, c.data, nil
	}
	e, i, err := p.start(off)
	if err != nil {
		return e, nil, err
	}
	defer p.store.inflaters.put(i)
	if e.size > limit {
		return e, nil, tooLarge("%d bytes", e.size)
	}
	data, err := i.inflate(e.size)
	return e, data, err
}

func (p *pack) baseOffset(e packEntry, off int64) (int64, error) {
	if e.kind == kindOffsetDelta {
		return e.base, nil
	}
	base, ok := p.known[e.ref]
	if p.known == nil {
		var err error
		if base, ok, err = p.find(e.ref); err != nil {
			return 0, err
		}
	}
	if !ok || base == off {
		return 0, errNoBase
	}
	return base, nil
}

// apply applies deltas to a base, the last one first, and keeps what it
// builds for the next reader: neighbours in a pack share their bases.
func (p *pack) apply(k kind, data []byte, deltas [][]byte, offsets []int64, limit int) (kind, []byte, error) {
	for i := len(deltas) - 1; i >= 0; i-- {
		next, err := applyDelta(data, deltas[i], limit)
		if err != nil {
			return 0, nil, err
		}
		if p.work != nil {
			if *p.work -= int64(len(next)); *p.work < 0 {
				return 0, nil, tooLarge("what the deltas of a pack come to")
			}
		}
		p.store.cache.put(p, offsets[i], k, next)
		data = next
	}
	if len(deltas) > 0 {
		data = bytes.Clone(data)
	}
	return k, data, nil
}

// start reads the start of what is stored at off and returns an inflater
// placed behind it.
func (p *pack) start(off int64) (packEntry, *inflater, error) {
	p.mu.Lock()
	err := p.open()
	file, end := p.file, p.size-packTrailer
	p.mu.Unlock()
	if err != nil {
		return packEntry{}, nil, err
	}
	if off < int64(packHeader) || off >= end {
		return packEntry{}, nil, damaged("the index of a pack points outside the pack")
	}
	i := p.store.inflaters.get(io.NewSectionReader(file, off, end-off))
	e, err := readEntry(i.in, off)
	if err != nil {
		p.store.inflaters.put(i)
		return packEntry{}, nil, err
	}
	return e, i, nil
}

// readEntry reads the start of an object: kind and size, and a delta's base.
func readEntry(r io.ByteReader, off int64) (packEntry, error) {
	b, err := r.ReadByte()
	if err != nil {
		return packEntry{}, streamError(err)
	}
	e := packEntry{kind: kind(b >> 4 & 7)}
	size := uint64(b & 0x0f)
	for shift := 4; b&0x80 != 0; shift += 7 {
		if shift > 32 {
			return packEntry{}, tooLarge("the size of an object in a pack")
		}
		if b, err = r.ReadByte(); err != nil {
			return packEntry{}, streamError(err)
		}
		size |= uint64(b&0x7f) << shift
	}
	if size > 1<<40 {
		return packEntry{}, tooLarge("the size of an object in a pack")
	}
	e.size = int(size)
	switch {
	case e.kind == kindOffsetDelta:
		e.base, err = readBack(r, off)
	case e.kind == kindRefDelta:
		for i := range e.ref {
			if e.ref[i], err = r.ReadByte(); err != nil {
				return packEntry{}, streamError(err)
			}
		}
	case !e.kind.plain():
		return packEntry{}, damaged("an object in a pack is of kind %d", e.kind)
	}
	return e, err
}

// readBack reads how far before off a delta's base starts.
func readBack(r io.ByteReader, off int64) (int64, error) {
	back := int64(-1)
	for {
		b, err := r.ReadByte()
		if err != nil {
			return 0, streamError(err)
		}
		back = (back+1)<<7 | int64(b&0x7f)
		if back >= off {
			return 0, damaged("the base of a delta is outside its pack")
		}
		if b&0x80 == 0 {
			break
		}
	}
	if back <= 0 {
		return 0, damaged("a delta is its own base")
	}
	return off - back, nil
}
