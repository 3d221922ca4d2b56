package settings

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWithoutAFileEverythingHasItsDefault(t *testing.T) {
	got, err := Read(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Settings{SessionCache: true}, got); diff != "" {
		t.Error(diff)
	}
}

func TestEverySettingIsRead(t *testing.T) {
	folder := t.TempDir()
	text := `
environment = "staging"
remote = "git@host:x.git"
keyring = "file"
session_cache = false
auto_sync = true
refresh = "90m"
[vault.abc]
environment = "production"
`
	if err := os.WriteFile(filepath.Join(folder, Name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Read(folder)
	if err != nil {
		t.Fatal(err)
	}
	want := Settings{
		Environment: "staging", Remote: "git@host:x.git", Keyring: "file", AutoSync: true, Refresh: 90 * time.Minute,
		Vaults: map[string]Vault{"abc": {Environment: "production"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got.EnvironmentOf("abc") != "production" || got.EnvironmentOf("x") != "staging" || got.RemoteOf("abc") != "git@host:x.git" {
		t.Error("the setting of one vault and the general one are mixed up")
	}
}

func TestAMisspeltSettingIsAnError(t *testing.T) {
	for _, text := range []string{"enviroment = \"x\"", "session_cache = \"no\"", "refresh = \"soon\"", "refresh = \"-1h\"",
		"keyring = \"plain\"", "[vault.a]\nkey = 1", "= 1"} {
		if _, err := Parse([]byte(text)); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

func TestTwoTimesOfCloudsMayBeTheSame(t *testing.T) {
	got, err := Parse([]byte("[clouds]\nconnect = \"5s\"\ntimeout = \"5s\"\n"))
	if err != nil || got.Clouds.Connect != 5*time.Second || got.Clouds.Timeout != 5*time.Second {
		t.Errorf("got %+v, %v", got.Clouds, err)
	}
	for _, text := range []string{"connect = \"x\"", "timeout = \"0s\"", "connect = \"-1s\"\ntimeout = \"5s\""} {
		if _, err := Parse([]byte("[clouds]\n" + text)); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: got %v", text, err)
		}
	}
}
