package gates

import (
	"fmt"
	"path"
	"strings"
	"testing"
)

// floor is a package, or all packages under it when the name ends in "/...", and the
// number of its floor. A package imports only from lower floors. Packages of the top
// floors (siblings) are programs' insides and may import each other.
type floor struct {
	pkg      string
	number   int
	siblings bool
}

// floors is the plan of the house. ARCHITECTURE.md tells it in words.
func floors() []floor {
	return []floor{
		{pkg: "vault/jot", number: -1},

		{pkg: "keys", number: 0},
		{pkg: "keys/session", number: 0},
		{pkg: "vault/local", number: 0},
		{pkg: "vault/canonical", number: 0},

		{pkg: "keys/paper", number: 1},
		{pkg: "keys/sign", number: 1},
		{pkg: "keys/wrap", number: 1},
		{pkg: "keys/keyring", number: 1},
		{pkg: "keys/cloud", number: 1},
		{pkg: "policy", number: 1},
		{pkg: "vault/record", number: 1},
		{pkg: "vault/snapshot", number: 1},
		{pkg: "vault/repo", number: 1},
		{pkg: "audit/receipt", number: 1},
		{pkg: "audit/cloudlog", number: 1},

		{pkg: "keys/awskms", number: 2},
		{pkg: "keys/gcpkms", number: 2},
		{pkg: "keys/azurekv", number: 2},
		{pkg: "vault/change", number: 2},
		{pkg: "sync/remote", number: 2},

		{pkg: "vault/chain", number: 3},

		{pkg: "vault", number: 4},
		{pkg: "audit/batch", number: 4},
		{pkg: "sync/replay", number: 4},

		{pkg: "vault/team", number: 5},
		{pkg: "audit", number: 5},

		{pkg: "sync/replica", number: 6},
		{pkg: "sync/joining", number: 6},

		{pkg: "cmd/internal/...", number: 7, siblings: true},
		{pkg: "bench/token", number: 7},

		{pkg: "cmd/secr", number: 8},
		{pkg: "cmd/secr-kms", number: 8},
		{pkg: "bench/...", number: 8},
		{pkg: "internal/gates", number: 8},
	}
}

// floorOf finds a package's floor.
func floorOf(pkg string) (floor, bool) {
	for _, f := range floors() {
		if f.pkg == pkg || (strings.HasSuffix(f.pkg, "/...") && strings.HasPrefix(pkg+"/", strings.TrimSuffix(f.pkg, "..."))) {
			return f, true
		}
	}
	return floor{}, false
}

// inner returns the project's own package that an import path names.
func inner(importPath string) (string, bool) {
	if importPath == module {
		return ".", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

// floorComplaints checks one file. Test files may look upwards; test support may be
// imported by nothing else.
func floorComplaints(s source) []string {
	var out []string
	own, known := floorOf(s.pkg)
	if !known && !isTestSupport(s.pkg) {
		return []string{fmt.Sprintf("%s: package %s has no floor: give it one in internal/gates/floors_test.go", s.path, s.pkg)}
	}
	if s.test {
		return nil
	}
	for _, i := range s.imports {
		to, ours := inner(i)
		if !ours {
			continue
		}
		if isTestSupport(to) {
			out = append(out, fmt.Sprintf("%s: imports %s, which only tests may", s.path, to))
			continue
		}
		target, known := floorOf(to)
		if !known {
			out = append(out, fmt.Sprintf("%s: imports %s, which has no floor", s.path, to))
			continue
		}
		lower := target.number < own.number
		sibling := own.siblings && target.siblings
		if !lower && !sibling {
			out = append(out, fmt.Sprintf("%s: %s (floor %d) imports %s (floor %d): only lower floors may be imported", s.path, s.pkg, own.number, to, target.number))
		}
	}
	return out
}

func TestPackagesImportOnlyFromLowerFloors(t *testing.T) {
	for _, s := range tree(t) {
		report(t, floorComplaints(s))
	}
}

// groups are folders that only hold packages.
func TestGroupFoldersHoldNoGoFiles(t *testing.T) {
	for _, s := range tree(t) {
		if dir := path.Dir(s.path); dir == "sync" || dir == "docs" || dir == "." {
			t.Errorf("%s: no Go files directly in this folder", s.path)
		}
	}
}

func TestFloorsAreNamedOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range floors() {
		if seen[f.pkg] {
			t.Errorf("%s stands on two floors", f.pkg)
		}
		seen[f.pkg] = true
	}
}

func TestFloorGateCatches(t *testing.T) {
	for name, c := range map[string]struct {
		file, text string
		bad        bool
	}{
		"downwards":             {"vault/a.go", `package vault; import _ "github.com/secr/secr/keys"`, false},
		"upwards":               {"keys/a.go", `package keys; import _ "github.com/secr/secr/vault"`, true},
		"sideways":              {"keys/wrap/a.go", `package wrap; import _ "github.com/secr/secr/keys/sign"`, true},
		"sideways under cmd":    {"cmd/internal/a/a.go", `package a; import _ "github.com/secr/secr/cmd/internal/b"`, false},
		"main from below":       {"cmd/internal/a/a.go", `package a; import _ "github.com/secr/secr/cmd/secr"`, true},
		"unknown package":       {"stuff/a.go", `package stuff`, true},
		"unknown import":        {"vault/a.go", `package vault; import _ "github.com/secr/secr/stuff"`, true},
		"upwards in a test":     {"keys/a_test.go", `package keys; import _ "github.com/secr/secr/vault"`, false},
		"test support in tests": {"vault/a_test.go", `package vault; import _ "github.com/secr/secr/vault/chain/chaintest"`, false},
		"test support in code":  {"vault/a.go", `package vault; import _ "github.com/secr/secr/vault/chain/chaintest"`, true},
	} {
		t.Run(name, func(t *testing.T) {
			got := floorComplaints(snippet(t, c.file, c.text))
			if (len(got) > 0) != c.bad {
				t.Errorf("complaints %q, want some: %v", got, c.bad)
			}
		})
	}
}
