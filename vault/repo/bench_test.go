package repo

import (
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"testing"
)

// bigVault is a repository with one commit of n secrets of 600 bytes.
func bigVault(b *testing.B, n int) (*Repo, Hash) {
	b.Helper()
	r, err := Create(filepath.Join(b.TempDir(), "repo.git"))
	if err != nil {
		b.Fatal(err)
	}
	return r, importSecrets(b, r, n)
}

func importSecrets(b *testing.B, r *Repo, n int) Hash {
	batch := r.Batch()
	edits := map[string]Hash{}
	for i := range n {
		edits[secretPath(i)] = batch.Blob(cipher())
	}
	tree, err := batch.Edit(Hash{}, edits)
	if err != nil {
		b.Fatal(err)
	}
	c := batch.Commit(rawCommit(tree, Hash{}, 1))
	if err := batch.Flush(context.Background()); err != nil {
		b.Fatal(err)
	}
	if err := r.SetRef("refs/heads/secr/vault", c); err != nil {
		b.Fatal(err)
	}
	return c
}

func secretPath(i int) string {
	h := BlobHash(fmt.Append(nil, i))
	return fmt.Sprintf("secrets/production/%02x/%s", h[0], h)
}

func cipher() []byte {
	data := append([]byte("secr/1 secret\n"), make([]byte, 600)...)
	rand.Read(data[14:])
	return data
}

func BenchmarkImport10000(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		r, err := Create(filepath.Join(b.TempDir(), "repo.git"))
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		importSecrets(b, r, 10000)
	}
}

func BenchmarkUpdateOneOf10000(b *testing.B) {
	r, c := bigVault(b, 10000)
	seq := 1
	for b.Loop() {
		seq++
		r, err := Open(r.Dir())
		if err != nil {
			b.Fatal(err)
		}
		batch := r.Batch()
		tree, err := batch.Edit(treeOf(b, r, c), map[string]Hash{secretPath(seq % 10000): batch.Blob(cipher())})
		if err != nil {
			b.Fatal(err)
		}
		c = batch.Commit(rawCommit(tree, c, seq))
		if err := batch.Flush(context.Background()); err != nil {
			b.Fatal(err)
		}
		if err := r.SetRef("refs/heads/secr/vault", c); err != nil {
			b.Fatal(err)
		}
		if err := r.Maintain(context.Background(), Maintenance{}); err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
}

func BenchmarkReadAllOf10000(b *testing.B) {
	r, c := bigVault(b, 10000)
	for b.Loop() {
		r, err := Open(r.Dir())
		if err != nil {
			b.Fatal(err)
		}
		if n := len(allFiles(b, r, treeOf(b, r, c))); n != 10000 {
			b.Fatal(n)
		}
		r.Close()
	}
}

func BenchmarkOpenAndReadOneOf10000(b *testing.B) {
	r, c := bigVault(b, 10000)
	for b.Loop() {
		r, err := Open(r.Dir())
		if err != nil {
			b.Fatal(err)
		}
		if _, err := r.Commit(c); err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
}
