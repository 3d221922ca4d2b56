package repo

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/secr/secr/vault/local"
)

// vaultlet does with a repository and a head file what a vault does, in the
// same order, without keys: sets of numbered secrets.
type vaultlet struct {
	home string
	disk local.Disk
	repo *Repo
	back int // how many changes check goes back; 0 is all
}

const vaultletID = "abcdefghijklmnopqrstuvwxyz"

func (v *vaultlet) place() (local.Vault, error) {
	h, err := local.NewHome(func(name string) string {
		if name == "SECR_HOME" {
			return v.home
		}
		return ""
	}, "")
	if err != nil {
		return local.Vault{}, err
	}
	return h.Vault(vaultletID)
}

// open opens the repository or creates it.
func (v *vaultlet) open() (local.Vault, error) {
	place, err := v.place()
	if err != nil || v.repo != nil {
		return place, err
	}
	for _, folder := range []string{filepath.Dir(place.Repository()), place.State()} {
		if err := v.disk.MakeFolder(folder); err != nil {
			return place, err
		}
	}
	v.repo, err = OpenOn(v.disk, place.Repository())
	if errors.Is(err, fs.ErrNotExist) {
		v.repo, err = CreateOn(v.disk, place.Repository())
	}
	return place, err
}

// set writes secrets in one change and returns its number.
func (v *vaultlet) set(ctx context.Context, secrets map[string]string) (seq int, err error) {
	place, err := v.place()
	if err != nil {
		return 0, err
	}
	lock, err := place.Lock(ctx, "set")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	if place, err = v.open(); err != nil {
		return 0, err
	}
	if _, died := lock.Abandoned(); died {
		if _, err := v.repo.Mend(ctx); err != nil {
			return 0, err
		}
		lock.Mended()
	}
	head, err := place.ReadHead()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	next, err := v.commit(ctx, head, secrets)
	if err != nil {
		return 0, err
	}
	if err := place.WriteHeadOn(v.disk, next); err != nil {
		return 0, err
	}
	if err := v.repo.SetRef(branch, next.ID); err != nil {
		return 0, err
	}
	return int(next.Seq), v.repo.Maintain(ctx, Maintenance{})
}

func (v *vaultlet) commit(ctx context.Context, head local.Head, secrets map[string]string) (local.Head, error) {
	b := v.repo.Batch()
	tree, err := v.tree(head)
	if err != nil {
		return head, err
	}
	seq := int(head.Seq) + 1
	edits := map[string]Hash{"seq.json": b.Blob(fmt.Appendf(nil, "{%d}", seq))}
	for name, value := range secrets {
		edits[fmt.Sprintf("secrets/production/%s/%s", name[:2], name)] = b.Blob([]byte(value))
	}
	if tree, err = b.Edit(tree, edits); err != nil {
		return head, err
	}
	raw := rawCommit(tree, head.ID, seq)
	id := b.Commit(raw)
	return local.Head{Seq: uint64(seq), ID: id, Sum: sha256.Sum256(raw)}, b.Flush(ctx)
}

func (v *vaultlet) tree(head local.Head) (Hash, error) {
	if head.Seq == 0 {
		return Hash{}, nil
	}
	raw, err := v.repo.Commit(head.ID)
	if err != nil {
		return Hash{}, err
	}
	return ParseHash(string(raw[5:45]))
}

// check reads the head and everything behind it, back to the first change,
// and returns the head's number and all secrets. It only reads.
func (v *vaultlet) check() (int, map[string]string, error) {
	place, err := v.place()
	if err != nil {
		return 0, nil, err
	}
	head, err := place.ReadHead()
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil, nil
	}
	if err != nil {
		return 0, nil, err
	}
	if v.repo == nil {
		if v.repo, err = Open(place.Repository()); err != nil {
			return 0, nil, err
		}
	}
	secrets := map[string]string{}
	id := Hash(head.ID)
	for seq := int(head.Seq); seq > 0 && (v.back == 0 || seq > int(head.Seq)-v.back); seq-- {
		parent, err := v.checkOne(id, seq, seq == int(head.Seq), secrets)
		if err != nil {
			return 0, nil, fmt.Errorf("change %d: %w", seq, err)
		}
		id = parent
	}
	return int(head.Seq), secrets, nil
}

// checkOne reads one change with its whole tree and returns its parent.
func (v *vaultlet) checkOne(id Hash, seq int, newest bool, secrets map[string]string) (Hash, error) {
	raw, err := v.repo.Commit(id)
	if err != nil {
		return Hash{}, err
	}
	lines := strings.Split(string(raw), "\n")
	tree, err := ParseHash(strings.TrimPrefix(lines[0], "tree "))
	if err != nil {
		return Hash{}, err
	}
	files, err := Diff(v.repo, Hash{}, tree, 1<<16)
	if err != nil {
		return Hash{}, err
	}
	for _, f := range files {
		data, err := v.repo.Blob(f.New)
		if err != nil {
			return Hash{}, err
		}
		if f.Path == "seq.json" && string(data) != "{"+strconv.Itoa(seq)+"}" {
			return Hash{}, fmt.Errorf("it is numbered %s", data)
		}
		if newest && f.Path != "seq.json" {
			secrets[filepath.Base(f.Path)] = string(data)
		}
	}
	if seq == 1 {
		return Hash{}, nil
	}
	return ParseHash(strings.TrimPrefix(lines[1], "parent "))
}

// unsynced is a disk that waits for nothing, for tests that cut no power.
func unsynced() local.Disk {
	return local.Traced(func(op local.Op) error {
		if op.Kind == local.OpSync || op.Kind == local.OpSyncFolder {
			return local.ErrSkip
		}
		return nil
	})
}
