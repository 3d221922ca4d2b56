package remote

import "golang.org/x/sys/unix"

// bootID tells this run of the kernel from all others. Two processes that read the same
// one see each other's locks. Empty: unknown.
func bootID() string {
	text, err := unix.Sysctl("kern.bootsessionuuid")
	if err != nil {
		return ""
	}
	return text
}
