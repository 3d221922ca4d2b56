// Package system is all of the outside world that a command touches: streams,
// environment, clock, folders and the way into another program. A command
// gets one System and asks nothing else of the machine, so a test can hand it
// another one.
package system

import (
	"os"
	"strings"
	"time"
)

// System is one process's view of the machine.
type System struct {
	// Stdin, Stdout and Stderr are the process's streams. Results go to
	// Stdout, everything else to Stderr.
	Stdin, Stdout, Stderr *os.File
	// Getenv reads one variable of the process's environment.
	Getenv func(string) string
	// Environ lists the environment as NAME=value.
	Environ func() []string
	// Now is the clock.
	Now func() time.Time
	// Home is the user's home folder, empty when there is none.
	Home string
	// Folder is the folder that the process runs in.
	Folder string
	// Session is how long an unlocked identity may stay in the memory of the
	// login session; 0 is not at all.
	Session time.Duration
	// Keyring is how long the system's keyring may take; 0 is the normal time.
	Keyring time.Duration
	// Work is the scrypt work factor of new passphrase files; 0 is the normal one.
	Work int
	// Patience is for how long a lost race at a remote is run again; 0 is the normal time.
	Patience time.Duration
}

// OS is the real machine.
func OS() System {
	home, _ := os.UserHomeDir() // without one, SECR_HOME or the XDG variables have to say where
	folder, _ := os.Getwd()     // a deleted folder has no secr.toml above it either
	return System{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Getenv: os.Getenv, Environ: os.Environ, Now: time.Now,
		Home: home, Folder: folder, Session: 12 * time.Hour,
	}
}

// Without is the environment without the variables whose name starts with
// prefix.
func (s System) Without(prefix string) []string {
	var kept []string
	for _, pair := range s.Environ() {
		if !strings.HasPrefix(pair, prefix) {
			kept = append(kept, pair)
		}
	}
	return kept
}
