package repo

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
