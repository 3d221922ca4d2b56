//go:build unix

package editor

import (
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/secr/secr/vault/local"
)

// endings are the signals that could end secr while an editor runs, but for those that it
// was told to ignore.
func endings() []os.Signal {
	var out []os.Signal
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			out = append(out, s)
		}
	}
	return out
}

// typed are the signals that a terminal sends to secr and the editor alike.
func typed(s os.Signal) bool { return s == os.Interrupt || s == syscall.SIGQUIT }

// byInterrupt says whether Ctrl-C ended the editor.
func byInterrupt(p *os.ProcessState) bool {
	status, ok := p.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGINT
}

// lockFolder locks a folder for as long as it is open, or fails if somebody has it.
func lockFolder(folder string) (*os.File, error) {
	f, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, &os.PathError{Op: "lock", Path: folder, Err: err}
	}
	return f, nil
}

// young is how long a folder is left alone whose lock is free: its owner may be about to
// take it.
const young = time.Minute

// sweep clears away what killed processes left. Whatever stands in its way is theirs who
// come after.
func sweep(parent string, now time.Time) {
	left, _ := filepath.Glob(filepath.Join(parent, roomPrefix+"*"))
	for _, folder := range left {
		info, err := os.Lstat(folder)
		if err != nil || !info.IsDir() || now.Sub(info.ModTime()) < young || local.CheckOwner(folder) != nil {
			continue
		}
		if lock, err := lockFolder(folder); err == nil {
			_ = (&room{folder: folder, lock: lock}).clear()
		}
	}
}
