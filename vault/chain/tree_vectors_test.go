package chain

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/vault/change"
)

const treeVectors = "../../docs/spec/vectors/tree"

var writeTreeVectors = flag.Bool("write-tree-vectors", false, "publish the cases of this file that docs/spec/vectors/tree has not")

// treeVector is one case. Contents are base64.
type treeVector struct {
	Op    string            `json:"op"`
	Class Class             `json:"class"`
	Note  string            `json:"note,omitempty"`
	In    map[string]string `json:"in"`
	Out   map[string]string `json:"out,omitempty"`
}

// treeCases are the cases, by file name. Those of paths are judged as they are written;
// those of ids were compared with stock git.
func treeCases() map[string]treeVector {
	id, hexID := strings.Repeat("a2", 13), strings.Repeat("0a", 20)
	out := map[string]treeVector{}
	path := func(class Class, name, path string) {
		v := treeVector{Op: "tree.path", Class: class, In: map[string]string{"path": path}}
		if p := parsePath(path); class == OK {
			v.Out = map[string]string{"name": p.name, "epoch": strconv.FormatUint(p.epoch, 10), "leaf": p.leaf}
		}
		out["path-"+name] = v
	}
	for name, p := range map[string]string{
		"founding": "vault.json", "format": "policy/format.json", "audit": "policy/audit.json", "environment": "policy/environments/production.json",
		"role": "policy/roles/admin.json", "longest-name": "policy/roles/" + strings.Repeat("z9-", 10) + "aa.json", "member": "policy/members/" + id + ".json",
		"cloud-key": "policy/cloudkeys/" + id + ".json", "template": "policy/templates/qa.json", "invite": "policy/invites/" + id + ".json",
		"role-wrap": "keys/roles/admin/1/" + id + ".age", "role-wrap-managing": "keys/roles/viewer/12/@admin.age", "key-wrap": "keys/environments/qa/1/admin.age",
		"role-called-cloud": "keys/environments/qa/1/cloud.age", "role-called-id": "keys/environments/qa/1/id.names", "names-wrap": "keys/environments/qa/4096/admin.names",
		"cloud-wrap": "keys/environments/qa/1/cloud/" + id + ".age", "id-key": "keys/environments/qa/1/id", "previous": "keys/environments/qa/2/previous",
		"audit-wrap": "keys/audit/1/admin.age", "audit-previous": "keys/audit/2/previous", "secret": "secrets/production/0a/" + hexID,
	} {
		path(OK, name, p)
	}
	for name, p := range map[string]string{
		"empty": "", "root": "/", "other-file": "README.md", "other-folder": "docs/x.json", "below-founding": "vault.json/x", "founding-in-capitals": "Vault.json",
		"git": ".git", "git-config": ".git/config", "git-in-capitals": ".GIT/config", "gitmodules": ".gitmodules", "gitattributes": "policy/.gitattributes",
		"dot": "./vault.json", "dot-dot": "policy/../vault.json", "absolute": "/vault.json", "slash-at-end": "vault.json/", "two-slashes": "policy//format.json", "backslash": "policy\\format.json",
		"other-policy": "policy/other.json", "other-policy-folder": "policy/groups/x.json", "policy-name-empty": "policy/roles/.json", "policy-name-in-capitals": "policy/roles/Admin.json",
		"policy-name-long": "policy/roles/" + strings.Repeat("a", 33) + ".json", "policy-name-dash": "policy/roles/-a.json", "policy-name-accent": "policy/roles/\u00e9.json", "policy-name-space": "policy/roles/a b.json",
		"policy-extension": "policy/roles/admin.JSON", "policy-deeper": "policy/roles/x/admin.json", "member-by-handle": "policy/members/ana.json", "member-id-in-capitals": "policy/members/" + strings.ToUpper(id) + ".json",
		"member-id-digits": "policy/members/" + strings.Repeat("01", 13) + ".json", "epoch-zero": "keys/roles/admin/0/" + id + ".age", "epoch-leading-zero": "keys/roles/admin/01/" + id + ".age",
		"epoch-signed": "keys/roles/admin/+1/" + id + ".age", "epoch-hex": "keys/roles/admin/a/" + id + ".age", "epoch-huge": "keys/roles/admin/4294967296/" + id + ".age", "epoch-overflow": "keys/roles/admin/18446744073709551617/" + id + ".age",
		"wrap-of-nobody": "keys/roles/admin/1/.age", "wrap-of-a-handle": "keys/roles/admin/1/ana.age", "wrap-of-no-role": "keys/roles/admin/1/@.age", "wrap-deeper": "keys/roles/admin/1/" + id + ".age/x",
		"role-names": "keys/roles/admin/1/" + id + ".names", "role-previous": "keys/roles/admin/2/previous", "keys-other": "keys/other/1/x.age", "keys-shallow": "keys/roles/admin/x.age",
		"environment-other": "keys/environments/qa/1/other", "cloud-of-a-name": "keys/environments/qa/1/cloud/admin.age", "cloud-deeper": "keys/environments/qa/1/cloud/x/" + id + ".age", "cloud-file": "keys/environments/qa/1/cloud",
		"id-deeper": "keys/environments/qa/1/id/x", "audit-without-epoch": "keys/audit/admin.age", "audit-names": "keys/audit/1/admin.names", "audit-id": "keys/audit/1/id",
		"secret-wrong-shard": "secrets/qa/0b/" + hexID, "secret-short": "secrets/qa/0a/" + hexID[:39], "secret-long": "secrets/qa/0a/" + hexID + "0", "secret-in-capitals": "secrets/qa/0A/" + strings.ToUpper(hexID),
		"secret-not-hex": "secrets/qa/0g/0g" + hexID[2:], "secret-without-shard": "secrets/qa/" + hexID, "secret-without-environment": "secrets/0a/" + hexID, "secret-deeper": "secrets/qa/0a/" + hexID + "/x",
		"newline": "vault.json\n", "nul": "vault.json\x00", "too-long": "secrets/" + strings.Repeat("a", 128),
	} {
		path(Malformed, name, p)
	}
	treeID := func(name, id string, files map[string]string) {
		in := map[string]string{}
		for p, content := range files {
			in[p] = base64.StdEncoding.EncodeToString([]byte(content))
		}
		out["id-"+name] = treeVector{Op: "tree.id", Class: OK, In: in, Out: map[string]string{"id": id}}
	}
	treeID("one-file", "30d45231bdde1ae01fa55b6159ee6dff1b5ba3c9", map[string]string{"vault.json": "{}\n"})
	treeID("folders-sort-with-a-slash", "8200db7cb197bf4f0271643d6d8b64d0cf797d47", map[string]string{"a/x": "1", "a-": "2", "a.b": "3", "a0": "4", "ab": "5"})
	treeID("deep", "5ae6ec37eae17a2dbf6b241c370aa80fdad6d8b9", map[string]string{"keys/environments/qa/1/cloud/x.age": "1", "keys/environments/qa/1/cloud.age": "2", "keys/environments/qa/1/id": "3", "vault.json": ""})
	return out
}

// rootOf is the tree of some files.
func rootOf(t *testing.T, files map[string]string) *dir {
	var edits []edit
	for _, path := range slices.Sorted(maps.Keys(files)) {
		data, err := base64.StdEncoding.DecodeString(files[path])
		if err != nil {
			t.Fatal(err)
		}
		edits = append(edits, edit{path: path, file: &file{id: change.BlobID(data)}})
	}
	return (*dir)(nil).with(edits)
}

func TestTreeVectors(t *testing.T) {
	cases := treeCases()
	if *writeTreeVectors {
		publishTree(t, cases)
	}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(treeVectors, name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			var v treeVector
			if err := json.Unmarshal(data, &v); err != nil {
				t.Fatal(err)
			}
			if v.Op == "tree.id" {
				id := rootOf(t, v.In).id
				if got := hex.EncodeToString(id[:]); got != v.Out["id"] {
					t.Errorf("%s, want %s", got, v.Out["id"])
				}
				return
			}
			p := parsePath(v.In["path"])
			got := map[string]string{"name": p.name, "epoch": strconv.FormatUint(p.epoch, 10), "leaf": p.leaf}
			switch {
			case (p.kind != kindNone) != (v.Class == OK):
				t.Errorf("%q is read as %+v, want %s", v.In["path"], p, v.Class)
			case v.Class == OK:
				if diff := cmp.Diff(v.Out, got); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
	files, err := filepath.Glob(filepath.Join(treeVectors, "*.json"))
	if err != nil || len(files) != len(cases) {
		t.Errorf("%d files, %d cases: %v", len(files), len(cases), err)
	}
}

func publishTree(t *testing.T, cases map[string]treeVector) {
	if err := os.MkdirAll(treeVectors, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, v := range cases {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(v); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(treeVectors, name+".json")
		if _, err := os.Stat(file); err == nil {
			continue
		}
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
