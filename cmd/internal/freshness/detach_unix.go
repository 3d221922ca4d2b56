//go:build unix

package freshness

import (
	"os"
	"os/exec"
	"syscall"

	"github.com/secr/secr/cmd/internal/system"
)

// detach starts secr as the leader of a session of its own, which starts the fetch
// and ends: what fetches is nobody's child, so the program that secr becomes gets
// no stranger to wait for.
func detach(sys system.System) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, Verb, "start")
	cmd.Dir, cmd.Env = sys.Folder, sys.Environ()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd.Run()
}
