package repo

import "encoding/binary"

// deltaDepth bounds a chain of deltas. Git makes chains of 50, on request of
// 250; longer ones are made to cost the reader time.
const deltaDepth = 512

// deltaSizes reads the two numbers that a delta starts with: the length of
// its base and of its result.
func deltaSizes(delta []byte) (base, result uint64, rest []byte, err error) {
	if base, delta, err = deltaNumber(delta); err != nil {
		return 0, 0, nil, err
	}
	result, rest, err = deltaNumber(delta)
	return base, result, rest, err
}

func deltaNumber(b []byte) (uint64, []byte, error) {
	var n uint64
	for i := 0; i < len(b) && i < 9; i++ {
		n |= uint64(b[i]&0x7f) << (7 * i)
		if b[i]&0x80 == 0 {
			return n, b[i+1:], nil
		}
	}
	return 0, nil, damaged("a delta has no length")
}

// applyDelta builds an object of at most limit bytes out of another.
func applyDelta(base, delta []byte, limit int) ([]byte, error) {
	from, to, ops, err := deltaSizes(delta)
	if err != nil {
		return nil, err
	}
	if from != uint64(len(base)) {
		return nil, damaged("a delta belongs to another object")
	}
	if to > uint64(limit) {
		return nil, tooLarge("%d bytes", to)
	}
	out := make([]byte, 0, to)
	for len(ops) > 0 {
		op := ops[0]
		ops = ops[1:]
		var piece []byte
		switch {
		case op&0x80 != 0:
			if piece, ops, err = deltaCopy(base, op, ops); err != nil {
				return nil, err
			}
		case op == 0 || int(op) > len(ops):
			return nil, damaged("a delta is cut short")
		default:
			piece, ops = ops[:op], ops[op:]
		}
		if len(piece) > cap(out)-len(out) {
			return nil, damaged("a delta is longer than it says")
		}
		out = append(out, piece...)
	}
	if uint64(len(out)) != to {
		return nil, damaged("a delta is shorter than it says")
	}
	return out, nil
}

// deltaCopy reads a copy instruction: up to four bytes of offset and three
// of length, each there if its bit in op is set.
func deltaCopy(base []byte, op byte, ops []byte) (piece, rest []byte, err error) {
	var off, size uint32
	for i := range 7 {
		if op&(1<<i) == 0 {
			continue
		}
		if len(ops) == 0 {
			return nil, nil, damaged("a delta is cut short")
		}
		if i < 4 {
			off |= uint32(ops[0]) << (8 * i)
		} else {
			size |= uint32(ops[0]) << (8 * (i - 4))
		}
		ops = ops[1:]
	}
	if size == 0 {
		size = 1 << 16
	}
	end := uint64(off) + uint64(size)
	if end > uint64(len(base)) {
		return nil, nil, damaged("a delta copies from outside its base")
	}
	return base[off:end], ops, nil
}

// deltaWord is how many bytes two objects must have in common somewhere for a copy.
const deltaWord = 8

// makeDelta writes b as copies out of a and what is new.
func makeDelta(a, b []byte) []byte {
	head, tail := commonEnds(a, b)
	out := binary.AppendUvarint(nil, uint64(len(a)))
	out = binary.AppendUvarint(out, uint64(len(b)))
	out = copyOps(out, 0, head)
	out = middleOps(out, a[head:len(a)-tail], b[head:len(b)-tail], head)
	return copyOps(out, len(a)-tail, tail)
}

// commonEnds is how many bytes a and b begin and end with alike.
func commonEnds(a, b []byte) (head, tail int) {
	most := min(len(a), len(b))
	for head < most && a[head] == b[head] {
		head++
	}
	for tail < most-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	return head, tail
}

// middleOps appends what makes b, where a begins at an offset of the base.
func middleOps(out, a, b []byte, offset int) []byte {
	words := wordsOf(a)
	fresh := 0 // from here on nothing is written yet
	for at := 0; at+deltaWord <= len(b); {
		from, ok := words[binary.NativeEndian.Uint64(b[at:])]
		if !ok {
			at++
			continue
		}
		for at > fresh && from > 0 && b[at-1] == a[from-1] {
			at, from = at-1, from-1
		}
		n := deltaWord
		for at+n < len(b) && from+n < len(a) && b[at+n] == a[from+n] {
			n++
		}
		out = copyOps(insertOps(out, b[fresh:at]), offset+from, n)
		at += n
		fresh = at
	}
	return insertOps(out, b[fresh:])
}

// wordsOf says where in a some of its words are first: all of a short one's, about as
// many of a long one's.
func wordsOf(a []byte) map[uint64]int {
	step := 1 + len(a)/4096
	words := make(map[uint64]int, len(a)/step)
	for i := 0; i+deltaWord <= len(a); i += step {
		word := binary.NativeEndian.Uint64(a[i:])
		if _, ok := words[word]; !ok {
			words[word] = i
		}
	}
	return words
}

// insertOps appends instructions that insert data.
func insertOps(out, data []byte) []byte {
	for len(data) > 0 {
		n := min(len(data), 127)
		out = append(append(out, byte(n)), data[:n]...)
		data = data[n:]
	}
	return out
}

// copyOps appends instructions that copy n bytes from off.
func copyOps(out []byte, off, n int) []byte {
	for n > 0 {
		size := min(n, 0xffff)
		op := byte(0x80)
		var args []byte
		for i := range 4 {
			if b := byte(off >> (8 * i)); b != 0 {
				op |= 1 << i
				args = append(args, b)
			}
		}
		for i := range 2 {
			if b := byte(size >> (8 * i)); b != 0 {
				op |= 0x10 << i
				args = append(args, b)
			}
		}
		out = append(append(out, op), args...)
		off += size
		n -= size
	}
	return out
}
