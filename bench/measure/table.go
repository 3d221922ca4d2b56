package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// table collects the rows of docs/benchmarks.md.
type table struct{ rows []string }

// ratio adds a row of two medians: ours may be bar times theirs.
func (t *table) ratio(job, against string, ours, theirs time.Duration, bar float64) {
	r := float64(ours) / float64(theirs)
	t.add(job, against, fmt.Sprintf("%s / %s", ms(ours), ms(theirs)), fmt.Sprintf("%.2fx", r), fmt.Sprintf("%.4gx", bar), r <= bar)
}

// times adds a row where more is better.
func (t *table) times(job, against string, factor, bar float64) {
	t.add(job, against, "", fmt.Sprintf("%.0fx faster", factor), fmt.Sprintf("%.0fx", bar), factor >= bar)
}

// number adds a row that is compared with nothing but its bar.
func (t *table) number(job string, value, bar float64, unit string) {
	t.add(job, "", "", fmt.Sprintf("%.4g %s", value, unit), fmt.Sprintf("%.4g %s", bar, unit), value <= bar)
}

// referenceStart is how long an empty Go program took on the machine on which the bars in
// milliseconds were set.
const referenceStart = 1.23

// start adds a row of a part of starting a program, in milliseconds. Its bar was set on
// another machine and grows with what an empty Go program takes here, which is what the
// result is divided by.
func (t *table) start(job string, value, bar, empty float64) {
	t.add(job, "an empty Go program", fmt.Sprintf("%.3g ms / %.3g ms", value, empty), fmt.Sprintf("%.2fx", value/empty),
		fmt.Sprintf("%.2fx (%.4g ms where that takes %.4g ms)", bar/referenceStart, bar, referenceStart), value/empty <= bar/referenceStart)
}

// count adds a row of something counted, which must be exactly that.
func (t *table) count(job string, got, want int) {
	t.add(job, "", "", fmt.Sprint(got), fmt.Sprintf("exactly %d", want), got == want)
}

// keep takes over the rows of an older page, in its order, with those of the same job and
// comparison replaced by new ones. What is new stands at the end.
func (t *table) keep(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	key := func(row string) string {
		cells := strings.Split(row, " | ")
		return strings.Join(cells[:min(2, len(cells))], " | ")
	}
	fresh := map[string]string{}
	for _, row := range t.rows {
		fresh[key(row)] = row
	}
	var rows []string
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| job |") {
			continue
		}
		if row, ok := fresh[key(line)]; ok {
			line = row
			delete(fresh, key(line))
		}
		rows = append(rows, line)
	}
	for _, row := range t.rows {
		if fresh[key(row)] != "" {
			rows = append(rows, row)
		}
	}
	t.rows = rows
	return nil
}

func (t *table) add(job, against, medians, result, bar string, met bool) {
	verdict := "met"
	if !met {
		verdict = "**missed**"
	}
	t.rows = append(t.rows, "| "+strings.Join([]string{job, against, medians, result, bar, verdict}, " | ")+" |")
	fmt.Fprintf(os.Stderr, "%s: %s (bar %s): %s\n", job, result, bar, verdict)
}

func ms(d time.Duration) string {
	return fmt.Sprintf("%.3g ms", float64(d)/float64(time.Millisecond))
}

// page is the whole of docs/benchmarks.md.
func (t *table) page(o options) string {
	how := ""
	if o.quick {
		how = " This was the quick mode, with fewer repetitions and smaller vaults."
	}
	return `# Benchmarks

Written by ` + "`scripts/bench`" + `; don't edit. Whole processes, from fork to exit, as a user's shell would see them. In each row
both sides ran in turn, and the medians are compared; read the ratio, not the milliseconds. A bar is what we hold
ourselves to; one in milliseconds of starting a program is held against an empty one. The identity's key is in the login session's kernel keyring, as it is on a desktop.` + how + `

Measured on ` + fmt.Sprintf("%s/%s with %d processors (%s), %s.", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), processor(), runtime.Version()) + `

| job | against | medians | result | bar | |
|---|---|---|---|---|---|
` + strings.Join(t.rows, "\n") + "\n"
}

// processor is what the machine calls its processor.
func processor() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown model"
	}
	for line := range strings.SplitSeq(string(data), "\n") {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown model"
}
