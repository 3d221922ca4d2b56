package term

import (
	"os"

	"golang.org/x/sys/unix"
)

// flushInput forgets what was typed and not read.
func flushInput(f *os.File) {
	// A terminal that can't forget has lost nothing: the answer was refused already.
	_ = unix.IoctlSetInt(int(f.Fd()), unix.TCFLSH, unix.TCIFLUSH)
}
