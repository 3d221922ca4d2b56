package exit

import (
	"context"
	"errors"

	"github.com/secr/secr/cmd/internal/project"
	"github.com/secr/secr/cmd/internal/settings"
	"github.com/secr/secr/cmd/internal/term"
	"github.com/secr/secr/vault/local"
)

// row is what the table knows of a kind of error.
type row struct {
	is   func(error) bool
	code Code
	hint string
}

// find gives the first row that matches. Integrity stands before everything
// else: a security failure is never softened into another one.
func find(err error) (row, bool) {
	for _, r := range table() {
		if r.is(err) {
			return r, true
		}
	}
	return row{}, false
}

func table() []row {
	return []row{
		{is(term.ErrInterrupted), Stopped, ""},
		{is(context.Canceled), Stopped, ""},

		{is(project.ErrInvalid), Integrity, "git log -p secr.toml shows who changed it"},
		{is(local.ErrForeign), Integrity, "work in a folder that is your own"},
		{as[*local.FileError], Integrity, "secr doctor"},
		{is(local.ErrFloors), Integrity, "git log -p secr.toml shows who changed the floor"},
		{as[*local.PinBackError], Integrity, "the remote shows less than before: ask your team before anything else"},

		{is(project.ErrNone), NotFound, "secr init makes a vault for this project"},
		{is(local.ErrNoLink), Denied, "secr link, if you trust this folder's secr.toml"},
		{is(settings.ErrInvalid), Usage, "mend or remove the settings file"},
		{as[*term.NoTerminalError], Usage, ""},
		{is(term.ErrMoreLines), Usage, "give values of several lines by --file or standard input"},
		{as[*local.LockedError], Failed, "wait for that process, or end it"},
	}
}

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func as[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}
