// Package child starts the program that gets the secrets, exactly as if secr had never
// been there.
//
// On Unix secr becomes the program: execve with the arguments as they are, no shell, so
// signals, terminal, process id, process group and exit status are the program's own.
// Its limits, its ignored signals and its blocked ones are those secr was started with
// (of the ignored ones, Go lets us keep SIGHUP and SIGINT). On Windows the program is a
// child process that shares the console, and its exit code becomes secr's.
//
// The order, once: Protect before the first secret is read; Compose the environment, a
// pure function that says what it overrode; MemoryFile for secrets that are files; Run.
package child

import (
	"errors"
	"fmt"
	"runtime"
)

// Exit codes for a program that can't be started, as shells have them.
const (
	CodeNotExecutable = 126
	CodeNotFound      = 127
)

// ErrNoMemoryFile says that this system has no file that lives in memory alone.
var ErrNoMemoryFile = errors.New("secret files need memory descriptors, which only Linux has")

// OnMainThread keeps the goroutine that main runs in on the process's main thread, which
// is where the kernel delivers signals: Run can then be sure that no handler is at work
// elsewhere. To be called before main's goroutine has waited for anything, by a command
// that does.
func OnMainThread() { runtime.LockOSThread() }

// MakeRoom enlarges the stack of main's goroutine once, instead of twice on the way: each
// time it is copied to new pages. It touches those that will be needed, because a page that
// a system call finds missing while it writes to it costs much more. To be called first in main.
func MakeRoom() { deepen(1) }

// deepen has a frame that makes the stack 32 KiB large.
//
//go:noinline
func deepen(at int) byte {
	const page = 4 << 10
	var room [20 << 10]byte
	for i := len(room) - at; i >= len(room)-3*page; i -= page {
		room[i] = 1
	}
	return room[len(room)-at]
}

// Plan is a program to become.
type Plan struct {
	Args        []string // the program, then its arguments; never empty
	Environment Environment
	Protection  *Protection // what to undo for the program; nil when nothing was done
}

// StartError says why a program can't be started, and what a shell's exit code would be.
type StartError struct {
	Program string
	Code    int // CodeNotFound or CodeNotExecutable
	Reason  string
	Advice  string // what to do, or ""
	Err     error  // the system's error, or nil
}

func (e *StartError) Error() string { return e.Program + ": " + e.Reason }

func (e *StartError) Unwrap() error { return e.Err }

// Hint says what to do about it, or nothing.
func (e *StartError) Hint() string { return e.Advice }

// NameError says that a secret's name or value can't be an environment variable.
type NameError struct {
	Name   string
	Reason string
}

func (e *NameError) Error() string { return fmt.Sprintf("%q %s", e.Name, e.Reason) }

// TooLargeError says that the system would refuse the environment.
type TooLargeError struct {
	Name  string // the secret that is too large, or the largest of them
	Size  int    // its size, name and value together
	Limit int    // what the system takes
	Total int    // the size of all arguments and variables, or 0 when Name alone is too large
}

func (e *TooLargeError) Error() string {
	if e.Total == 0 {
		return fmt.Sprintf("%s has %d bytes, and a variable may have %d here", e.Name, e.Size, e.Limit)
	}
	return fmt.Sprintf("arguments and environment have %d bytes together, and may have %d here; the largest secret is %s with %d",
		e.Total, e.Limit, e.Name, e.Size)
}

// Hint says what to do about it.
func (e *TooLargeError) Hint() string {
	if e.Total == 0 {
		return fmt.Sprintf("store %s as a file: the program then gets a path", e.Name)
	}
	return "inject fewer secrets (--only, --except), store large ones as files, or raise the stack limit (ulimit -s)"
}
