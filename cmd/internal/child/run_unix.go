//go:build unix

package child

import (
	"context"
	"syscall"
)

// Run becomes the program, and returns only when it can't: a *StartError, a
// *TooLargeError, or the context's error. The int is for systems where the program is a
// child process: its exit code.
//
// An interruption before execve is not lost. Dispositions go back to the system's
// default first, so from there on the kernel ends this process at once; whatever a
// handler took before is in the context, which is looked at after that.
func Run(ctx context.Context, p Plan) (int, error) {
	path, err := look(p.Args[0], p.Environment.lookup("PATH"))
	if err != nil {
		return 0, err
	}
	if err := systemLimits().check(path, p.Args, p.Environment); err != nil {
		return 0, err
	}
	if err := defaultSignals(); err != nil {
		return 0, err
	}
	if err := context.Cause(ctx); err != nil {
		return 0, err
	}
	if err := p.Protection.release(); err != nil {
		return 0, err
	}
	if err = syscall.Exec(path, p.Args, p.Environment.list); err == nil {
		return 0, nil // not reached: this process is the program now
	}
	if again := p.Protection.renew(); again != nil {
		return 0, again
	}
	e := startError(path, err)
	if missing(err) {
		// The file is there: it is its interpreter that isn't.
		e.Code, e.Reason, e.Advice = CodeNotExecutable, "the interpreter in its first line is missing", "see it: head -1 "+path
	}
	return 0, e
}
