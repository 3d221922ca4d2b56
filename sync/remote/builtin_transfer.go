package remote

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"

	"github.com/secr/secr/vault/repo"
)

// importPack reads the host's pack into the quarantine, which checks it object by object.
func (t *transfer) importPack(ctx context.Context, into *repo.Quarantine, pack io.Reader) error {
	limits := repo.DefaultLimits()
	limits.Bytes, limits.Objects = t.limits.Bytes, t.limits.Objects
	_, err := into.ImportPack(ctx, pack, limits)
	return err
}

// pushRequest is the command and, unless the branch is to be deleted, a pack that is made
// while it is read.
func (t *transfer) pushRequest(ctx context.Context, command string, p Push, theirs map[string]Hash) (io.ReadCloser, error) {
	if p.New == (Hash{}) {
		return io.NopCloser(strings.NewReader(command)), nil
	}
	src := repo.OpenForeign(filepath.Join(p.From, "objects"))
	have, err := known(src, theirs)
	if err != nil {
		return nil, err
	}
	list, err := missing(ctx, src, walk{tip: p.New, have: have})
	if err != nil {
		return nil, err
	}
	r, w := io.Pipe()
	go func() {
		_, err := io.WriteString(w, command)
		if err == nil {
			err = writePack(ctx, w, src, list)
		}
		src.Close()
		w.CloseWithError(err)
	}()
	return r, nil
}

// known are those of a host's commits that are here too, and so needn't be sent.
func known(src *repo.Foreign, theirs map[string]Hash) ([]Hash, error) {
	var have []Hash
	for _, h := range theirs {
		ok, err := src.Has(h)
		if err != nil {
			return nil, err
		}
		if ok {
			have = append(have, h)
		}
	}
	return have, nil
}

// errRules is the cause when a folder's repository has rules that only git applies.
var errRules = errors.New("this repository has rules for pushes, which only git can apply")
