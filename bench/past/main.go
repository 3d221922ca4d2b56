// Command past makes a vault with a long past, and a branch of receipts, for benchmarks. It
// prints three words: the vault's id, the token that is its founder, and the path of the
// secret HISTORY in the vault's tree. That secret has five versions, spread over the whole
// past; every other change sets one of fifty.
package main

import (
	"context"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
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
	home := flag.String("home", "", "folder for SECR_HOME")
	changes := flag.Int("changes", 500, "changes of the vault, 7 at least")
	receipts := flag.Int("receipts", 0, "receipts, 100 a batch")
	flag.Parse()
	if err := run(context.Background(), *home, *changes, *receipts); err != nil {
		fmt.Fprintln(os.Stderr, "past:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, home string, changes, receipts int) error {
	v, seed, err := found(ctx, home, changes)
	if err != nil {
		return err
	}
	defer v.Close()
	if receipts > 0 {
		if err := publish(ctx, v, seed, filepath.Join(home, "remote.git"), receipts); err != nil {
			return err
		}
	}
	// Each batch of receipts came in a pack, which secr sync would have packed together.
	if err := v.Maintain(ctx, repo.Maintenance{}); err != nil {
		return err
	}
	all, err := v.List(ctx, "development")
	if err != nil {
		return err
	}
	for _, e := range all {
		if e.Label.Name == secret {
			fmt.Printf("%s %s secrets/development/%s/%s\n", v.ID(), keys.FormatToken(seed).Reveal(), e.ID[:2], e.ID)
			return nil
		}
	}
	return fmt.Errorf("no secret %s", secret)
}

// secret is the one with few versions.
const (
	secret   = "HISTORY"
	versions = 5
)

// name is the secret that a change sets: the first change makes the vault, the second and
// the last set HISTORY, and so do three between.
func name(change, changes int) string {
	for i := range versions {
		if change == 2+i*(changes-2)/(versions-1) {
			return secret
		}
	}
	return fmt.Sprintf("VARIABLE_%02d", change%50)
}

// found makes a vault of so many changes.
func found(ctx context.Context, folder string, changes int) (*vault.Vault, keys.Seed, error) {
	seed := keys.NewSeed()
	home, err := local.NewHome(func(name string) string { return map[string]string{"SECR_HOME": folder}[name] }, folder)
	if err != nil {
		return nil, seed, err
	}
	v, err := vault.Init(ctx, vault.InitOptions{
		Options: vault.Options{Home: home, Seed: func(context.Context) (keys.Seed, error) { return seed, nil }, Clock: time.Now},
		Handle:  "bench", Device: "bench",
	})
	for change := 2; err == nil && change <= changes; change++ {
		d := v.Draft()
		d.Set("development", name(change, changes), keys.NewSecret(fmt.Append(nil, change)), vault.Meta{})
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
