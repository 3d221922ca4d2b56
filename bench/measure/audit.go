package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// auditing measures going over all changes and receipts against verifying and opening
// the same. Both sides are in one process: the vault takes minutes to make.
func auditing(b *bench, t *table) error {
	program, built := b.program("auditlog")
	if !built {
		return nil
	}
	dir := filepath.Join(b.dir, "auditlog")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	changes := b.large()
	out, err := exec.Command(program, "-dir", dir, "-changes", fmt.Sprint(changes), "-receipts", fmt.Sprint(10*changes)).Output()
	if err != nil {
		return fmt.Errorf("auditlog: %w", err)
	}
	var log, verify, peak int64
	if _, err := fmt.Sscan(string(out), &log, &verify, &peak); err != nil {
		return fmt.Errorf("auditlog: %w", err)
	}
	job := fmt.Sprintf("`audit log` over %s changes and %s receipts", thousands(changes), thousands(10*changes))
	t.ratio(job, "verifying and opening them", time.Duration(log), time.Duration(verify), 2)
	t.number("memory in use by that log", float64(peak)/1e6, 100, "MB")
	return nil
}
