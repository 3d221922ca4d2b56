package chain_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/chain/chaintest"
)

// large is a vault with n secrets in production, set in one change.
func large(b testing.TB, n int) *chaintest.World {
	b.Helper()
	w := chaintest.New(b)
	d := w.Draft(w.Ana)
	for i := range n {
		w.Write(d, policy.Production, chaintest.Plain{Name: fmt.Sprintf("SECRET_%d", i), Value: []byte("value")}, nil)
	}
	w.Commit(d)
	return w
}

// BenchmarkVerify10000 applies 10,000 changes with one secret each to a vault of 10,000
// secrets: all of it on one core, and prepared on two.
func BenchmarkVerify10000(b *testing.B) {
	w := large(b, 10000)
	from := w.State
	for i := range 10000 {
		w.Commit(w.Set(w.Ana, policy.Production, fmt.Sprintf("SECRET_%d", i%10000), fmt.Sprint(i)))
	}
	changes := w.Changes[2:]
	apply := func(b *testing.B, prepared func(i int) *chain.Prepared) {
		s := from
		for i := range changes {
			next, err := s.ApplyPrepared(prepared(i))
			if err != nil {
				b.Fatal(err)
			}
			s = next
		}
	}
	prepare := func(i int) *chain.Prepared {
		return chain.Prepare(changes[i].ID, changes[i].Raw, changes[i].Touched)
	}
	b.Run("one", func(b *testing.B) {
		for b.Loop() {
			apply(b, prepare)
		}
	})
	b.Run("two", func(b *testing.B) {
		for b.Loop() {
			all := make([]*chain.Prepared, len(changes))
			var wait sync.WaitGroup
			for half := range 2 {
				wait.Go(func() {
					for i := half; i < len(all); i += 2 {
						all[i] = prepare(i)
					}
				})
			}
			wait.Wait()
			apply(b, func(i int) *chain.Prepared { return all[i] })
		}
	})
	b.Run("prepared", func(b *testing.B) {
		all := make([]*chain.Prepared, len(changes))
		for i := range all {
			all[i] = prepare(i)
		}
		for b.Loop() {
			apply(b, func(i int) *chain.Prepared { return all[i] })
		}
	})
	data := encoded(b, w.State)
	b.Run("encode", func(b *testing.B) {
		for b.Loop() {
			encoded(b, w.State)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			if _, err := chain.Decode(data, store(w, shelf{})); err != nil {
				b.Fatal(err)
			}
		}
	})
}
