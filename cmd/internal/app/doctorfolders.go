package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/secr/secr/vault/local"
)

// checkFolders looks at all that secr keeps as the user who runs it will meet it: somebody
// who once ran it as another user finds out here.
func checkFolders(home local.Home) finding {
	links, closed, there := "", "", 0
	for _, folder := range []string{home.Config, home.Data, home.State, home.Cache} {
		if err := othersOwn(filepath.Dir(folder)); err != nil {
			return bad("folders", err)
		}
		if info, err := os.Stat(folder); err == nil {
			if there++; runtime.GOOS != "windows" && info.Mode()&0o077 != 0 {
				closed += "; others could enter " + folder + " until now"
			}
		}
		if err := checkFolder(folder); err != nil {
			return bad("folders", err)
		}
		if to, err := os.Readlink(folder); err == nil {
			links += "; " + folder + " is your link to " + to
		}
	}
	switch {
	case closed != "":
		return remark("folders", "they are yours alone now"+links+closed, "what others could read in them is known to them: think of what to rotate")
	case there == 0:
		return ok("folders", "%s and the others can be made", home.Config)
	}
	return ok("folders", "%s and the others are yours alone%s", home.Config, links)
}

// othersOwn fails if everybody can write to a folder and so put another in the place of one
// that is in it.
func othersOwn(folder string) error {
	info, err := os.Stat(folder)
	if err != nil || runtime.GOOS == "windows" {
		return nil // it is made when it is needed
	}
	if mode := info.Mode(); mode&0o002 != 0 && mode&fs.ModeSticky == 0 {
		return &local.FileError{Path: folder, Err: local.ErrTooOpen}
	}
	return nil
}

// checkFolder fails on the first thing in a folder of ours that can't be read, or in which
// nothing could be written.
func checkFolder(folder string) error {
	err := local.CheckFolder(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return canWrite(nearestFolder(folder))
	}
	if err != nil {
		return err
	}
	real, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return err
	}
	return filepath.WalkDir(real, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // another command has replaced it
			return nil
		case err != nil:
			return err
		case d.IsDir():
			if err := canWrite(path); !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			return filepath.SkipDir // another command has removed it
		case !d.Type().IsRegular():
			return nil
		}
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return f.Close()
	})
}

// nearestFolder is the folder itself or the one above it that is there.
func nearestFolder(folder string) string {
	for {
		if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) || filepath.Dir(folder) == folder {
			return folder
		}
		folder = filepath.Dir(folder)
	}
}

// canWrite makes a file and removes it: nothing else tells for sure.
func canWrite(folder string) error {
	f, err := os.CreateTemp(folder, ".secr-tmp-")
	if own, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("nothing can be written in %s: %w", folder, own.Err)
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}
