//go:build unix

package remote

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

const gitProgram = "git"

// noWait makes opening a pipe return at once.
const noWait = syscall.O_NONBLOCK

func isProgram(info fs.FileInfo) bool { return info.Mode().IsRegular() && info.Mode()&0o111 != 0 }

// tryLock takes the system's lock of an open file, and reports whether it got it.
func tryLock(file *os.File) (bool, error) {
	err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	for errors.Is(err, unix.EINTR) {
		err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// detach gives git a session of its own, so that nothing under it finds a terminal to
// ask on and all of it can be ended together. With prompts it stays where the user's
// keyboard reaches it: a background group could not read the terminal.
func detach(cmd *exec.Cmd, prompt Prompt) {
	if prompt == PromptTerminal {
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
		return
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
}

// finish ends what a stopped git may have left running.
func finish(cmd *exec.Cmd) {
	if cmd.SysProcAttr != nil && cmd.SysProcAttr.Setsid {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // an error says that nothing is left
	}
}

// syncDir puts the names in a folder on the disk.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
