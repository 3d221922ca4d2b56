package child

import (
	"bytes"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// action is at least as large as the kernel's sigaction. All zero is the default
// disposition on every architecture.
type action [16]uint64

// defaultSignals takes the ending signals out of Go's hands on the way to execve, except
// those that the process was told to ignore. With the default disposition the kernel ends
// all threads when such a signal is sent, so from here on none can be lost.
//
// One that Go's handler took before must not be lost either: a handler that is at work on
// another thread would vanish in execve, and the signal with it. The kernel gives signals to
// the main thread if it can, so there is none when this runs on the main thread, where
// [OnMainThread] keeps secr, and where a short command nearly always is. From any other
// thread it looks for one and waits until it has ended this process, or has handed the
// signal to whoever asked os/signal for it.
func defaultSignals() error {
	for _, s := range []syscall.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM} {
		if signal.Ignored(s) {
			continue
		}
		var dfl action
		_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(&dfl)), 0, uintptr(maskSize()), 0, 0)
		if errno != 0 {
			return fmt.Errorf("restore signal %d: %w", s, errno)
		}
	}
	if unix.Gettid() == unix.Getpid() {
		return nil
	}
	// A handler is a few microseconds; the bound is for a kernel without /proc. Looking
	// makes execve itself slower by milliseconds, which is why secr avoids it.
	for range 10_000 {
		if !handlerRunning() {
			return nil
		}
		runtime.Gosched()
	}
	return nil
}

// newborn is a thread that has not left a processor yet. Go makes threads with all signals
// blocked; on a busy machine one may wait long for its first turn, and needn't be waited for.
// The main thread is none of these: it may well be inside a handler before it ever waited.
const newborn = "\nvoluntary_ctxt_switches:\t0\nnonvoluntary_ctxt_switches:\t0\n"

// handlerRunning tells whether a thread is inside one of Go's signal handlers. These run
// with all signals blocked, SIGSEGV too, which Go's threads never block for long otherwise.
func handlerRunning() bool {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return false
	}
	main := strconv.Itoa(os.Getpid())
	var buf [4096]byte
	for _, t := range threads {
		status, err := readSmall("/proc/self/task/"+t.Name()+"/status", buf[:])
		if err != nil {
			continue // the thread has ended
		}
		_, line, found := bytes.Cut(status, []byte("\nSigBlk:\t"))
		if !found || len(line) < 16 {
			continue
		}
		mask, err := strconv.ParseUint(string(line[:16]), 16, 64)
		born := t.Name() == main || !bytes.Contains(line, []byte(newborn))
		if err == nil && mask&(1<<(unix.SIGSEGV-1)) != 0 && born {
			return true
		}
	}
	return false
}

// readSmall reads a file of /proc by three system calls: this is on the way of every run.
func readSmall(name string, buf []byte) ([]byte, error) {
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	n, err := unix.Read(fd, buf)
	if closed := unix.Close(fd); err == nil {
		err = closed
	}
	return buf[:max(n, 0)], err
}

// maskSize is the kernel's sigset in bytes.
func maskSize() int {
	switch runtime.GOARCH {
	case "mips", "mipsle", "mips64", "mips64le":
		return 16
	}
	return 8
}
