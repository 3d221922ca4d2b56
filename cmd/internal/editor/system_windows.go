package editor

import (
	"os"
	"syscall"
	"time"
)

// endings are Ctrl-C, and a console that is closed.
func endings() []os.Signal { return []os.Signal{os.Interrupt, syscall.SIGTERM} }

// typed is what a console sends to secr and the editor alike.
func typed(s os.Signal) bool { return s == os.Interrupt }

// byInterrupt says whether Ctrl-C ended the editor.
func byInterrupt(p *os.ProcessState) bool {
	const controlC = 0xc000013a
	return uint32(p.ExitCode()) == controlC
}

// lockFolder locks nothing: an open folder can't be locked here, and a file in it would be
// in the way of its removal. So nothing is swept either.
func lockFolder(string) (*os.File, error) { return nil, nil }

func sweep(string, time.Time) {}
