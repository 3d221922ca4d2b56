package main

import (
	"fmt"
	"os/exec"
	"time"
)

// long is a vault of ten thousand changes and ten times as many receipts, which takes
// minutes to make.
func (b *bench) long() (past, error) { return b.past(b.large(), 10*b.large()) }

// auditing measures going over all changes and receipts against verifying and opening
// the same, both sides in one process; and the memory of the command.
func auditing(b *bench, t *table) error {
	v, err := b.long()
	if err != nil {
		return err
	}
	program, _ := b.program("auditlog")
	cmd := exec.Command(program, "-vault", v.id)
	cmd.Env = v.env
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("auditlog: %w", err)
	}
	var log, verify, peak, events int64
	if _, err := fmt.Sscan(string(out), &log, &verify, &peak, &events); err != nil {
		return fmt.Errorf("auditlog: %w", err)
	}
	if events != int64(11*v.size) {
		return fmt.Errorf("the log has %d events of %d changes and ten times as many receipts", events, v.size)
	}
	job := fmt.Sprintf("`audit log` over %s changes and %s receipts", thousands(v.size), thousands(10*v.size))
	t.ratio(job, "verifying and opening them", time.Duration(log), time.Duration(verify), 2)
	t.number("memory in use by that log", float64(peak)/1e6, 100, "MB")
	least, err := b.memory(b.secr(v.vault, "audit", "log"), 3)
	if err != nil {
		return err
	}
	t.number("memory of the command", float64(least)/1e6, 200, "MB")
	return nil
}

// recalling measures the past of one secret, in a long chain against a short one and
// against stock git.
func recalling(b *bench, t *table) error {
	long, err := b.long()
	if err != nil {
		return err
	}
	short, err := b.past(10, 0)
	if err != nil {
		return err
	}
	took, err := medians(b.times(20),
		b.secr(long.vault, "history", "HISTORY"),
		b.secr(short.vault, "history", "HISTORY"),
		command{dir: long.project, env: long.env, argvs: [][]string{{"git", "--git-dir=" + long.repo, "log", "-p", "refs/heads/secr/vault", "--", long.path}}})
	if err != nil {
		return err
	}
	job := fmt.Sprintf("`history KEY`, 5 versions in %s changes", thousands(long.size))
	t.ratio(job, "the same in 10 changes", took[0], took[1], 1.1)
	t.times(job, "`git log -p -- FILE`", float64(took[2])/float64(took[0]), 5)
	return nil
}
