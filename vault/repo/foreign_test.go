package repo

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
)

func TestForeignReadsAnyObjectAndChecksIt(t *testing.T) {
	r, err := Create(filepath.Join(t.TempDir(), "r.git"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b := r.Batch()
	blob := b.Blob([]byte("text"))
	commit := b.Commit([]byte("not even a commit"))
	if err := b.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	f := OpenForeign(filepath.Join(r.Dir(), "objects"))
	defer f.Close()
	for h, want := range map[Hash][2]string{blob: {"blob", "text"}, commit: {"commit", "not even a commit"}} {
		kind, data, err := f.Object(h)
		if err != nil || kind != want[0] || string(data) != want[1] {
			t.Errorf("%s is %s %q, %v; want %q", h, kind, data, err, want)
		}
	}
	if ok, err := f.Has(blob); err != nil || !ok {
		t.Errorf("the blob is not there: %v", err)
	}
	if _, _, err := f.Object(BlobHash([]byte("other"))); !errors.Is(err, ErrNotFound) {
		t.Errorf("an object that isn't there: %v", err)
	}
}
