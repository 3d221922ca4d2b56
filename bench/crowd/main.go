// Command crowd fills a vault with members, in one change, for benchmarks, and writes
// requests of others who ask to join: request-N.json, and fingerprint-N beside it. It
// acts as the token in SECR_TOKEN, whose role must manage.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/secr/secr/bench/token"
	"github.com/secr/secr/keys"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/local"
	"github.com/secr/secr/vault/team"
)

type options struct {
	id                string
	members, requests int
	out               string
}

func main() {
	var o options
	flag.StringVar(&o.id, "vault", "", "id of the vault")
	flag.IntVar(&o.members, "members", 0, "how many to admit, as developers: member-1 and so on")
	flag.IntVar(&o.requests, "requests", 0, "how many requests to write")
	flag.StringVar(&o.out, "out", ".", "folder for them")
	flag.Parse()
	if err := run(context.Background(), o); err != nil {
		fmt.Fprintln(os.Stderr, "crowd:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	v, err := token.Open(ctx, o.id, local.Disk{})
	if err != nil {
		return err
	}
	defer v.Close()
	for n := 1; n <= o.requests; n++ {
		if err := ask(v, n, o.out); err != nil {
			return err
		}
	}
	return admit(ctx, v, o.members)
}

// admit makes members in one change.
func admit(ctx context.Context, v *vault.Vault, members int) error {
	if members == 0 {
		return nil
	}
	d := v.Draft()
	for n := range members {
		device, err := team.NewDevice(keys.NewSeed(), team.PlaceOf(v), team.DeviceOptions{Name: "laptop", Kind: policy.Machine})
		if err != nil {
			return err
		}
		d.EditPolicy(team.Admit(team.Admission{
			Handle: fmt.Sprint("member-", n+1), Kind: policy.Person, Roles: []string{policy.Developer}, Device: device,
		}))
	}
	_, err := d.Commit(ctx, "a crowd")
	return err
}

// ask writes the request of somebody whom nobody invited.
func ask(v *vault.Vault, n int, out string) error {
	r, err := team.NewRequestWithoutInvite(keys.NewSeed(), team.PlaceOf(v), team.RequestOptions{
		Handle: fmt.Sprint("asking-", n), Device: "laptop", Kind: policy.Machine,
	})
	if err != nil {
		return err
	}
	text, err := r.Text()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, fmt.Sprintf("request-%d.json", n)), text, 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, fmt.Sprint("fingerprint-", n)), []byte(r.Fingerprint()), 0o600)
}
