package chain

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/secr/secr/vault/change"
)

// A Link is what a state remembers of one change.
type Link struct {
	Seq    uint64
	ID     [20]byte // git id of the commit
	Sum    [32]byte // SHA-256 of the raw commit
	Time   int64    // as the change says it, in seconds since 1970
	Op     change.Op
	Device string // id of the device that signed
}

// Point is the place of the link in a chain.
func (l Link) Point() Point { return Point{Seq: l.Seq, Sum: l.Sum} }

// A Point names one change by its number and SHA-256. It is what a floor, a lock and a
// pin are made of: with it, everything before the change is fixed too.
type Point struct {
	Seq uint64
	Sum [32]byte
}

// String is the point as "<seq>:<sha256>", which ParsePoint reads.
func (p Point) String() string { return fmt.Sprintf("%d:%x", p.Seq, p.Sum) }

// ParsePoint reads what Point.String writes, and nothing else.
func ParsePoint(s string) (Point, error) {
	seq, sum, _ := strings.Cut(s, ":")
	n, err := strconv.ParseUint(seq, 10, 64)
	p := Point{Seq: n}
	if err != nil || n == 0 || n > change.MaxSeq || len(sum) != hex.EncodedLen(len(p.Sum)) {
		return Point{}, fmt.Errorf("%q is not a point of a chain, as in 41:<64 hexadecimal digits>", s)
	}
	if _, err := hex.Decode(p.Sum[:], []byte(sum)); err != nil || p.String() != s {
		return Point{}, fmt.Errorf("%q is not a point of a chain, as in 41:<64 hexadecimal digits>", s)
	}
	return p, nil
}

// A link is its id, sum, time, operation and device, back to back.
const (
	linkSum    = 20
	linkTime   = linkSum + 32
	linkOp     = linkTime + 8
	linkDevice = linkOp + 16
	linkSize   = linkDevice + 26

	blockSize = 32 // links a block
)

// chainLog is the links of a chain, the first one first. It is never changed: appending
// makes a new log that shares all but the tail. Its parts hold links back to back.
type chainLog struct {
	n      uint64
	base   []byte   // the links that were decoded, if any
	blocks [][]byte // after base, blockSize links each
	tail   []byte   // after the blocks, fewer
}

func (l *chainLog) len() uint64 { return l.n }

// at is the link with this number, from 1 to len.
func (l *chainLog) at(seq uint64) Link { return readLink(seq, l.bytes(seq)) }

// op is the operation of that link.
func (l *chainLog) op(seq uint64) change.Op { return change.Op(l.bytes(seq)[linkOp:linkDevice]) }

func (l *chainLog) bytes(seq uint64) []byte {
	i, inBase := seq-1, uint64(len(l.base)/linkSize)
	if i < inBase {
		return l.base[i*linkSize:][:linkSize]
	}
	i -= inBase
	block := l.tail
	if n := i / blockSize; n < uint64(len(l.blocks)) {
		block = l.blocks[n]
	}
	return block[i%blockSize*linkSize:][:linkSize]
}

func (l *chainLog) append(link Link) *chainLog {
	made := &chainLog{n: l.n + 1, base: l.base, blocks: l.blocks}
	made.tail = appendLink(append(make([]byte, 0, len(l.tail)+linkSize), l.tail...), link)
	if len(made.tail) == blockSize*linkSize {
		made.blocks, made.tail = append(slices.Clip(l.blocks), made.tail), nil
	}
	return made
}

func (l *chainLog) encode(b []byte) []byte {
	b = append(b, l.base...)
	for _, block := range l.blocks {
		b = append(b, block...)
	}
	return append(b, l.tail...)
}

func appendLink(b []byte, l Link) []byte {
	b = append(append(b, l.ID[:]...), l.Sum[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(l.Time))
	return append(append(b, l.Op[:]...), l.Device...)
}

func readLink(seq uint64, b []byte) Link {
	return Link{
		Seq: seq, ID: [20]byte(b), Sum: [32]byte(b[linkSum:]), Time: int64(binary.BigEndian.Uint64(b[linkTime:])),
		Op: change.Op(b[linkOp:linkDevice]), Device: string(b[linkDevice:]),
	}
}

// ops finds the change that carried out an operation. It is never changed. The first byte
// of an operation says in which of 16 times 16 lists it is.
type ops struct {
	base  *baseOps // of the links that were decoded, if any
	lists *[16]*[16][]opSeq
}

// baseOps finds the operations of a log that was decoded. Most who open a vault ask for
// none, and a change asks for one: so the log is gone through, and indexed only when many
// are asked for.
type baseOps struct {
	log   *chainLog
	asked atomic.Int32
	index func() ops // made once
}

// fewOps is how many operations are looked for without an index.
const fewOps = 16

func newBaseOps(l *chainLog) *baseOps {
	return &baseOps{log: l, index: sync.OnceValue(func() ops { return opsOf(l) })}
}

func (b *baseOps) find(op change.Op) uint64 {
	if b == nil {
		return 0
	}
	if b.asked.Load() >= fewOps || b.asked.Add(1) > fewOps {
		return b.index().find(op)
	}
	for seq := uint64(1); seq <= b.log.len(); seq++ {
		if b.log.op(seq) == op {
			return seq
		}
	}
	return 0
}

type opSeq struct {
	op  change.Op
	seq uint64
}

// find returns the number of the first change with this op, or 0.
func (o ops) find(op change.Op) uint64 {
	for _, e := range o.list(op) {
		if e.op == op {
			return e.seq
		}
	}
	return o.base.find(op)
}

func (o ops) list(op change.Op) []opSeq {
	if o.lists == nil || o.lists[op[0]>>4] == nil {
		return nil
	}
	return o.lists[op[0]>>4][op[0]&15]
}

// with is o with op found at seq, unless it was found before.
func (o ops) with(op change.Op, seq uint64) ops {
	if o.find(op) != 0 {
		return o
	}
	top, below := new([16]*[16][]opSeq), new([16][]opSeq)
	if o.lists != nil {
		*top = *o.lists
	}
	if was := top[op[0]>>4]; was != nil {
		*below = *was
	}
	below[op[0]&15] = append(slices.Clip(below[op[0]&15]), opSeq{op, seq})
	top[op[0]>>4] = below
	return ops{o.base, top}
}

// opsOf indexes a whole log.
func opsOf(l *chainLog) ops {
	top := new([16]*[16][]opSeq)
	for i := range top {
		top[i] = new([16][]opSeq)
	}
	made := ops{lists: top}
	for seq := uint64(1); seq <= l.len(); seq++ {
		if op := l.op(seq); made.find(op) == 0 {
			list := &top[op[0]>>4][op[0]&15]
			*list = append(*list, opSeq{op, seq})
		}
	}
	return made
}
