package local

import (
	"os"
	"testing"
	"unsafe"
)

// TestMemoryIsAsLongAsItWasAskedFor at every size where its way changes.
func TestMemoryIsAsLongAsItWasAskedFor(t *testing.T) {
	page := os.Getpagesize()
	for _, at := range []int{1, 512, page, 32 * page, 1 << 20, 2 << 20, 4 << 20, 8<<20 + page} {
		for n := at - 1; n <= at+1; n++ {
			b := Memory(n)
			if len(b) != n || cap(b) != n {
				t.Fatalf("Memory(%d) has %d of %d bytes", n, len(b), cap(b))
			}
			for i := range b {
				if b[i] != 0 {
					t.Fatalf("Memory(%d) has %d at %d", n, b[i], i)
				}
				b[i] = 1 // each of them is ours
			}
		}
	}
}

func TestAlignedIsAPartThatPagesCanBe(t *testing.T) {
	whole := make([]byte, 9<<20)
	for _, to := range []int{4 << 10, 16 << 10, 64 << 10, 2 << 20} {
		for _, from := range []int{0, 1, to - 1, to, to + 1} {
			b := whole[from : from+3*to]
			got := aligned(b, to)
			if uintptr(unsafe.Pointer(unsafe.SliceData(got)))&uintptr(to-1) != 0 || len(got)&(to-1) != 0 || len(got) < 2*to {
				t.Errorf("%d bytes of %d at %p, for pages of %d", len(got), len(b), got, to)
			}
		}
	}
}

// TestRoomForHeapTakesNoMoreThanThereIs: a count that a vault states may be any.
func TestRoomForHeapTakesNoMoreThanThereIs(t *testing.T) {
	for _, n := range []int{-1, 0, 1, 16<<20 - 1, 16 << 20, 1 << 30, int(^uint(0) >> 1)} {
		RoomForHeap(n)
	}
}
