package child

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Run starts the program on this console, waits for it and returns its exit code. The
// program gets Ctrl-C from the console itself, so secr leaves it alone. A job object
// ends the program if secr is ended.
func Run(ctx context.Context, p Plan) (int, error) {
	path, err := exec.LookPath(p.Args[0])
	if err != nil {
		return 0, lookError(p.Args[0], err)
	}
	if err := systemLimits().check(path, p.Args, p.Environment); err != nil {
		return 0, err
	}
	if err := context.Cause(ctx); err != nil {
		return 0, err
	}
	job, err := killedWithUs()
	if err != nil {
		return 0, err
	}
	defer windows.CloseHandle(job)
	signal.Ignore(os.Interrupt)
	cmd := &exec.Cmd{Path: path, Args: p.Args, Env: p.Environment.list, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	if err := cmd.Start(); err != nil {
		return 0, &StartError{Program: path, Code: CodeNotExecutable, Reason: "can't be started: " + err.Error(), Err: err}
	}
	if err := assign(job, cmd.Process.Pid); err != nil {
		return 0, errors.Join(err, cmd.Process.Kill())
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, fmt.Errorf("wait for %s: %w", path, err)
	}
	return cmd.ProcessState.ExitCode(), nil
}

func lookError(program string, err error) error {
	e := &StartError{Program: program, Code: CodeNotExecutable, Reason: "may not be run", Err: err}
	switch {
	case errors.Is(err, exec.ErrDot):
		e.Code, e.Reason, e.Advice = CodeNotFound, "not found along PATH", `it is in this folder: write .\`+program
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		e.Code, e.Reason = CodeNotFound, "not found along PATH"
	}
	return e
}

// killedWithUs makes a job whose processes end with its last handle: ours.
func killedWithUs() (windows.Handle, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return 0, fmt.Errorf("make a job object: %w", err)
	}
	var info windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	info.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)))
	if err != nil {
		return 0, errors.Join(fmt.Errorf("set up a job object: %w", err), windows.CloseHandle(job))
	}
	return job, nil
}

func assign(job windows.Handle, pid int) error {
	process, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(pid))
	if err != nil {
		return fmt.Errorf("open process %d: %w", pid, err)
	}
	defer windows.CloseHandle(process)
	if err := windows.AssignProcessToJobObject(job, process); err != nil {
		return fmt.Errorf("put process %d into its job: %w", pid, err)
	}
	return nil
}
