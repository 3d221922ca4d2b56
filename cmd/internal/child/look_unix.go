//go:build unix

package child

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// look finds the program as a shell does: a name with a slash is a path, another is
// looked for along the environment's PATH. Relative parts of PATH are passed over: they
// would run whatever the current folder holds.
func look(name, path string) (string, error) {
	if name == "" {
		return "", &StartError{Program: `""`, Code: CodeNotFound, Reason: "no program"}
	}
	if strings.Contains(name, "/") {
		if err := executable(name); err != nil {
			return "", startError(name, err)
		}
		return name, nil
	}
	var refused error
	for _, dir := range filepath.SplitList(path) {
		if !filepath.IsAbs(dir) {
			continue
		}
		file := filepath.Join(dir, name)
		err := executable(file)
		if err == nil {
			return file, nil
		}
		if !missing(err) && refused == nil {
			refused = startError(file, err)
		}
	}
	if refused != nil {
		return "", refused
	}
	e := &StartError{Program: name, Code: CodeNotFound, Reason: "not found along PATH", Err: fs.ErrNotExist}
	if executable("./"+name) == nil {
		e.Advice = "it is in this folder: write ./" + name
	}
	return "", e
}

// executable asks whether the file may be run by this process's effective user.
func executable(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return unix.EISDIR
	}
	err = unix.Faccessat(unix.AT_FDCWD, file, unix.X_OK, unix.AT_EACCESS)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL) {
		err = nil // execve will tell
	}
	if err == nil && info.Mode()&0o111 == 0 {
		err = unix.EACCES
	}
	return err
}

// missing tells that there is no such file, from one that can't be run.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR)
}

// startError words the errors of looking and of execve.
func startError(program string, err error) *StartError {
	e := &StartError{Program: program, Code: CodeNotExecutable, Err: err}
	switch {
	case missing(err):
		e.Code, e.Reason = CodeNotFound, "no such file"
	case errors.Is(err, unix.EISDIR):
		e.Reason = "is a folder"
	case errors.Is(err, fs.ErrPermission):
		e.Reason, e.Advice = "may not be run", "see its permissions: ls -l "+program
	case errors.Is(err, unix.ENOEXEC):
		e.Reason, e.Advice = "is no program that this system can run", "a script without a #! line is run by its interpreter: sh "+program
	case errors.Is(err, unix.E2BIG):
		e.Reason, e.Advice = "arguments and environment are too long for this system", "inject fewer secrets (--only, --except)"
	default:
		e.Reason = "can't be started: " + err.Error()
	}
	return e
}
