package chaintest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/change"
)

// A Vector is one case of docs/spec/vectors/{tree,change,chain}: what goes in, and the
// class of verdict that every implementation must come to. The page
// docs/spec/chain.md tells the fields.
type Vector struct {
	Op    string `json:"op"`
	Class string `json:"class"`
	Rule  string `json:"rule,omitempty"`
	Note  string `json:"note,omitempty"`

	// Of tree and change. Bytes are base64.
	In  map[string]string `json:"in,omitempty"`
	Out map[string]string `json:"out,omitempty"`

	// Of chain: the number of changes of the base that come before, those that come
	// after them, and the one to judge.
	Base   int            `json:"base,omitempty"`
	Onto   []VectorChange `json:"onto,omitempty"`
	Change *VectorChange  `json:"change,omitempty"`
}

// A VectorChange is a signed change whose contents are in blobs.json.
type VectorChange struct {
	ID      string          `json:"id"`
	Raw     string          `json:"raw"` // base64
	Touched []VectorTouched `json:"touched"`
}

// VectorTouched is one touched path.
type VectorTouched struct {
	Path string `json:"path"`
	Blob string `json:"blob,omitempty"` // the git id it is named by; empty if deleted
	Data string `json:"data,omitempty"` // the id of the content in blobs.json, if that is another
}

// Blobs are contents in base64 by their git ids.
type Blobs map[string]string

// Vector writes a signed change down and puts its contents into b.
func (b Blobs) Vector(c Signed) VectorChange {
	v := VectorChange{ID: hex.EncodeToString(c.ID[:]), Raw: base64.StdEncoding.EncodeToString(c.Raw), Touched: []VectorTouched{}}
	for _, t := range c.Touched {
		at := VectorTouched{Path: t.Path}
		if t.New != nil {
			own := change.BlobID(t.New.Data)
			at.Blob = hex.EncodeToString(t.New.Hash[:])
			if own != t.New.Hash {
				at.Data = hex.EncodeToString(own[:])
			}
			b[hex.EncodeToString(own[:])] = base64.StdEncoding.EncodeToString(t.New.Data)
		}
		v.Touched = append(v.Touched, at)
	}
	return v
}

// Signed reads a change back.
func (b Blobs) Signed(t testing.TB, v VectorChange) Signed {
	t.Helper()
	c := Signed{ID: [20]byte(Unhex(t, v.ID)), Raw: Unbase64(t, v.Raw)}
	for _, at := range v.Touched {
		touched := chain.Touched{Path: at.Path}
		if at.Blob != "" {
			key := at.Data
			if key == "" {
				key = at.Blob
			}
			data, ok := b[key]
			if !ok {
				t.Fatalf("blobs.json has no %s", key)
			}
			touched.New = &chain.Blob{Hash: [20]byte(Unhex(t, at.Blob)), Data: Unbase64(t, data)}
		}
		c.Touched = append(c.Touched, touched)
	}
	return c
}

// Unhex reads hex, which must be right.
func Unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Unbase64 reads base64, which must be right.
func Unbase64(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// ReadVectors gives every case in a folder to check, as a subtest.
func ReadVectors(t *testing.T, dir string, check func(t *testing.T, name string, v Vector)) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors in %s: %v", dir, err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		if name == "base" || name == "blobs" {
			continue
		}
		var v Vector
		ReadJSON(t, file, &v)
		t.Run(name, func(t *testing.T) { check(t, name, v) })
	}
}

// ReadJSON reads a file strictly.
func ReadJSON(t testing.TB, file string, v any) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// WriteJSON publishes a vector. A published vector never changes: it fails if the file is
// there.
func WriteJSON(t testing.TB, file string, v any) {
	t.Helper()
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(append(data, '\n'))
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		t.Fatal(err)
	}
}

// FileName makes the name of a vector's file from its title.
func FileName(title string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(title) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	return strings.Trim(b.String(), "-") + ".json"
}
