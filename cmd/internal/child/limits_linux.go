package child

import (
	"os"
	"syscall"
)

// systemLimits are those of Linux: MAX_ARG_STRLEN for one string, and a quarter of the
// stack limit for all, at least ARG_MAX and at most six MiB. The kernel computes the
// same in fs/exec.c; one page less leaves room for what it puts there itself.
func systemLimits() limits {
	const argMax, most = 128 << 10, 6 << 20
	page := os.Getpagesize()
	total := most
	var stack syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_STACK, &stack); err == nil && stack.Cur/4 < most {
		total = int(stack.Cur / 4)
	}
	return limits{one: 32 * page, total: max(total, argMax) - page}
}
