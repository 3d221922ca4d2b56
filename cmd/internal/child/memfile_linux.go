package child

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/secr/secr/keys"
	"golang.org/x/sys/unix"
)

// lowest is where descriptors of secret files begin: above those that shells and service
// managers hand out by number.
const lowest = 100

// MemoryFile puts a secret into a file that has no name in any folder and lives in
// memory: the program inherits the descriptor and opens the path that is returned, as
// often as it likes. The file can't be changed, and is gone with the last process that
// holds it. Programs that close what they inherit can't use it.
func MemoryFile(contents keys.Secret) (string, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate("secr", flags|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3
		fd, err = unix.MemfdCreate("secr", flags)
	}
	if err != nil {
		return "", fmt.Errorf("make a file in memory: %w", err)
	}
	f := os.NewFile(uintptr(fd), "secret file")
	defer f.Close()
	if err := fill(f, contents); err != nil {
		return "", fmt.Errorf("write a file in memory: %w", err)
	}
	// A copy that the program inherits. It has no os.File, whose finalizer would close it.
	high, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD, lowest)
	if errors.Is(err, unix.EINVAL) { // fewer than that are allowed
		high, err = unix.FcntlInt(f.Fd(), unix.F_DUPFD, 3)
	}
	if err != nil {
		return "", fmt.Errorf("keep a file in memory open: %w", err)
	}
	return "/proc/self/fd/" + strconv.Itoa(high), nil
}

func fill(f *os.File, contents keys.Secret) error {
	if n, err := f.Write(contents.Reveal()); err != nil {
		return err
	} else if n != contents.Len() {
		return io.ErrShortWrite
	}
	if err := f.Chmod(0o400); err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE)
	return err
}
