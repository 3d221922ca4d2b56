package policy_test

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/policy/policytest"
)

// FuzzFile puts any bytes at the path of each kind of file: what is taken is kept as
// it is and can be read again, and asking about it never panics.
func FuzzFile(f *testing.F) {
	p := crowd(f)
	files := p.Files()
	paths := slices.Sorted(maps.Keys(files))
	for i, path := range paths {
		f.Add(uint8(i), files[path])
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		path := paths[int(which)%len(paths)]
		q, err := p.With(map[string][]byte{path: data})
		if err != nil {
			return
		}
		if !bytes.Equal(q.Files()[path], data) {
			t.Fatalf("%s is kept with other bytes", path)
		}
		again, err := policy.Parse(q.Files())
		if err != nil {
			t.Fatalf("taken alone and refused with the others: %v", err)
		}
		if diff := cmp.Diff(q.Reach(), again.Reach()); diff != "" {
			t.Fatal(diff)
		}
		if err := policy.Transition(p, q); err == nil {
			policy.KeyChanges(p, q)
		}
		policy.Changes(p, q)
		draft := q.Clone()
		policytest.Turn(p, draft)
		if _, err := draft.Check(); err != nil && !strings.Contains(err.Error(), "twice") {
			t.Logf("turned: %v", err)
		}
	})
}

func FuzzFounding(f *testing.F) {
	data, err := policytest.Founding().Bytes()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		founding, err := policy.ParseFounding(data)
		if err != nil {
			return
		}
		if again, err := founding.Bytes(); err != nil || !bytes.Equal(again, data) {
			t.Errorf("written again it differs: %v", err)
		}
	})
}

func FuzzRecipient(f *testing.F) {
	f.Add(policytest.Recipient("x"))
	f.Fuzz(func(t *testing.T, s string) {
		if policy.CheckRecipient(s) == nil && (len(s) != 1959 || strings.ToLower(s) != s) {
			t.Errorf("took %q", s)
		}
	})
}

func FuzzCloudName(f *testing.F) {
	for provider, key := range map[policy.Provider]string{policy.AWS: awsKey, policy.GCP: gcpKey, policy.Azure: azureKey} {
		f.Add(string(provider), key)
	}
	f.Fuzz(func(t *testing.T, provider, key string) {
		if policy.CheckCloudName(policy.Provider(provider), key) != nil {
			return
		}
		for i := range len(key) {
			if c := key[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("?#%@\\\"'<>", c) >= 0 {
				t.Errorf("took %q", key)
			}
		}
	})
}

func FuzzKeyPath(f *testing.F) {
	for _, path := range []string{"keys/roles/admin/1/@admin.age", "keys/environments/staging/12/cloud/x.age", "keys/audit/4096/previous"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if policy.IsPath(path) && !strings.HasPrefix(path, policy.Folder) {
			t.Errorf("%q is taken for a policy file's", path)
		}
		ref, epoch, rest, ok := policy.ParseKeyPath(path)
		if ok && policy.KeyFolder(ref, epoch)+rest != path {
			t.Errorf("%q is read as another path", path)
		}
	})
}
