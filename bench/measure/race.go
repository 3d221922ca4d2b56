package main

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// racing lets several machines set and share at the same time, and looks who ends last.
func (b *bench) racing(s shared, t *table) error {
	machines, each := make([]vault, 8), 25
	if b.quick {
		each = 5
	}
	for i := range machines {
		v, err := b.beside(s, fmt.Sprint("racer-", i))
		if err != nil {
			return err
		}
		if _, err := b.secr(v, "clone").once(); err != nil {
			return err
		}
		machines[i] = v
	}
	ends, failed := make([]time.Duration, len(machines)), make([]error, len(machines))
	var all sync.WaitGroup
	begin := time.Now()
	for i, v := range machines {
		all.Go(func() {
			failed[i] = b.race(v, i, each)
			ends[i] = time.Since(begin)
		})
	}
	all.Wait()
	if err := errors.Join(failed...); err != nil {
		return err
	}
	t.ratio(fmt.Sprintf("race of %d machines with %d changes each: who ends last", len(machines), each), "the median of them", slices.Max(ends), median(ends), 3)
	return nil
}

// race is what one machine does.
func (b *bench) race(v vault, machine, each int) error {
	for n := range each {
		for _, args := range [][]string{{"set", fmt.Sprintf("RACED_%d=%d", machine, n)}, {"sync"}} {
			if _, err := b.secr(v, args...).once(); err != nil {
				return err
			}
		}
	}
	return nil
}
