// Command measure runs secr and what it is compared with as whole processes, turn by
// turn in one run, and writes the table of docs/benchmarks.md. scripts/bench builds the
// programs and starts it.
//
// Every row is a ratio, or a number that doesn't depend on the machine's speed, because
// milliseconds alone say little about another computer.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
)

func main() {
	var o options
	flag.StringVar(&o.programs, "programs", "", "folder of the built programs")
	flag.StringVar(&o.out, "out", "", "file to write the table to; standard output without")
	flag.BoolVar(&o.quick, "quick", false, "fewer repetitions and smaller vaults")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
}

// options are what to measure and where the result goes.
type options struct {
	programs string
	out      string
	quick    bool
}

// large is the size of the large vault.
func (o options) large() int {
	if o.quick {
		return 1_000
	}
	return 10_000
}

// times is how often a command is measured that takes about so many milliseconds.
func (o options) times(milliseconds int) int {
	n := 4_000 / max(milliseconds, 20)
	if o.quick {
		n /= 8
	}
	return max(n, 5)
}

func run(o options) error {
	dir, err := os.MkdirTemp("", "secr-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{options: o, dir: dir}
	defer b.forget()
	var t table
	for _, job := range []func(*bench, *table) error{
		starting, reading, writing, importing, growing, syncing, remembering, admitting, removing, rotating, auditing,
	} {
		if err := job(b, &t); err != nil {
			return err
		}
	}
	page := t.page(o)
	if o.out == "" {
		_, err := os.Stdout.WriteString(page)
		return err
	}
	fmt.Fprintf(os.Stderr, "measured on %d processors; wrote %s\n", runtime.NumCPU(), o.out)
	return os.WriteFile(o.out, []byte(page), 0o644)
}
