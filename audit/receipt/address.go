package receipt

import (
	"encoding/binary"
	"strconv"
)

// text4 and text6 spell an address as RFC 5952 has it. Package netip does that as well,
// and starts a goroutine for its interned zones in every program that is linked with it.
func text4(a [4]byte) string {
	b := strconv.AppendUint(nil, uint64(a[0]), 10)
	for _, x := range a[1:] {
		b = strconv.AppendUint(append(b, '.'), uint64(x), 10)
	}
	return string(b)
}

func text6(a [16]byte) string {
	var groups [8]uint16
	for i := range groups {
		groups[i] = binary.BigEndian.Uint16(a[2*i:])
	}
	from, to := longestZeros(groups)
	var b []byte
	for i := 0; i < len(groups); i++ {
		if i == from {
			b = append(b, "::"...)
			i = to - 1
			continue
		}
		if i > 0 && i != to {
			b = append(b, ':')
		}
		b = strconv.AppendUint(b, uint64(groups[i]), 16)
	}
	return string(b)
}

// longestZeros finds the first of the longest runs of at least two zeros; without one,
// both are -1.
func longestZeros(groups [8]uint16) (from, to int) {
	from, to = -1, -1
	for i := 0; i < len(groups); i++ {
		end := i
		for end < len(groups) && groups[end] == 0 {
			end++
		}
		if end-i >= 2 && end-i > to-from {
			from, to = i, end
		}
		i = max(i, end-1)
	}
	return from, to
}
