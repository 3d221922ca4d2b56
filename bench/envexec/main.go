// Command envexec is the floor of `secr run`: it reads NAME=value lines from a plain
// file and becomes the program behind it. Whatever secr costs above this is secr's.
//
//	envexec FILE PROGRAM [ARGUMENT...]
package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: envexec FILE PROGRAM [ARGUMENT...]")
		os.Exit(2)
	}
	data, err := os.ReadFile(os.Args[1])
	if err == nil {
		lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
		err = syscall.Exec(os.Args[2], os.Args[2:], append(os.Environ(), lines...))
	}
	fmt.Fprintln(os.Stderr, "envexec:", err)
	os.Exit(1)
}
