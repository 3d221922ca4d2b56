package keyring

import (
	"context"
	"sync"

	"github.com/secr/secr/keys"
)

// Memory keeps seeds as long as the process lives. It is safe for concurrent use.
type Memory struct {
	mu    sync.Mutex
	seeds map[string]keys.Seed
}

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{seeds: map[string]keys.Seed{}} }

// Load implements [Store].
func (m *Memory) Load(ctx context.Context, profile string) (keys.Seed, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.ready(ctx, profile); err != nil {
		return keys.Seed{}, fail(KindMemory, profile, err)
	}
	s, ok := m.seeds[profile]
	if !ok {
		return keys.Seed{}, fail(KindMemory, profile, ErrNotFound)
	}
	return keys.SeedFromBytes(s.Reveal())
}

// Save implements [Store].
func (m *Memory) Save(ctx context.Context, profile string, s keys.Seed) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.ready(ctx, profile); err != nil {
		return fail(KindMemory, profile, err)
	}
	if _, ok := m.seeds[profile]; ok {
		return fail(KindMemory, profile, ErrExists)
	}
	own, err := keys.SeedFromBytes(s.Reveal())
	if err != nil {
		return fail(KindMemory, profile, err)
	}
	m.seeds[profile] = own
	return nil
}

// Delete implements [Store]. It overwrites the seed.
func (m *Memory) Delete(ctx context.Context, profile string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.ready(ctx, profile); err != nil {
		return fail(KindMemory, profile, err)
	}
	s, ok := m.seeds[profile]
	if !ok {
		return fail(KindMemory, profile, ErrNotFound)
	}
	s.Wipe()
	delete(m.seeds, profile)
	return nil
}

func (m *Memory) ready(ctx context.Context, profile string) error {
	if err := checkProfile(profile); err != nil {
		return err
	}
	return ctx.Err()
}
