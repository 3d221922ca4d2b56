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
	"slices"
	"strings"
)

func main() {
	var o options
	flag.StringVar(&o.programs, "programs", "", "folder of the built programs")
	flag.StringVar(&o.out, "out", "", "file to write the table to, in which -only leaves the other rows; standard output without")
	flag.BoolVar(&o.quick, "quick", false, "fewer repetitions and smaller vaults")
	flag.StringVar(&o.only, "only", "", "`jobs` to run, separated by commas: "+strings.Join(names(jobs()), ", ")+"; all without")
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
	only     string
}

// job measures one thing and adds its rows. Jobs run in their order; one may use, and
// grow, a vault that another one made.
type job struct {
	name string
	run  func(*bench, *table) error
}

// jobs is everything that is measured.
func jobs() []job {
	return []job{
		{"run", starting}, {"receipt", noting}, {"get", reading}, {"set", writing}, {"import", importing}, {"space", growing}, {"verify", verifying}, {"sync", syncing},
		{"memory", remembering}, {"admit", admitting}, {"remove", removing}, {"rotate", rotating}, {"kms", clouding}, {"history", recalling}, {"audit", auditing},
	}
}

func names(all []job) []string {
	var out []string
	for _, j := range all {
		out = append(out, j.name)
	}
	return out
}

// chosen is the jobs that were asked for.
func (o options) chosen() ([]job, error) {
	all := jobs()
	if o.only == "" {
		return all, nil
	}
	var out []job
	for name := range strings.SplitSeq(o.only, ",") {
		i := slices.Index(names(all), name)
		if i < 0 {
			return nil, fmt.Errorf("no job %q: there are %s", name, strings.Join(names(all), ", "))
		}
		out = append(out, all[i])
	}
	return out, nil
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
	chosen, err := o.chosen()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "secr-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{options: o, dir: dir}
	defer b.forget()
	var t table
	for _, j := range chosen {
		if err := j.run(b, &t); err != nil {
			return fmt.Errorf("%s: %w", j.name, err)
		}
	}
	if o.out != "" && o.only != "" {
		if err := t.keep(o.out); err != nil {
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
