//go:build unix && !linux

package term

import (
	"os"

	"golang.org/x/sys/unix"
)

// flushInput forgets what was typed and not read.
func flushInput(f *os.File) {
	const read = 1 // FREAD
	// A terminal that can't forget has lost nothing: the answer was refused already.
	_ = unix.IoctlSetPointerInt(int(f.Fd()), unix.TIOCFLUSH, read)
}
