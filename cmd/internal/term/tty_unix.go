//go:build unix

package term

import (
	"os"
	"os/signal"
	"syscall"

	xterm "golang.org/x/term"
)

// openControlling opens the terminal that the process belongs to.
func openControlling() (*os.File, error) {
	f, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	if !xterm.IsTerminal(int(f.Fd())) {
		f.Close()
		return nil, os.ErrNotExist
	}
	return f, nil
}

// enableEscapes is for consoles that must be asked; terminals here know them.
func enableEscapes(*os.File) bool { return true }

// endings are the signals that end a question, but for those that the process was told
// to ignore.
func endings() []os.Signal {
	var out []os.Signal
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			out = append(out, s)
		}
	}
	return out
}
