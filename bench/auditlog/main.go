// Command auditlog makes a vault of many changes and a branch of many receipts, and
// measures what going over all of it costs, against verifying the changes and opening
// the receipts alone. It prints three numbers: nanoseconds of the log, nanoseconds of
// verifying and opening, and the bytes that the log had in use at most.
package main

import (
	"context"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/secr/secr/audit"
	"github.com/secr/secr/audit/receipt"
	"github.com/secr/secr/keys"
	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/local"
	"github.com/secr/secr/vault/repo"
)

func main() {
	dir := flag.String("dir", "", "folder to work in")
	changes := flag.Int("changes", 500, "changes of the vault")
	receipts := flag.Int("receipts", 5000, "receipts, 100 a batch")
	times := flag.Int("times", 3, "repetitions")
	flag.Parse()
	if err := run(context.Background(), *dir, *changes, *receipts, *times); err != nil {
		fmt.Fprintln(os.Stderr, "auditlog:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir string, changes, receipts, times int) error {
	v, seed, err := found(ctx, dir, changes)
	if err != nil {
		return err
	}
	defer v.Close()
	if err := publish(ctx, v, seed, filepath.Join(dir, "remote.git"), receipts); err != nil {
		return err
	}
	var log, verify []time.Duration
	peak := uint64(0)
	for range times {
		begin := time.Now()
		n, high, err := readAll(ctx, v)
		if err != nil {
			return err
		}
		log, peak = append(log, time.Since(begin)), max(peak, high)
		if n != receipts+int(v.Head().Seq) {
			return fmt.Errorf("%d events", n)
		}
		begin = time.Now()
		if err := verifyAll(ctx, v); err != nil {
			return err
		}
		verify = append(verify, time.Since(begin))
	}
	slices.Sort(log)
	slices.Sort(verify)
	fmt.Println(log[times/2].Nanoseconds(), verify[times/2].Nanoseconds(), peak)
	return nil
}

// found makes a vault of so many changes.
func found(ctx context.Context, dir string, changes int) (*vault.Vault, keys.Seed, error) {
	seed := keys.NewSeed()
	home, err := local.NewHome(func(name string) string {
		if name == "SECR_HOME" {
			return filepath.Join(dir, "home")
		}
		return ""
	}, dir)
	if err != nil {
		return nil, seed, err
	}
	v, err := vault.Init(ctx, vault.InitOptions{
		Options: vault.Options{Home: home, Seed: func(context.Context) (keys.Seed, error) { return seed, nil }, Clock: time.Now},
		Handle:  "bench", Device: "bench",
	})
	for i := 1; err == nil && i < changes; i++ {
		d := v.Draft()
		d.Set("development", fmt.Sprintf("VARIABLE_%02d", i%50), keys.NewSecret(fmt.Append(nil, i)), vault.Meta{})
		_, err = d.Commit(ctx, "set 1 secret in development")
	}
	return v, seed, err
}

// publish writes so many receipts and publishes them, a hundred at a time.
func publish(ctx context.Context, v *vault.Vault, seed keys.Seed, host string, receipts int) error {
	there, err := repo.Create(host)
	if err != nil {
		return err
	}
	there.Close()
	u, err := remote.Parse(host, remote.FromUser, "")
	if err != nil {
		return err
	}
	who, err := v.Identity(ctx)
	if err != nil {
		return err
	}
	log, err := receipt.NewLog(v.Local(), who.Device.ID, receipt.Root(seed))
	if err != nil {
		return err
	}
	r := audit.Remote{URL: u, Transport: remote.NewBuiltin(remote.BuiltinOptions{Note: func(string) {}})}
	h := v.Head()
	for i := 1; i <= receipts; i++ {
		_, err := log.Append(ctx, receipt.Receipt{
			Time: time.Now().Unix(), Action: "run", Environment: "development", Seq: h.Seq, Sum: hex.EncodeToString(h.Sum[:]), All: true,
			Program: "server", Host: "desk", Addresses: []string{"192.0.2.7"},
		})
		if err == nil && (i%100 == 0 || i == receipts) {
			_, err = audit.Exchange(ctx, v, r, &audit.Source{Log: log, Now: time.Now().Unix()})
		}
		if err != nil {
			return err
		}
	}
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
