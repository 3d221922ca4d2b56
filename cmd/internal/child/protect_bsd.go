//go:build unix && !linux

package child

// undumpable has nothing to do here: other processes of the same user are kept out by
// the system's own rules, or not at all.
func undumpable() error { return nil }

// defaultSignals has nothing to do: execve restores what Go handles.
func defaultSignals() error { return nil }
