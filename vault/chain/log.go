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

// linkOf is the link of a change whose raw commit has that git id and SHA-256.
func linkOf(c change.Change, id [20]byte, sum [32]byte) Link {
	return Link{Seq: c.Seq, ID: id, Sum: sum, Time: c.Time, Op: c.Op, Device: c.Author.Device}
}

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

	blockLinks = 32 // links a block
	pageBlocks = 4  // blocks a page
)

// chainLog is the links of a chain, the first one first. It is never changed: appending
// makes a new log that shares all but the tail. Blocks and tail hold links back to back.
type chainLog struct {
	n      uint64
	pages  []*page  // pageLinks links each
	blocks [][]byte // after the pages, blockLinks links each, pageBlocks at most
	tail   []byte   // after the blocks, fewer; with the blocks, one link at least
	store  Store    // where pages are that were left out
}

func (l *chainLog) len() uint64 { return l.n }

// at is the link with this number, from 1 to len.
func (l *chainLog) at(seq uint64) Link { return readLink(seq, l.bytes(seq)) }

// op is the operation of that link.
func (l *chainLog) op(seq uint64) change.Op { return change.Op(l.bytes(seq)[linkOp:linkDevice]) }

func (l *chainLog) bytes(seq uint64) []byte {
	i := seq - 1
	if n := i / pageLinks; n < uint64(len(l.pages)) {
		return l.page(int(n))[i%pageLinks*linkSize:][:linkSize]
	}
	i -= l.paged()
	block := l.tail
	if n := i / blockLinks; n < uint64(len(l.blocks)) {
		block = l.blocks[n]
	}
	return block[i%blockLinks*linkSize:][:linkSize]
}

// paged is how many links are on pages.
func (l *chainLog) paged() uint64 { return uint64(len(l.pages)) * pageLinks }

func (l *chainLog) append(link Link) *chainLog {
	made := &chainLog{n: l.n + 1, pages: l.pages, blocks: l.blocks, store: l.store}
	if len(l.blocks) == pageBlocks {
		made.pages, made.blocks = append(slices.Clip(l.pages), newPage(slices.Concat(l.blocks...))), nil
	}
	made.tail = appendLink(append(make([]byte, 0, len(l.tail)+linkSize), l.tail...), link)
	if len(made.tail) == blockLinks*linkSize {
		made.blocks, made.tail = append(slices.Clip(made.blocks), made.tail), nil
	}
	return made
}

// newest is the links that are on no page, back to back.
func (l *chainLog) newest() []byte { return append(slices.Concat(l.blocks...), l.tail...) }

// setNewest is newest in a log that has only pages. It keeps links.
func (l *chainLog) setNewest(links []byte) {
	const block = blockLinks * linkSize
	for len(links) >= block {
		l.blocks, links = append(l.blocks, links[:block:block]), links[block:]
	}
	l.tail = links
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

// baseOps finds the operations of a log that was decoded, by their first bytes, so that
// pages stay where they are. Most who open a vault ask for no operation, and a change asks
// for one: so the first bytes are gone through, and indexed only when many are asked for.
type baseOps struct {
	log   *chainLog
	asked atomic.Int32
	index func() map[opStart][]uint64 // made once
}

// fewOps is how many operations are looked for without an index.
const fewOps = 16

func newBaseOps(l *chainLog) *baseOps {
	return &baseOps{log: l, index: sync.OnceValue(func() map[opStart][]uint64 {
		made := make(map[opStart][]uint64, l.len())
		for seq, start := range l.opStarts {
			made[start] = append(made[start], seq)
		}
		return made
	})}
}

func (b *baseOps) find(op change.Op) uint64 {
	if b == nil {
		return 0
	}
	start := opStart(op[:])
	if b.asked.Load() >= fewOps || b.asked.Add(1) > fewOps {
		for _, seq := range b.index()[start] {
			if b.log.op(seq) == op {
				return seq
			}
		}
		return 0
	}
	for seq, has := range b.log.opStarts {
		if has == start && b.log.op(seq) == op {
			return seq
		}
	}
	return 0
}

// opStart is the first bytes of an operation.
type opStart [4]byte

// opStarts goes through the starts of all operations, and reads no page.
func (l *chainLog) opStarts(yield func(seq uint64, start opStart) bool) {
	seq := uint64(1)
	for _, p := range l.pages {
		for i := 0; i < len(p.ops); i += len(opStart{}) {
			if !yield(seq, opStart(p.ops[i:])) {
				return
			}
			seq++
		}
	}
	for ; seq <= l.n; seq++ {
		if !yield(seq, opStart(l.bytes(seq)[linkOp:])) {
			return
		}
	}
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
