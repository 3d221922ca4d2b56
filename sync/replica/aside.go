package replica

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/secr/secr/sync/replay"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/local"
	"github.com/secr/secr/vault/repo"
)

// SetAside is a local change that could not be published and is kept here, where its
// author can read it.
type SetAside struct {
	Op      string        `json:"op"`
	Commit  string        `json:"commit"` // git id, in this machine's repository
	Seq     uint64        `json:"seq"`    // the number that it had here
	Subject string        `json:"subject"`
	Reason  replay.Reason `json:"reason"`
	Where   string        `json:"where"` // the environment, if it is about one
	Time    int64         `json:"time"`  // when it was set aside, Unix seconds
}

// asideFile is the list in the vault's state folder.
type asideFile struct {
	Version int        `json:"version"`
	Changes []SetAside `json:"changes"`
}

// asideRef keeps the commit of a change that was set aside.
func asideRef(op string) string { return "refs/secr/aside/" + op }

// maxAside bounds the list's file, and asideCount the list.
const (
	maxAside   = 4 << 20
	asideCount = 4096
)

// setAside keeps changes before the head moves on without them. What was set aside before
// stays in the list once.
func (r *Replica) setAside(ctx context.Context, steps []replay.Step) ([]SetAside, error) {
	if len(steps) == 0 {
		return nil, nil
	}
	lock, err := r.place.Lock(ctx, "sync")
	if err != nil {
		return nil, err
	}
	defer lock.Unlock()
	list, err := readAside(r.place)
	if err != nil {
		return nil, err
	}
	var out []SetAside
	for _, s := range steps {
		a := SetAside{
			Op: s.Change.Op.String(), Commit: repo.Hash(s.Change.ID).String(), Seq: s.Change.Seq,
			Subject: s.Change.Subject, Reason: s.Reason, Where: s.Where, Time: r.o.Clock().Unix(),
		}
		if err := r.vault.Repo().SetRef(asideRef(a.Op), s.Change.ID); err != nil {
			return nil, err
		}
		list = append(slices.DeleteFunc(list, func(x SetAside) bool { return x.Op == a.Op }), a)
		out = append(out, a)
	}
	if len(list) > asideCount {
		return nil, fmt.Errorf("more than %d changes are set aside", asideCount)
	}
	return out, writeAside(r.place, list)
}

func asidePath(place local.Vault) string { return filepath.Join(place.State(), "aside.json") }

func readAside(place local.Vault) ([]SetAside, error) {
	data, err := local.ReadFile(asidePath(place), maxAside)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var f asideFile
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&f); err != nil || f.Version != 1 {
		return nil, &local.FileError{Path: asidePath(place), Err: local.ErrDamaged}
	}
	return f.Changes, nil
}

func writeAside(place local.Vault, list []SetAside) error {
	if list == nil {
		list = []SetAside{}
	}
	data, err := json.MarshalIndent(asideFile{Version: 1, Changes: list}, "", "  ")
	if err != nil {
		return err
	}
	return local.WriteFile(asidePath(place), append(data, '\n'))
}

// ListAside lists the local changes that are set aside, without those that came into the
// chain after all.
func ListAside(v *vault.Vault) ([]SetAside, error) {
	list, err := readAside(v.Local())
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list, func(a SetAside) bool { return inChain(v, a.Op) }), nil
}

func inChain(v *vault.Vault, op string) bool {
	o, err := parseOp(op)
	if err != nil {
		return false
	}
	_, ok := v.State().Done(o)
	return ok
}

// OpenAside is the vault as a change that was set aside left it, for reading. Its author
// reads there what he could read then.
func OpenAside(ctx context.Context, v *vault.Vault, a SetAside) (*vault.Vault, error) {
	id, err := repo.ParseHash(a.Commit)
	if err != nil {
		return nil, err
	}
	s, err := vault.Verify(ctx, v.Repo(), nil, id)
	if err != nil {
		return nil, err
	}
	return v.Beside(s), nil
}

// DropAside takes a change off the list for good. Its objects stay in the repository.
func DropAside(ctx context.Context, v *vault.Vault, op string) error {
	place := v.Local()
	lock, err := place.Lock(ctx, "status")
	if err != nil {
		return err
	}
	defer lock.Unlock()
	list, err := readAside(place)
	if err != nil {
		return err
	}
	return writeAside(place, slices.DeleteFunc(list, func(a SetAside) bool { return a.Op == op }))
}
