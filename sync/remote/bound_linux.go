package remote

import (
	"os/exec"

	"golang.org/x/sys/unix"
)

// maxMemory is the private memory that each process of a transfer may have. Git keeps the
// list of a remote's refs in memory, however long the host makes it.
const maxMemory = 2 << 30

// bound limits git and what it starts. It is the last line behind the limits of a fetch;
// a kernel that refuses changes nothing.
func bound(cmd *exec.Cmd) {
	limit := unix.Rlimit{Cur: maxMemory, Max: maxMemory}
	_ = unix.Prlimit(cmd.Process.Pid, unix.RLIMIT_DATA, &limit, nil)
}
