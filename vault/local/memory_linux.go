package local

import (
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Memory is n bytes to read a file into, of which the pages are there. Filling memory
// that isn't costs a page fault each 4 KiB: a quarter of a microsecond on bare metal, more
// than ten under some hypervisors, and ten times that where the kernel finds the page
// missing while it copies. So a few pages are touched, more are asked for in one call, and
// a megabyte comes in huge pages. A kernel that has none of that goes on as ever.
func Memory(n int) []byte {
	const huge = 2 << 20
	page := os.Getpagesize()
	switch {
	case n < 32*page:
		b := make([]byte, n)
		for i := 0; i < n; i += page {
			b[i] = 0
		}
		return b
	case n < huge/2:
		b := make([]byte, n)
		_ = unix.Madvise(aligned(b, page), unix.MADV_POPULATE_WRITE)
		return b
	}
	b := aligned(make([]byte, (n+huge-1)&^(huge-1)+huge), huge)
	_ = unix.Madvise(b, unix.MADV_HUGEPAGE)
	return b[:n:n]
}

// RoomForHeap lets the next n bytes that the program allocates come in huge pages: of a
// hundred thousand small objects, page faults are otherwise a third of the time where they
// are dear. It takes a few milliseconds there, and does nothing when little is needed.
func RoomForHeap(n int) {
	const worthwhile, most, spare = 16 << 20, 256 << 20, 128 << 20
	if n < worthwhile {
		return
	}
	n = min(n, most)
	// Go ends a program that doesn't get its memory. Where that is scarce (ulimit -v, no
	// overcommit), the objects may still find theirs one by one.
	probe, err := unix.Mmap(-1, 0, n+spare, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return
	}
	_ = unix.Munmap(probe)
	_ = unix.Madvise(aligned(make([]byte, n), 2<<20), unix.MADV_HUGEPAGE)
	runtime.GC() // gives those bytes back to the heap, and the advice stays
}

// aligned is the part of b that starts and ends at multiples of to, a power of two.
func aligned(b []byte, to int) []byte {
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(b))) & uintptr(to-1))
	return b[skip : skip+(len(b)-skip)&^(to-1)]
}
