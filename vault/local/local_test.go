package local

import (
	"errors"
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const testID = "abcdefghijklmnopqrstuvwxyz"

// testHome is a home below a temporary folder.
func testHome(t *testing.T) Home {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	h, err := NewHome(func(name string) string {
		if name == "SECR_HOME" {
			return filepath.Join(root, "secr")
		}
		return ""
	}, "")
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// testVault is a vault in a home of its own, with its folders made.
func testVault(t *testing.T) Vault {
	t.Helper()
	v, err := testHome(t).Vault(testID)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.MakeFolders(); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestHomeFollowsTheSystemsConvention(t *testing.T) {
	none := map[string]string{}
	for _, c := range []struct {
		name, system, user string
		env                map[string]string
		want               Home
		err                error
	}{
		{"linux", "linux", "/home/ana", none, Home{"/home/ana/.config/secr", "/home/ana/.local/share/secr", "/home/ana/.local/state/secr", "/home/ana/.cache/secr"}, nil},
		{"xdg", "linux", "/home/ana", map[string]string{"XDG_CONFIG_HOME": "/c", "XDG_DATA_HOME": "/d", "XDG_STATE_HOME": "/s", "XDG_CACHE_HOME": "/k"}, Home{"/c/secr", "/d/secr", "/s/secr", "/k/secr"}, nil},
		{"xdg without a home", "linux", "", map[string]string{"XDG_CONFIG_HOME": "/c", "XDG_DATA_HOME": "/d", "XDG_STATE_HOME": "/s", "XDG_CACHE_HOME": "/k"}, Home{"/c/secr", "/d/secr", "/s/secr", "/k/secr"}, nil},
		{"relative xdg is ignored", "linux", "/home/ana", map[string]string{"XDG_CONFIG_HOME": "c"}, Home{"/home/ana/.config/secr", "/home/ana/.local/share/secr", "/home/ana/.local/state/secr", "/home/ana/.cache/secr"}, nil},
		{"mac", "darwin", "/Users/ana", none, Home{"/Users/ana/Library/Application Support/secr/config", "/Users/ana/Library/Application Support/secr/data", "/Users/ana/Library/Application Support/secr/state", "/Users/ana/Library/Caches/secr"}, nil},
		{"windows", "windows", "/u/ana", map[string]string{"APPDATA": "/r", "LOCALAPPDATA": "/l"}, Home{"/r/secr", "/l/secr/data", "/l/secr/state", "/l/secr/cache"}, nil},
		{"windows without variables", "windows", "/u/ana", none, Home{"/u/ana/AppData/Roaming/secr", "/u/ana/AppData/Local/secr/data", "/u/ana/AppData/Local/secr/state", "/u/ana/AppData/Local/secr/cache"}, nil},
		{"all in one", "linux", "/home/ana", map[string]string{"SECR_HOME": "/x", "XDG_DATA_HOME": "/d"}, Home{"/x/config", "/x/data", "/x/state", "/x/cache"}, nil},
		{"nothing known", "linux", "", none, Home{}, ErrNoHome},
		{"relative home", "linux", "ana", none, Home{}, ErrNoHome},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := newHome(c.system, func(n string) string { return c.env[n] }, c.user)
			if !errors.Is(err, c.err) {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
	if _, err := newHome("linux", func(string) string { return "here" }, "/home/ana"); err == nil {
		t.Error("a relative SECR_HOME was taken")
	}
}

func TestOnlyAVaultIDBecomesAPath(t *testing.T) {
	h := testHome(t)
	for _, id := range []string{"", "..", "../../../../../../etc/passwd", testID + "a", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxy/", "abcdefghijklmnopqrstuvwxy1"} {
		if _, err := h.Vault(id); err == nil {
			t.Errorf("%q was taken as a vault id", id)
		}
	}
	if _, err := h.Vault(testID); err != nil {
		t.Error(err)
	}
}

func TestHeadIsWhatWasWritten(t *testing.T) {
	v := testVault(t)
	if _, err := v.ReadHead(); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("no head: %v", err)
	}
	for _, want := range []Head{{Seq: 1, ID: [20]byte{1, 0xab}, Sum: [32]byte{2, 31: 0xff}}, {Seq: 1<<64 - 1}} {
		if err := v.WriteHead(want); err != nil {
			t.Fatal(err)
		}
		got, err := v.ReadHead()
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	}
}
