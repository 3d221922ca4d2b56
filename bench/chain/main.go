// Command chain makes a vault's chain longer for benchmarks, a set of one of its secrets
// a change, and measures what verifying one more change costs at some lengths: it prints
// nanoseconds, a line for each. It acts as the token in SECR_TOKEN, whose role must
// write to development.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/secr/secr/bench/token"
	"github.com/secr/secr/keys"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/local"
)

// sample is how many changes are verified once more at each length: the last ones.
const sample = 50

func main() {
	id := flag.String("vault", "", "id of the vault")
	secrets := flag.Uint64("secrets", 1, "how many secrets to set in turn: VARIABLE_00000 and so on")
	lengths := flag.String("lengths", "", "`numbers` of changes to reach, separated by commas")
	flag.Parse()
	if err := run(context.Background(), *id, *secrets, *lengths); err != nil {
		fmt.Fprintln(os.Stderr, "chain:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, id string, secrets uint64, lengths string) error {
	v, err := token.Open(ctx, id, local.Traced(unsynced))
	if err != nil {
		return err
	}
	defer v.Close()
	var ends [][]*chain.State
	for text := range strings.SplitSeq(lengths, ",") {
		length, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return err
		}
		end, err := lengthen(ctx, v, length, secrets)
		if err != nil {
			return err
		}
		ends = append(ends, end)
	}
	return compare(ctx, v, ends)
}

// unsynced makes a disk that waits for nothing: what is made here is thrown away.
func unsynced(o local.Op) error {
	if o.Kind == local.OpSync || o.Kind == local.OpSyncFolder {
		return local.ErrSkip
	}
	return nil
}

// lengthen makes changes until there are so many, and returns the states around the last.
func lengthen(ctx context.Context, v *vault.Vault, length, secrets uint64) ([]*chain.State, error) {
	var states []*chain.State
	for n := v.Head().Seq; n < length; n++ {
		if n+sample >= length {
			states = append(states, v.State())
		}
		d := v.Draft()
		d.Set("development", fmt.Sprintf("VARIABLE_%05d", n*7%secrets), keys.NewSecret(fmt.Append(nil, "value-", n)), vault.Meta{})
		if _, err := d.Commit(ctx, "set 1 secret in development"); err != nil {
			return nil, err
		}
	}
	states = append(states, v.State())
	if len(states) < 2 {
		return nil, fmt.Errorf("the chain has %d changes already", length)
	}
	return states, nil
}

// compare prints the median of verifying one of the last changes on the state before it,
// for each length, all of them in turn.
func compare(ctx context.Context, v *vault.Vault, ends [][]*chain.State) error {
	took := make([][]time.Duration, len(ends))
	for i := range sample {
		for length, states := range ends {
			if i+1 >= len(states) {
				continue
			}
			begin := time.Now()
			if _, err := vault.Verify(ctx, v.Repo(), states[i], states[i+1].Head().ID); err != nil {
				return err
			}
			took[length] = append(took[length], time.Since(begin))
		}
	}
	for _, all := range took {
		slices.Sort(all)
		fmt.Println(all[len(all)/2].Nanoseconds())
	}
	return nil
}
