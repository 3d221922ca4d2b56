package joining

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/local"
	"github.com/secr/secr/vault/repo"
	"github.com/secr/secr/vault/team"
)

// kept is what this machine remembers of the last look.
type kept struct {
	Version  int      `json:"version"`
	Left     int      `json:"left"`
	Branches []branch `json:"branches"`
}

// branch is one branch as it was seen. Request is empty when it holds none.
type branch struct {
	ID      string `json:"id"`
	Tip     string `json:"tip"`
	Request string `json:"request"`
}

// maxKept bounds the file.
const maxKept = 2 << 20

func keptPath(place local.Vault) string { return filepath.Join(place.State(), "joining.json") }

// readKept reads what was kept. It is a cache of the remote: damage is nothing kept.
func readKept(place local.Vault) (kept, error) {
	data, err := local.ReadFile(keptPath(place), maxKept)
	if errors.Is(err, fs.ErrNotExist) {
		return kept{}, nil
	}
	if err != nil {
		return kept{}, err
	}
	var k kept
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&k); err != nil || k.Version != 1 || len(k.Branches) > MaxBranches {
		return kept{}, nil
	}
	return k, nil
}

func writeKept(ctx context.Context, place local.Vault, k kept) error {
	k.Version = 1
	if k.Branches == nil {
		k.Branches = []branch{}
	}
	data, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		return err
	}
	lock, err := place.Lock(ctx, "joining")
	if err != nil {
		return err
	}
	return errors.Join(local.WriteFile(keptPath(place), append(data, '\n')), lock.Unlock())
}

func (k kept) find(id, tip string) (branch, bool) {
	for _, b := range k.Branches {
		if b.ID == id && b.Tip == tip {
			return b, true
		}
	}
	return branch{}, false
}

// found is what the branches mean for a vault.
func (k kept) found(v *vault.Vault) Found {
	out := Found{Left: k.Left}
	for _, b := range k.Branches {
		r, err := team.ParseRequest([]byte(b.Request))
		tip, bad := repo.ParseHash(b.Tip)
		switch {
		case err != nil || bad != nil || !policy.ValidID(b.ID) || r.DeviceID() != b.ID:
			out.Rubbish = append(out.Rubbish, b.ID)
		case r.Vault != v.ID(): // another vault on the same remote
		default:
			if _, _, known := v.Policy().Device(b.ID); !known {
				out.Asked = append(out.Asked, Asked{ID: b.ID, Tip: tip, Request: r})
			}
		}
	}
	return out
}

// Kept is what the last [Look] found, without asking anybody: those who were admitted
// meanwhile are left out.
func Kept(v *vault.Vault) (Found, error) {
	k, err := readKept(v.Local())
	if err != nil {
		return Found{}, err
	}
	return k.found(v), nil
}
