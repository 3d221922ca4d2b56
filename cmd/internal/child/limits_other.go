//go:build !linux

package child

import "runtime"

// systemLimits are the documented ones: macOS takes a MiB in all, Windows 32,767
// characters a variable.
func systemLimits() limits {
	switch runtime.GOOS {
	case "windows":
		return limits{one: 32767}
	case "darwin":
		return limits{total: 1<<20 - 4096}
	}
	return limits{total: 256 << 10}
}
