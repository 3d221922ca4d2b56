package project

import (
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pelletier/go-toml/v2"

	"github.com/secr/secr/vault/local"
)

const vaultID = "abcdefghijklmnopqrstuvwxy2"

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestNearestFileUpwardsWins(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, Name), `vault = "`+vaultID+`"`)
	write(t, filepath.Join(root, "a", Name), `vault = "`+strings.Repeat("a", 26)+`"`)
	write(t, filepath.Join(root, "a", "b", "c", "x"), "")
	p, err := Find(filepath.Join(root, "a", "b", "c"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(filepath.Join(root, "a"), p.Folder); diff != "" {
		t.Error(diff)
	}
}

func TestABadFileIsNotLookedPast(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, Name), `vault = "`+vaultID+`"`)
	write(t, filepath.Join(root, "a", Name), `vault = 3`)
	if _, err := Find(filepath.Join(root, "a")); !errors.Is(err, ErrInvalid) {
		t.Errorf("got %v", err)
	}
}

func TestTextIsReadBackAsItWasWritten(t *testing.T) {
	want := Project{
		Vault: vaultID, Floor: local.Floor{Seq: 12, Sum: sha256.Sum256(nil)},
		Remote: "https://example.org/x.git", Branch: "secr/vault", Environment: "staging",
	}
	got, err := Parse(string(want.Text()))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestHostileFilesAreRefusedWithoutQuotingThem(t *testing.T) {
	sum := strings.Repeat("a", 64)
	good := `vault = "` + vaultID + "\"\n"
	for name, text := range map[string]string{
		"empty":            "",
		"no vault":         `floor = "1:` + sum + `"`,
		"short id":         `vault = "abc"`,
		"upper-case id":    `vault = "` + strings.ToUpper(vaultID) + `"`,
		"path as id":       `vault = "../../../../../../../../x"`,
		"unknown key":      good + `command = "rm"`,
		"table":            good + "[remote]\nurl = \"x\"",
		"duplicate":        good + good,
		"wrong type":       good + `environment = 1`,
		"bad environment":  good + `environment = "Prod"`,
		"escape in remote": good + `remote = "\u001b]52;c;x\u0007"`,
		"floor zero":       good + `floor = "0:` + sum + `"`,
		"floor spelling":   good + `floor = "01:` + sum + `"`,
		"floor hex":        good + `floor = "1:` + strings.ToUpper(sum) + `"`,
		"not toml":         "\x1b[31m<<<<<<< HEAD",
		"not utf-8":        "vault = \"\xff\"",
		"not utf-8 inside": good + "# \xff",
		"escaped text":     `vault = "\u0061` + vaultID[1:] + `"`,
		"literal string":   "vault = '" + vaultID + "'",
		"two on a line":    `vault = "` + vaultID + `" remote = "x"`,
		"nul":              good + "# \x00",
	} {
		_, err := Parse(text)
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: got %v", name, err)
			continue
		}
		if strings.ContainsAny(err.Error(), "\x1b\x07") {
			t.Errorf("%s: the error carries a terminal escape", name)
		}
	}
}

func TestSymlinksFoldersAndLargeFilesAreRefused(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "real"), `vault = "`+vaultID+`"`)
	link := filepath.Join(root, "link", Name)
	write(t, filepath.Join(root, "link", "x"), "")
	if err := os.Symlink(filepath.Join(root, "real"), link); err != nil {
		t.Skip("no symlinks here:", err)
	}
	write(t, filepath.Join(root, "folder", Name, "x"), "")
	write(t, filepath.Join(root, "large", Name), `vault = "`+vaultID+"\"\n#"+strings.Repeat("x", limit))
	for _, folder := range []string{"link", "folder", "large"} {
		if _, err := Read(filepath.Join(root, folder)); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: got %v", folder, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`vault = "` + vaultID + `"`))
	f.Add([]byte("floor = \"1:" + strings.Repeat("a", 64) + "\"\nvault='" + vaultID + "'"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse(string(data))
		if err != nil {
			return
		}
		// Whatever we take, a TOML library takes, and reads the same.
		var doc map[string]string
		if err := toml.Unmarshal(data, &doc); err != nil {
			t.Fatalf("accepted what is not TOML: %v", err)
		}
		want := map[string]string{"vault": p.Vault, "floor": p.FloorText(), "remote": p.Remote, "branch": p.Branch, "environment": p.Environment}
		for key, value := range doc {
			if want[key] != value {
				t.Errorf("%s is %q here and %q in TOML", key, want[key], value)
			}
		}
		again, err := Parse(string(p.Text()))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p, again); diff != "" {
			t.Error(diff)
		}
	})
}
