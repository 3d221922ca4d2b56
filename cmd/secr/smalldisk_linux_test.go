package main

import (
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// smallDisk mounts a small file system in memory, if this machine allows it.
func smallDisk(t *testing.T, options string) string {
	t.Helper()
	folder := t.TempDir()
	if err := unix.Mount("tmpfs", folder, "tmpfs", unix.MS_NOSUID, options+",mode=700"); err != nil {
		t.Skipf("a small file system can't be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(folder, unix.MNT_DETACH); err != nil {
			exec.Command("umount", "-l", folder).Run()
		}
	})
	return folder
}

func moreSpace(t *testing.T, folder string) {
	t.Helper()
	if err := unix.Mount("tmpfs", folder, "tmpfs", unix.MS_REMOUNT, "size=64m,nr_inodes=100000"); err != nil {
		t.Fatal(err)
	}
}
