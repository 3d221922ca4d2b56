package editor

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
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

// lockFolder has a file in the folder that nobody else can open for writing while it is
// open here.
func lockFolder(folder string) (*os.File, error) {
	path, err := syscall.UTF16PtrFromString(filepath.Join(folder, "lock"))
	if err != nil {
		return nil, err
	}
	const deleteOnClose = 0x04000000
	h, err := syscall.CreateFile(path, syscall.GENERIC_WRITE, syscall.FILE_SHARE_DELETE, nil, syscall.OPEN_ALWAYS, deleteOnClose, 0)
	if err != nil {
		return nil, errors.Join(errors.New("the folder is in use"), err)
	}
	return os.NewFile(uintptr(h), folder), nil
}
