package remote

import (
	"os"
	"strings"
)

// bootID tells this run of the kernel from all others. Two processes that read the same
// one see each other's locks. Empty: unknown.
func bootID() string {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
