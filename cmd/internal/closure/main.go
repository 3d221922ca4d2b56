//go:build bench

// Command closure is the short way of `run` and `get` as a program of its own, for
// scripts/bench: what secr would cost if nothing but that were linked.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/secr/secr/cmd/internal/child"
	"github.com/secr/secr/cmd/internal/fast"
	"github.com/secr/secr/cmd/internal/system"
)

func main() {
	child.MakeRoom()
	code, done, err := fast.Run(context.Background(), os.Args, system.OS())
	if err == nil && !done {
		err = fmt.Errorf("there is no fresh snapshot, or the arguments need secr itself")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "closure:", err)
		code = 1
	}
	os.Exit(code)
}
