package repo

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// smallDisk mounts a small file system in memory, if this machine allows it.
func smallDisk(t *testing.T, options string) string {
	t.Helper()
	folder := t.TempDir()
	if err := unix.Mount("tmpfs", folder, "tmpfs", unix.MS_NOSUID, options+",mode=700"); err != nil {
		if os.Getenv("SECR_TEST_REQUIRE_ALL") == "1" && os.Geteuid() == 0 && !errors.Is(err, unix.EPERM) {
			t.Fatal(err)
		}
		t.Skipf("a small file system can't be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(folder, unix.MNT_DETACH); err != nil {
			exec.Command("umount", "-l", folder).Run()
		}
	})
	return folder
}

func isFull(err error) bool { return errors.Is(err, unix.ENOSPC) }
