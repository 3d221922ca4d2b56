// Command auditlog measures what going over all changes and receipts of a vault costs,
// against verifying the changes and opening the receipts alone. It acts as the token in
// SECR_TOKEN, and prints four numbers: nanoseconds of the log, nanoseconds of verifying
// and opening, the bytes that the log had in use at most, and its events.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/secr/secr/audit"
	"github.com/secr/secr/bench/token"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/local"
)

func main() {
	id := flag.String("vault", "", "id of the vault")
	times := flag.Int("times", 3, "repetitions")
	flag.Parse()
	if err := run(context.Background(), *id, *times); err != nil {
		fmt.Fprintln(os.Stderr, "auditlog:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, id string, times int) error {
	v, err := token.Open(ctx, id, local.Disk{})
	if err != nil {
		return err
	}
	defer v.Close()
	var log, verify []time.Duration
	peak, events := uint64(0), 0
	for range times {
		begin := time.Now()
		n, high, err := readAll(ctx, v)
		if err != nil {
			return err
		}
		log, peak, events = append(log, time.Since(begin)), max(peak, high), n
		begin = time.Now()
		if err := verifyAll(ctx, v); err != nil {
			return err
		}
		verify = append(verify, time.Since(begin))
	}
	slices.Sort(log)
	slices.Sort(verify)
	fmt.Println(log[times/2].Nanoseconds(), verify[times/2].Nanoseconds(), peak, events)
	return nil
}

func branch(ctx context.Context, v *vault.Vault) (*audit.Branch, error) {
	known, err := audit.ReadKnown(v)
	if err != nil {
		return nil, err
	}
	return audit.ReadBranch(ctx, v, v.Repo(), known.Tips()...)
}

// readAll goes over the log, and says how many events there were and how much memory
// was in use at most.
func readAll(ctx context.Context, v *vault.Vault) (n int, peak uint64, err error) {
	b, err := branch(ctx, v)
	if err != nil {
		return 0, 0, err
	}
	for _, err := range audit.Log(ctx, v, audit.LogOptions{Branch: b, Changes: true}) {
		if err != nil {
			return 0, 0, err
		}
		if n++; n%5000 == 0 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapInuse)
		}
	}
	return n, peak, nil
}

// verifyAll is what the same costs without a log.
func verifyAll(ctx context.Context, v *vault.Vault) error {
	if _, err := vault.Verify(ctx, v.Repo(), nil, v.Head().ID); err != nil {
		return err
	}
	b, err := branch(ctx, v)
	if err != nil {
		return err
	}
	for _, p := range b.Posted {
		if _, err := audit.OpenBatch(ctx, v, v.Repo(), p); err != nil {
			return err
		}
	}
	return nil
}
