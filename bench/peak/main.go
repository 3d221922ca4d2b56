// Command peak runs a program and prints the most memory it had, in bytes. It is small
// on purpose: Linux counts the memory that a process shares with its parent before it
// becomes another program, so a large parent would be measured instead.
//
//	peak PROGRAM [ARGUMENT...]
package main

import (
	"fmt"
	"os"
	"os/exec"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: peak PROGRAM [ARGUMENT...]")
		os.Exit(2)
	}
	cmd := exec.Command(os.Args[1], os.Args[2:]...)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "peak:", err)
		os.Exit(1)
	}
	fmt.Println(peak(cmd.ProcessState))
}
