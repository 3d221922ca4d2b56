package chain

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

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

const (
	linkSize  = 20 + 32 + 8 + 16 + 26
	blockSize = 32 // links a block
)

// chainLog is the links of a chain, the first one first. It is never changed: appending makes
// a new log that shares all but the last block. Blocks hold links back to back.
type chainLog struct {
	n      uint64
	base   []byte   // the links that were decoded, if any
	blocks [][]byte // full blocks after base, then the one that is not full
}

func (l *chainLog) len() uint64 { return l.n }

// at is the link with this number, from 1 to len.
func (l *chainLog) at(seq uint64) Link {
	i, inBase := seq-1, uint64(len(l.base)/linkSize)
	if i < inBase {
		return readLink(seq, l.base[i*linkSize:])
	}
	i -= inBase
	return readLink(seq, l.blocks[i/blockSize][i%blockSize*linkSize:])
}

func (l *chainLog) append(link Link) *chainLog {
	made := &chainLog{n: l.n + 1, base: l.base, blocks: l.blocks}
	last := len(l.blocks) - 1
	if last < 0 || len(l.blocks[last]) == blockSize*linkSize {
		made.blocks = append(slices.Clip(l.blocks), appendLink(nil, link))
		return made
	}
	made.blocks = slices.Clone(l.blocks)
	made.blocks[last] = appendLink(slices.Clip(l.blocks[last]), link)
	return made
}

func (l *chainLog) encode(b []byte) []byte {
	b = append(b, l.base...)
	for _, block := range l.blocks {
		b = append(b, block...)
	}
	return b
}

func appendLink(b []byte, l Link) []byte {
	b = append(append(b, l.ID[:]...), l.Sum[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(l.Time))
	return append(append(b, l.Op[:]...), l.Device...)
}

func readLink(seq uint64, b []byte) Link {
	l := Link{Seq: seq, Time: int64(binary.BigEndian.Uint64(b[52:]))}
	copy(l.ID[:], b)
	copy(l.Sum[:], b[20:])
	copy(l.Op[:], b[60:])
	l.Device = string(b[76:linkSize])
	return l
}

// ops finds the change that carried out an operation. It is never changed.
type ops struct {
	buckets *[256][]opSeq
}

type opSeq struct {
	op  change.Op
	seq uint64
}

// find returns the number of the first change with this op, or 0.
func (o ops) find(op change.Op) uint64 {
	if o.buckets == nil {
		return 0
	}
	for _, e := range o.buckets[op[0]] {
		if e.op == op {
			return e.seq
		}
	}
	return 0
}

// with is o with op found at seq, unless it was found before.
func (o ops) with(op change.Op, seq uint64) ops {
	if o.find(op) != 0 {
		return o
	}
	made := new([256][]opSeq)
	if o.buckets != nil {
		*made = *o.buckets
	}
	made[op[0]] = append(slices.Clip(made[op[0]]), opSeq{op, seq})
	return ops{made}
}

// opsOf indexes a whole log.
func opsOf(l *chainLog) ops {
	var counts [256]int
	for seq := uint64(1); seq <= l.len(); seq++ {
		counts[l.at(seq).Op[0]]++
	}
	made := new([256][]opSeq)
	for i, n := range counts {
		made[i] = make([]opSeq, 0, n)
	}
	seen := ops{made}
	for seq := uint64(1); seq <= l.len(); seq++ {
		if op := l.at(seq).Op; seen.find(op) == 0 {
			made[op[0]] = append(made[op[0]], opSeq{op, seq})
		}
	}
	return seen
}
