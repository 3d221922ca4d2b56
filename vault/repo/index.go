package repo

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"sort"
)

const (
	indexMagic   = "\xfftOc\x00\x00\x00\x02"
	indexHeader  = len(indexMagic) + 256*4
	indexTrailer = 40
	// indexObjects bounds the objects of one pack, and so what is ever read
	// of an index: 4 million objects have one of 112 MB.
	indexObjects = 4 << 20
	// indexEager is after how many look-ups an index is read whole.
	indexEager = 48
)

// index is a pack's index, version 2: which object lies where. Few look-ups
// read only the part they need, many read it whole. It is used as it is, its
// checksum is not computed: what an index lies about comes out when the
// object that it points to does not have its hash.
type index struct {
	file    *os.File
	fanout  [256]uint32
	count   int
	wide    int // how many offsets need 8 bytes
	lookups int
	whole   []byte // nil until it was worth it
}

func openIndex(path string) (*index, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	x := &index{file: f}
	if err := x.readHeader(); err != nil {
		f.Close()
		return nil, err
	}
	return x, nil
}

func (x *index) readHeader() error {
	fi, err := x.file.Stat()
	if err != nil {
		return err
	}
	var head [indexHeader]byte
	if _, err := x.file.ReadAt(head[:], 0); err != nil {
		if err == io.EOF {
			return damaged("the index of a pack is cut short")
		}
		return err
	}
	if string(head[:len(indexMagic)]) != indexMagic {
		return damaged("the index of a pack has another format")
	}
	last := uint32(0)
	for i := range x.fanout {
		n := binary.BigEndian.Uint32(head[len(indexMagic)+4*i:])
		if n < last || n > indexObjects {
			return damaged("the index of a pack is not in order")
		}
		x.fanout[i], last = n, n
	}
	x.count = int(last)
	rest := fi.Size() - int64(indexHeader) - int64(x.count)*28 - indexTrailer
	if rest < 0 || rest%8 != 0 || rest/8 > int64(x.count) {
		return damaged("the index of a pack has a wrong length")
	}
	x.wide = int(rest / 8)
	return nil
}

// part reads n bytes of the index.
func (x *index) part(off, n int) ([]byte, error) {
	if x.whole != nil {
		return x.whole[off : off+n], nil
	}
	out := make([]byte, n)
	_, err := x.file.ReadAt(out, int64(off))
	return out, err
}

func (x *index) load() error {
	whole := make([]byte, indexHeader+x.count*28+x.wide*8)
	if _, err := x.file.ReadAt(whole, 0); err != nil {
		return err
	}
	x.whole = whole
	return nil
}

// find returns where an object starts in the pack, or false.
func (x *index) find(h Hash) (int64, bool, error) {
	x.lookups++
	if x.whole == nil && x.lookups >= indexEager {
		if err := x.load(); err != nil {
			return 0, false, err
		}
	}
	low, high := 0, int(x.fanout[h[0]])
	if h[0] > 0 {
		low = int(x.fanout[h[0]-1])
	}
	names, err := x.part(indexHeader+20*low, 20*(high-low))
	if err != nil {
		return 0, false, err
	}
	at := sort.Search(high-low, func(i int) bool { return bytes.Compare(names[20*i:20*i+20], h[:]) >= 0 })
	if at == high-low || !bytes.Equal(names[20*at:20*at+20], h[:]) {
		return 0, false, nil
	}
	off, err := x.offset(low + at)
	return off, err == nil, err
}

// name returns the hash at a place in the index.
func (x *index) name(at int) (Hash, error) {
	b, err := x.part(indexHeader+20*at, 20)
	if err != nil {
		return Hash{}, err
	}
	return Hash(b), nil
}

// offset returns where the object at a place in the index starts.
func (x *index) offset(at int) (int64, error) {
	b, err := x.part(indexHeader+24*x.count+4*at, 4)
	if err != nil {
		return 0, err
	}
	off := binary.BigEndian.Uint32(b)
	if off < 1<<31 {
		return int64(off), nil
	}
	far := int(off & (1<<31 - 1))
	if far >= x.wide {
		return 0, damaged("the index of a pack points outside itself")
	}
	if b, err = x.part(indexHeader+28*x.count+8*far, 8); err != nil {
		return 0, err
	}
	wide := binary.BigEndian.Uint64(b)
	if wide >= 1<<62 {
		return 0, damaged("the index of a pack points outside the pack")
	}
	return int64(wide), nil
}

func (x *index) close() { x.file.Close() }
