package term

import (
	"os"

	"golang.org/x/sys/windows"
)

// openControlling opens the console that the process belongs to.
func openControlling() (*os.File, error) {
	return os.OpenFile("CONIN$", os.O_RDWR, 0)
}

// enableEscapes asks an old console to understand escape sequences. One that refuses
// counts as no terminal: it would show them raw.
func enableEscapes(f *os.File) bool {
	h := windows.Handle(f.Fd())
	var mode uint32
	if err := windows.GetConsoleMode(h, &mode); err != nil {
		return false
	}
	return windows.SetConsoleMode(h, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}

// endings are the signals that end a question.
func endings() []os.Signal { return []os.Signal{os.Interrupt} }

// flushInput forgets what was typed and not read.
func flushInput(f *os.File) {
	// A console that can't forget has lost nothing: the answer was refused already.
	_ = windows.FlushConsoleInputBuffer(windows.Handle(f.Fd()))
}
