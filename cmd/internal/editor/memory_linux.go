package editor

import "golang.org/x/sys/unix"

// memoryFolders are where Linux has memory for files: the login session's own folder and
// the one that everybody shares.
func memoryFolders(getenv func(string) string) []string {
	return []string{getenv("XDG_RUNTIME_DIR"), "/dev/shm"}
}

// inMemory says whether a folder's files are in memory alone (and in swap, if that is
// used).
func inMemory(folder string) bool {
	var s unix.Statfs_t
	if folder == "" || folder[0] != '/' || unix.Statfs(folder, &s) != nil {
		return false
	}
	kind := uint32(s.Type) // which is signed, and of 32 bits on some machines
	return kind == unix.TMPFS_MAGIC || kind == unix.RAMFS_MAGIC
}
