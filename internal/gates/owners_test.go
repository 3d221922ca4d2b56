package gates

import (
	"fmt"
	"strings"
	"testing"
)

// owner says which packages may import a dependency. The first is its owner; the
// others are listed because the owner can't stand between (same floor, or a type of
// the platform). Everything may import it in tests; tests alone with testOnly.
type owner struct {
	dependency string // import path, or everything below it
	packages   []string
	testOnly   bool
}

// owners is read from the top: the first entry that matches an import counts.
func owners() []owner {
	return []owner{
		{dependency: "filippo.io/age", packages: []string{"keys/wrap", "keys/keyring", "keys/cloud"}},
		{dependency: "github.com/btcsuite/btcd/btcutil/bech32", packages: []string{"keys/wrap"}},
		{dependency: "github.com/tyler-smith/go-bip39", packages: []string{"keys/paper"}, testOnly: true},
		{dependency: "golang.org/x/crypto/ssh", packages: []string{"keys/sign", "sync/remote"}},

		{dependency: "github.com/zalando/go-keyring", packages: []string{"keys/keyring"}},
		{dependency: "github.com/godbus/dbus/v5", packages: []string{"keys/keyring"}},

		{dependency: "github.com/aws/aws-sdk-go-v2", packages: []string{"keys/awskms"}},
		{dependency: "github.com/aws/smithy-go", packages: []string{"keys/awskms"}},
		{dependency: "cloud.google.com/go", packages: []string{"keys/gcpkms"}},
		{dependency: "google.golang.org", packages: []string{"keys/gcpkms"}},
		{dependency: "github.com/googleapis/gax-go/v2", packages: []string{"keys/gcpkms"}},
		{dependency: "github.com/Azure/azure-sdk-for-go", packages: []string{"keys/azurekv"}},

		{dependency: "github.com/go-git/go-git/v5/plumbing/transport", packages: []string{"sync/remote"}},
		{dependency: "github.com/go-git/go-git/v5", packages: []string{"vault/repo", "sync/remote"}},

		{dependency: "golang.org/x/term", packages: []string{"cmd/internal/term"}},
		{dependency: "github.com/urfave/cli/v2", packages: []string{"cmd/internal/..."}},
		{dependency: "github.com/pelletier/go-toml/v2", packages: []string{"cmd/internal/..."}},
		{dependency: "github.com/joho/godotenv", packages: []string{"cmd/internal/..."}},
		{dependency: "github.com/hashicorp/go-envparse", packages: []string{"cmd/internal/..."}},
		{dependency: "gopkg.in/yaml.v3", packages: []string{"cmd/internal/export"}, testOnly: true},
		{dependency: "golang.org/x/text", packages: []string{"cmd/internal/..."}},

		// The platform: locks, the kernel keyring, exec, consoles.
		{dependency: "golang.org/x/sys", packages: []string{"vault/local", "keys/session", "keys/keyring", "vault/repo", "sync/remote", "cmd/internal/..."}},

		{dependency: "github.com/creack/pty", testOnly: true},
		{dependency: "github.com/rogpeppe/go-internal", testOnly: true},
		{dependency: "github.com/google/go-cmp", testOnly: true},
	}
}

// outside tells imports that are neither the standard library's nor ours.
func outside(importPath string) bool {
	if _, ours := inner(importPath); ours {
		return false
	}
	first, _, _ := strings.Cut(importPath, "/")
	return strings.Contains(first, ".")
}

// ownerOf finds the entry for an import.
func ownerOf(importPath string) (owner, bool) {
	for _, o := range owners() {
		if strings.HasPrefix(importPath+"/", o.dependency+"/") {
			return o, true
		}
	}
	return owner{}, false
}

// owns tells whether a package may import the entry's dependency.
func (o owner) owns(pkg string) bool {
	for _, p := range o.packages {
		if p == pkg {
			return true
		}
		if dir, all := strings.CutSuffix(p, "..."); all && strings.HasPrefix(pkg+"/", dir) {
			return true
		}
	}
	return false
}

func ownerComplaints(s source) []string {
	var out []string
	for _, i := range s.imports {
		if i == "C" {
			out = append(out, fmt.Sprintf("%s: cgo is not used here", s.path))
			continue
		}
		if !outside(i) {
			continue
		}
		o, known := ownerOf(i)
		switch {
		case !known:
			out = append(out, fmt.Sprintf("%s: %s has no owner: give it one in internal/gates/owners_test.go, and a line in ARCHITECTURE.md", s.path, i))
		case s.test, isTestSupport(s.pkg):
		case o.testOnly:
			out = append(out, fmt.Sprintf("%s: %s is for tests only", s.path, i))
		case !o.owns(s.pkg):
			out = append(out, fmt.Sprintf("%s: %s may be imported by %s only", s.path, i, strings.Join(o.packages, ", ")))
		}
	}
	return out
}

func TestEachDependencyHasOneOwner(t *testing.T) {
	for _, s := range tree(t) {
		report(t, ownerComplaints(s))
	}
}

func TestOwnerGateCatches(t *testing.T) {
	for name, c := range map[string]struct {
		file, text string
		bad        bool
	}{
		"owner":                  {"keys/wrap/a.go", `package wrap; import _ "filippo.io/age"`, false},
		"somebody else":          {"vault/a.go", `package vault; import _ "filippo.io/age"`, true},
		"a package below it":     {"vault/a.go", `package vault; import _ "filippo.io/age/armor"`, true},
		"a test":                 {"vault/a_test.go", `package vault; import _ "filippo.io/age"`, false},
		"test library in code":   {"vault/a.go", `package vault; import _ "github.com/google/go-cmp/cmp"`, true},
		"test library in a test": {"vault/a_test.go", `package vault; import _ "github.com/google/go-cmp/cmp"`, false},
		"unknown":                {"vault/a_test.go", `package vault; import _ "example.com/x"`, true},
		"standard library":       {"vault/a.go", `package vault; import _ "crypto/aes"`, false},
		"cgo":                    {"vault/a.go", `package vault; import "C"`, true},
		"transports below":       {"vault/repo/a.go", `package repo; import _ "github.com/go-git/go-git/v5/plumbing/transport"`, true},
		"name that only begins":  {"keys/wrap/a.go", `package wrap; import _ "filippo.io/agent"`, true},
	} {
		t.Run(name, func(t *testing.T) {
			got := ownerComplaints(snippet(t, c.file, c.text))
			if (len(got) > 0) != c.bad {
				t.Errorf("complaints %q, want some: %v", got, c.bad)
			}
		})
	}
}
