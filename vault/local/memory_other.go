//go:build !linux

package local

// Memory is n bytes to read a file into.
func Memory(n int) []byte { return make([]byte, n) }

// RoomForHeap is a matter of Linux.
func RoomForHeap(int) {}
