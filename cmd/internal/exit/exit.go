// Package exit turns errors into what a person or a script sees: one line of
// words, one hint and one exit code. It is the only place that does; the
// packages below know no exit code, and the verbs above print no error.
package exit

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/secr/secr/cmd/internal/child"
	"github.com/secr/secr/cmd/internal/project"
	"github.com/secr/secr/sync/replica"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/local"
)

// Code is a process's exit status. Scripts may rely on the numbers.
type Code int

// The exit codes of secr. `secr run` returns its child's own, and Cannot or
// Missing, as a shell would, when the child can't be started.
const (
	Done      Code = 0   // done
	Failed    Code = 1   // failed, for a reason that has no code of its own
	Usage     Code = 2   // the command line is wrong
	Denied    Code = 3   // the policy doesn't allow it
	NotFound  Code = 4   // no such secret, environment, member, vault, file
	Conflict  Code = 5   // two sides changed the same thing
	Integrity Code = 6   // bad signature, tampering, rewind
	Identity  Code = 7   // no usable identity on this machine
	Offline   Code = 8   // the remote can't be reached
	Cannot    Code = 126 // the child was found and can't be started
	Missing   Code = 127 // the child was not found
	Stopped   Code = 130 // interrupted
)

// kinds names the codes in `--json` errors.
func (c Code) kind() string {
	switch c {
	case Usage:
		return "usage"
	case Denied:
		return "denied"
	case NotFound:
		return "not-found"
	case Conflict:
		return "conflict"
	case Integrity:
		return "integrity"
	case Identity:
		return "identity"
	case Offline:
		return "offline"
	case Cannot:
		return "cannot-start"
	case Missing:
		return "command-not-found"
	case Stopped:
		return "interrupted"
	default:
		return "failed"
	}
}

// Error is a failure whose code a verb has chosen itself.
type Error struct {
	Code Code
	// What says what happened, to what; lower case, no period.
	What string
	// Hint is the one command or step that helps, without the word "hint".
	Hint string
	// Err is the cause, nil when What says it all.
	Err error
}

// Error gives the words without the hint.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.What
	}
	if e.What == "" {
		return e.Err.Error()
	}
	return e.What + ": " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// New makes an Error of code c with words as in fmt.Sprintf.
func New(c Code, format string, args ...any) *Error {
	return &Error{Code: c, What: fmt.Sprintf(format, args...)}
}

// Usagef is a mistake on the command line.
func Usagef(format string, args ...any) *Error { return New(Usage, format, args...) }

// WithHint returns e with the step that helps.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// Wrap gives a cause the words of what was being done; its code and hint stay
// those of the cause.
func Wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
}

// list tells an error of several cloud keys as a headline and a line for each.
func list(err error) (head string, lines []string) {
	several, ok := errors.AsType[*vault.CloudError](err)
	if !ok || len(several.Failed) < 2 {
		return "", nil
	}
	before, ok := strings.CutSuffix(err.Error(), several.Error())
	if !ok {
		return "", nil
	}
	for _, failed := range several.Failed {
		lines = append(lines, failed.Error())
	}
	return before + several.Headline(), lines
}

// Status is the exit code of a program that ran in secr's place and has
// spoken for itself: nothing is shown.
type Status int

// Error is for logs of tests alone.
func (s Status) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// Report is what is shown of an error.
type Report struct {
	Code Code
	Kind string
	What string
	Hint string
	// Head and Lines are What as a headline with a list under it, for people; without
	// Lines there is none.
	Head  string
	Lines []string
	// Silent says that nothing is to be shown.
	Silent bool
}

// pointed is a hint that names what the error is about, or nothing.
func pointed(err error) string {
	none, ok := errors.AsType[*vault.NoSecretError](err)
	switch {
	case ok && none.Version != 0:
		return fmt.Sprintf("secr history %s --env %s", none.Name, none.Environment)
	case ok:
		return "secr ls --env " + none.Environment
	}
	if gone, ok := errors.AsType[*vault.RetiredError](err); ok {
		return "secr audit log --env " + gone.Environment + " shows what was done in it"
	}
	// In a project the file is its owner's to mend; what secr keeps itself is the user's.
	file, ok := errors.AsType[*local.FileError](err)
	if ok && errors.Is(err, local.ErrForeign) && filepath.Base(file.Path) != project.Name {
		return `if it should be yours: sudo chown -R "$USER" ` + word(file.Path)
	}
	return ""
}

// word is a path as a shell takes it for one word: hints are pasted, and folders may be
// called anything.
func word(path string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+@:"
	if !strings.ContainsFunc(path, func(r rune) bool { return !strings.ContainsRune(plain, r) }) {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// hinter is an error that knows the step that helps.
type hinter interface{ Hint() string }

// Of looks err up in the table.
func Of(err error) Report {
	var status Status
	if errors.As(err, &status) {
		return Report{Code: Code(status), Silent: true}
	}
	r := Report{Code: Failed, What: err.Error()}
	if row, ok := find(err); ok {
		r.Code, r.Hint = row.code, row.hint
	}
	r.Head, r.Lines = list(err)
	var knows hinter
	if _, refused := errors.AsType[*replica.BadHeadError](err); !refused && errors.As(err, &knows) && knows.Hint() != "" {
		r.Hint = knows.Hint()
	}
	if hint := pointed(err); hint != "" {
		r.Hint = hint
	}
	var start *child.StartError
	if errors.As(err, &start) {
		r.Code = Code(start.Code)
	}
	var own *Error
	if errors.As(err, &own) {
		r.Code = own.Code
		if own.Hint != "" {
			r.Hint = own.Hint
		}
	}
	r.Kind = r.Code.kind()
	return r
}
