//go:build unix

package child

import (
	"fmt"
	"syscall"
)

type coreLimit = syscall.Rlimit

// Protect makes this process leave no core file and, on Linux, refuse to be dumped,
// traced or read through /proc by processes of the same user. Run undoes for the program
// what execve doesn't undo by itself.
func Protect() (*Protection, error) {
	p := &Protection{}
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &p.core); err != nil {
		return nil, fmt.Errorf("read the limit of core files: %w", err)
	}
	if err := p.renew(); err != nil {
		return nil, err
	}
	return p, nil
}

// renew sets the protection, at first or after an execve that failed.
func (p *Protection) renew() error {
	if p == nil {
		return nil
	}
	if err := undumpable(); err != nil {
		return fmt.Errorf("forbid dumps of this process: %w", err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{Cur: 0, Max: p.core.Max}); err != nil {
		return fmt.Errorf("forbid core files: %w", err)
	}
	return nil
}

// release gives the program the core limit it would have had. A new program is dumpable
// again by execve itself.
func (p *Protection) release() error {
	if p == nil {
		return nil
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &p.core); err != nil {
		return fmt.Errorf("give the core limit back: %w", err)
	}
	return nil
}
