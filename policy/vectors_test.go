package policy_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/policy/policytest"
)

const vectorFolder = "../docs/spec/vectors/policy"

// vector is one published case: what becomes of a base policy when files change.
type vector struct {
	Why   string `json:"why"`
	Class string `json:"class"`
	// Founding is a vault.json; the case is about nothing else then.
	Founding file `json:"founding,omitempty"`
	// Before is applied to the base first, and is fine. Changed is the case.
	Before  map[string]file `json:"before,omitempty"`
	Changed map[string]file `json:"changed,omitempty"`
	// Of class ok: the keys that turned and the wraps and seals that must be added.
	Turned []string `json:"turned,omitempty"`
	Added  []string `json:"added,omitempty"`
}

// file is a file's bytes in JSON: text, {"hex": ...} if it is no UTF-8, null if it is
// deleted.
type file []byte

func (f file) MarshalJSON() ([]byte, error) {
	if f == nil {
		return []byte("null"), nil
	}
	if bytes.Equal([]byte(strings.ToValidUTF8(string(f), "")), f) {
		return plainJSON(string(f))
	}
	return plainJSON(map[string]string{"hex": hex.EncodeToString(f)})
}

func plainJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

func (f *file) UnmarshalJSON(data []byte) error {
	var text *string
	if json.Unmarshal(data, &text) == nil {
		if *f = nil; text != nil {
			*f = file(*text)
		}
		return nil
	}
	var h struct{ Hex string }
	if err := json.Unmarshal(data, &h); err != nil {
		return err
	}
	b, err := hex.DecodeString(h.Hex)
	*f = b
	return err
}

func plain(files map[string]file) map[string][]byte {
	out := map[string][]byte{}
	for path, f := range files {
		out[path] = f
	}
	return out
}

// classOf names the class of an error as the specification does.
func classOf(err error) string {
	for kind, class := range map[error]string{
		policy.ErrMalformed: "malformed", policy.ErrIncomplete: "incomplete", policy.ErrDenied: "denied", policy.ErrNewer: "newer-format",
	} {
		if errors.Is(err, kind) {
			return class
		}
	}
	if err != nil {
		return "unknown: " + err.Error()
	}
	return "ok"
}

// judge runs a vector: the class, and for ok what turned and what is added.
func judge(t *testing.T, base *policy.Policy, v vector) (class string, turned, added []string, err error) {
	t.Helper()
	if v.Founding != nil {
		_, err := policy.ParseFounding(v.Founding)
		return classOf(err), nil, nil, err
	}
	old, err := base.With(plain(v.Before))
	if err != nil {
		t.Fatalf("before: %v", err)
	}
	next, err := old.With(plain(v.Changed))
	if err == nil {
		err = policy.Transition(old, next)
	}
	if err != nil {
		return classOf(err), nil, nil, err
	}
	for _, c := range policy.KeyChanges(old, next) {
		if c.Old != 0 && c.Old != c.New {
			turned = append(turned, c.Ref.String())
		}
		for _, w := range c.Wraps {
			added = append(added, w.Path)
		}
		added = append(added, c.Sealed...)
	}
	slices.Sort(added)
	return "ok", turned, added, nil
}

func readJSON(t *testing.T, path string, v any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func writeJSON(t *testing.T, path string, v any) {
	t.Helper()
	if err := os.WriteFile(path, indented(t, v), 0o644); err != nil {
		t.Fatal(err)
	}
}

func indented(t *testing.T, v any) []byte {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestVectors runs every published case from its file.
func TestVectors(t *testing.T) {
	var files map[string]file
	readJSON(t, filepath.Join(vectorFolder, "base.json"), &files)
	base, err := policy.Parse(plain(files))
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob(filepath.Join(vectorFolder, "*", "*.json"))
	if err != nil || len(paths) < 100 {
		t.Fatalf("%d vectors: %v", len(paths), err)
	}
	for _, path := range paths {
		folder := filepath.Base(filepath.Dir(path))
		t.Run(folder+"/"+strings.TrimSuffix(filepath.Base(path), ".json"), func(t *testing.T) {
			var v vector
			readJSON(t, path, &v)
			class, turned, added, err := judge(t, base, v)
			if class != v.Class || class != folder {
				t.Errorf("class %s, want %s: %v", class, v.Class, err)
			}
			if diff := cmp.Diff(v.Turned, turned); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(v.Added, added); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestVectorsAreThoseOfTheTable holds the published files to the cases in
// cases_test.go. -update writes files that are missing and changes no other:
// a published vector never changes.
func TestVectorsAreThoseOfTheTable(t *testing.T) {
	base := crowd(t)
	files := map[string]file{}
	for path, data := range base.Files() {
		files[path] = data
	}
	basePath := filepath.Join(vectorFolder, "base.json")
	if _, err := os.Stat(basePath); *update && os.IsNotExist(err) {
		writeJSON(t, basePath, files)
	}
	var published map[string]file
	readJSON(t, basePath, &published)
	if diff := cmp.Diff(published, files); diff != "" {
		t.Fatal(diff)
	}
	for class, cases := range vectorCases() {
		for name, c := range cases {
			t.Run(class+"/"+name, func(t *testing.T) {
				v := vector{Why: c.why, Class: class}
				if c.founding != nil {
					v.Founding = c.founding()
				} else {
					old := base
					if c.before != nil {
						v.Before = c.before.files(t, base)
						var err error
						if old, err = base.With(plain(v.Before)); err != nil {
							t.Fatal(err)
						}
					}
					v.Changed = c.change.files(t, old)
				}
				got, turned, added, err := judge(t, base, v)
				if got != class {
					t.Fatalf("class %s, want %s: %v", got, class, err)
				}
				v.Turned, v.Added = turned, added
				path := filepath.Join(vectorFolder, class, name+".json")
				if _, err := os.Stat(path); *update && os.IsNotExist(err) {
					if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
						t.Fatal(err)
					}
					writeJSON(t, path, v)
				}
				published, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if text := indented(t, v); !bytes.Equal(text, published) {
					t.Error(cmp.Diff(string(published), string(text)))
				}
			})
		}
	}
}

// change makes the changed files of a case from the policy before.
type change func(t *testing.T, p *policy.Policy) map[string]file

func (c change) files(t *testing.T, p *policy.Policy) map[string]file { return c(t, p) }

// text replaces text in one file, as an editor would.
func text(path, old, with string) change {
	return func(t *testing.T, p *policy.Policy) map[string]file {
		data, ok := p.Files()[path]
		if !ok || !strings.Contains(string(data), old) {
			t.Fatalf("%s has no %q: %.300s", path, old, data)
		}
		return map[string]file{path: file(strings.Replace(string(data), old, with, 1))}
	}
}

// whole puts one file.
func whole(path, data string) change {
	return func(*testing.T, *policy.Policy) map[string]file { return map[string]file{path: file(data)} }
}

// gone deletes one file.
func gone(path string) change {
	return func(*testing.T, *policy.Policy) map[string]file { return map[string]file{path: nil} }
}

// moved puts a file at another path.
func moved(from, to string) change {
	return func(t *testing.T, p *policy.Policy) map[string]file {
		return map[string]file{from: nil, to: p.Files()[from]}
	}
}

// edited edits a draft and turns nothing.
func edited(edit func(d *policy.Policy)) change {
	return func(t *testing.T, p *policy.Policy) map[string]file {
		d := p.Clone()
		edit(d)
		return encoded(t, d)
	}
}

// turned edits a draft and turns what must turn.
func turned(edit func(d *policy.Policy)) change {
	return func(t *testing.T, p *policy.Policy) map[string]file {
		d := p.Clone()
		edit(d)
		policytest.Turn(p, d)
		return encoded(t, d)
	}
}

func encoded(t *testing.T, d *policy.Policy) map[string]file {
	t.Helper()
	files, err := policy.EncodeDraft(d)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]file{}
	for path, data := range files {
		out[path] = data
	}
	return out
}

// member edits one member of a draft.
func member(handle string, edit func(m *policy.Member)) func(d *policy.Policy) {
	return func(d *policy.Policy) {
		m, ok := d.MemberByHandle(handle)
		if !ok {
			panic("no member " + handle)
		}
		edit(&m)
		d.PutMember(m)
	}
}

// role edits one role of a draft.
func role(name string, edit func(r *policy.Role)) func(d *policy.Policy) {
	return func(d *policy.Policy) {
		r, ok := d.Role(name)
		if !ok {
			panic("no role " + name)
		}
		r.Grants = maps.Clone(r.Grants)
		edit(&r)
		d.PutRole(r)
	}
}

// environment edits one environment of a draft.
func environment(name string, edit func(e *policy.Environment)) func(d *policy.Policy) {
	return func(d *policy.Policy) {
		e, ok := d.Environment(name)
		if !ok {
			panic("no environment " + name)
		}
		edit(&e)
		d.PutEnvironment(e)
	}
}

// cloudKey edits one cloud key of a draft.
func cloudKey(id string, edit func(c *policy.CloudKey)) func(d *policy.Policy) {
	return func(d *policy.Policy) {
		c, ok := d.CloudKey(id)
		if !ok {
			panic("no cloud key " + id)
		}
		edit(&c)
		d.PutCloudKey(c)
	}
}

// all does several edits.
func all(edits ...func(d *policy.Policy)) func(d *policy.Policy) {
	return func(d *policy.Policy) {
		for _, e := range edits {
			e(d)
		}
	}
}
