package clouds

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/cloud"
	"github.com/secr/secr/keys/keyring"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/canonical"
	"github.com/secr/secr/vault/local"
)

// KindCloud is the kind of keyring that [Store] is.
const KindCloud keyring.Kind = "kms"

// Store keeps seeds sealed by a cloud key, for machines in a cloud that have no
// keyring: a file beside the profile, which opens with one call to the cloud and
// for nobody without access to the key.
type Store struct {
	Folder string
	Clouds *Clouds
	// Key is the cloud key for new seeds; the zero Key takes none.
	Key policy.CloudKey
}

type sealedSeed struct {
	Version  int             `json:"version"`
	Provider policy.Provider `json:"provider"`
	Key      string          `json:"key"`
	Sealed   []byte          `json:"sealed"`
}

const (
	storeVersion = 1
	storeLimit   = 64 << 10
)

// KeyOf is the cloud key with that name at whichever provider such names belong to.
func KeyOf(name string) (policy.CloudKey, error) {
	var last error
	for _, provider := range []policy.Provider{policy.AWS, policy.GCP, policy.Azure} {
		if last = policy.CheckCloudName(provider, name); last == nil {
			return policy.CloudKey{ID: policy.CloudKeyID(provider, name, 0), Provider: provider, Key: name}, nil
		}
	}
	return policy.CloudKey{}, fmt.Errorf("%q is no name of a cloud key", name)
}

func (s Store) path(profile string) string { return filepath.Join(s.Folder, profile+".kms") }

func about(profile string) cloud.Context {
	return cloud.Context{Kind: "identity", Name: profile}
}

// Load opens a seed with one call to the cloud key that sealed it. The file is this
// machine's own: its key's name was typed by its owner.
func (s Store) Load(ctx context.Context, profile string) (keys.Seed, error) {
	kept, err := s.read(profile)
	if err != nil {
		return keys.Seed{}, err
	}
	key := policy.CloudKey{Provider: kept.Provider, Key: kept.Key}
	if err := policy.CheckCloudName(key.Provider, key.Key); err != nil {
		return keys.Seed{}, fail(profile, keyring.ErrDamaged)
	}
	plain, err := s.Clouds.Call(ctx, key, cloud.Unwrap, about(profile), kept.Sealed)
	if err != nil {
		return keys.Seed{}, fail(profile, err)
	}
	defer clear(plain)
	seed, err := keys.SeedFromBytes(plain)
	if err != nil {
		return keys.Seed{}, fail(profile, keyring.ErrDamaged)
	}
	return seed, nil
}

func (s Store) read(profile string) (sealedSeed, error) {
	data, err := local.ReadFile(s.path(profile), storeLimit)
	if errors.Is(err, fs.ErrNotExist) {
		return sealedSeed{}, fail(profile, keyring.ErrNotFound)
	}
	if err != nil {
		return sealedSeed{}, fail(profile, err)
	}
	var kept sealedSeed
	if err := canonical.Unmarshal(data, &kept); err != nil || kept.Version != storeVersion {
		return sealedSeed{}, fail(profile, keyring.ErrDamaged)
	}
	return kept, nil
}

// Save seals a new seed, and never replaces one.
func (s Store) Save(ctx context.Context, profile string, seed keys.Seed) error {
	if s.Key.Key == "" {
		return fail(profile, keyring.ErrUnavailable)
	}
	if _, err := os.Lstat(s.path(profile)); !errors.Is(err, fs.ErrNotExist) {
		return fail(profile, keyring.ErrExists)
	}
	sealed, err := s.Clouds.Call(ctx, s.Key, cloud.Wrap, about(profile), seed.Reveal())
	if err != nil {
		return fail(profile, err)
	}
	data, err := canonical.Marshal(sealedSeed{Version: storeVersion, Provider: s.Key.Provider, Key: s.Key.Key, Sealed: sealed})
	if err != nil {
		return fail(profile, err)
	}
	if err := local.MakeFolder(s.Folder); err != nil {
		return fail(profile, err)
	}
	return fail(profile, local.WriteFile(s.path(profile), data))
}

// Delete takes the file away. No cloud is needed for that.
func (s Store) Delete(_ context.Context, profile string) error {
	err := os.Remove(s.path(profile))
	if errors.Is(err, fs.ErrNotExist) {
		err = keyring.ErrNotFound
	}
	return fail(profile, err)
}

func fail(profile string, err error) error {
	if err == nil {
		return nil
	}
	return &keyring.Error{Kind: KindCloud, Profile: profile, Err: err}
}
