package app

import (
	"errors"
	"io/fs"
	"os"

	"github.com/secr/secr/cmd/internal/exit"
)

// openInput opens a file that the command line names, for reading.
func openInput(name string) (*os.File, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, exit.New(exit.NotFound, "there is no file %s", name)
	}
	if err != nil {
		return nil, exit.Usagef("%s", err)
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = exit.Usagef("%s is a folder", name)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
