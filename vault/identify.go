package vault

import (
	"context"
	"fmt"
	"strings"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/vault/change"
	"github.com/secr/secr/vault/record"
	"github.com/secr/secr/vault/repo"
)

// Identified is what is known of a record whose bytes somebody has, from git say.
type Identified struct {
	Entry  Entry
	Header record.Header
	Mark   Mark // as [Vault.VersionMarks] gives it; empty for a tombstone or who may only list
}

// Identify says which secret's record these bytes are. It fails with [ErrNoSecret]
// when the vault never had them, and needs list on the environment.
func (v *Vault) Identify(ctx context.Context, data []byte) (Identified, error) {
	r, err := record.Parse(data)
	if err != nil {
		return Identified{}, err
	}
	environment, id, err := v.placeOfRecord(data, r.Header.Seq)
	if err != nil {
		return Identified{}, err
	}
	names, err := v.namesKey(ctx, environment, r.Header.Epoch)
	if err != nil {
		return Identified{}, err
	}
	label, err := r.OpenLabel(names, v.where(environment, id))
	if err != nil {
		return Identified{}, v.lie(secretPath(environment, id), r.Header.Seq, "its label does not open", err)
	}
	out := Identified{Entry: v.entry(environment, id, r.Header, label), Header: r.Header}
	if out.Entry.Deleted {
		return out, nil
	}
	if value, err := v.value(ctx, found{out.Entry, r}); err == nil { // who may only list gets no mark
		idKey, err := v.idKey(ctx, environment)
		if err != nil {
			return out, err
		}
		out.Mark = MarkOf(keys.Derive(idKey, markInfo), value)
		value.Wipe()
	}
	return out, nil
}

// placeOfRecord finds a blob in the tree of the change that wrote it.
func (v *Vault) placeOfRecord(data []byte, seq uint64) (environment, id string, err error) {
	link, ok := v.unlocking().Link(seq)
	if !ok {
		return "", "", named(ErrNoSecret, fmt.Sprintf("a record of change %d", seq))
	}
	raw, err := v.repo.Commit(link.ID)
	if err != nil {
		return "", "", err
	}
	c, err := change.Parse(raw)
	if err != nil {
		return "", "", err
	}
	path, err := findBlob(v.repo, c.Tree, "", repo.BlobHash(data))
	if err != nil {
		return "", "", err
	}
	parts := strings.Split(path, "/") // secrets/<env>/<2 hex>/<id>
	if len(parts) != 4 {
		return "", "", named(ErrNoSecret, fmt.Sprintf("a record of change %d", seq))
	}
	return parts[1], parts[3], nil
}

// findBlob is the path of a blob among a tree's secrets, "" if it isn't there.
func findBlob(r *repo.Repo, tree repo.Hash, at string, blob repo.Hash) (string, error) {
	entries, err := r.Tree(tree)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		switch {
		case at == "" && e.Name != "secrets":
		case e.Dir:
			if path, err := findBlob(r, e.Hash, at+e.Name+"/", blob); path != "" || err != nil {
				return path, err
			}
		case e.Hash == blob:
			return at + e.Name, nil
		}
	}
	return "", nil
}
