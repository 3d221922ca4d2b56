// Package vectortest reads the test vectors of docs/spec/vectors: one file per
// case, with the class of outcome that every implementation must come to. Only
// tests import it. A published vector never changes; [Write] adds new ones.
package vectortest

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Case is one vector. Bytes are hex, numbers decimal, texts as they are.
type Case struct {
	Op    string            `json:"op"`
	Class string            `json:"class"`
	Note  string            `json:"note"`
	In    map[string]string `json:"in"`
	Out   map[string]string `json:"out,omitempty"`
}

// Run gives every case whose op starts with prefix to check, as a subtest, and
// fails if there is none.
func Run(t *testing.T, dir, prefix string, check func(t *testing.T, c Case)) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, file := range files {
		c := read(t, file)
		if !strings.HasPrefix(c.Op, prefix) {
			continue
		}
		found = true
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) { check(t, c) })
	}
	if !found {
		t.Fatalf("no vectors for %s in %s", prefix, dir)
	}
}

func read(t *testing.T, file string) Case {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var c Case
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return c
}

// Bytes decodes the input called name.
func (c Case) Bytes(t *testing.T, name string) []byte {
	t.Helper()
	b, err := hex.DecodeString(c.In[name])
	if err != nil {
		t.Fatalf("input %s: %v", name, err)
	}
	return b
}

// Write adds the case to dir under this name, unless there is one.
func Write(t *testing.T, dir, name string, c Case) {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(c); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(dir, name+".json"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if os.IsExist(err) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(b.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
