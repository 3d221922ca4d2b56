package fast

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	whole "github.com/secr/secr/cmd/internal/settings"
	"github.com/secr/secr/vault/local"
)

func TestOnlyPlainCommandLinesTakeTheShortWay(t *testing.T) {
	for line, want := range map[string]options{
		"secr run -- npm start":                        {verb: "run", names: []string{"npm", "start"}},
		"secr run npm start --env x":                   {verb: "run", names: []string{"npm", "start", "--env", "x"}},
		"secr run --env x -- a -- b":                   {verb: "run", environment: "x", names: []string{"a", "--", "b"}},
		"secr run -e x --only A --only=B --except C a": {verb: "run", environment: "x", only: []string{"A", "B"}, except: []string{"C"}, names: []string{"a"}},
		"secr run --clean --preserve a":                {verb: "run", clean: true, preserve: true, names: []string{"a"}},
		"secr get A":                                   {verb: "get", names: []string{"A"}},
		"secr get --env=x A":                           {verb: "get", environment: "x", names: []string{"A"}},
	} {
		got, ok := parse(strings.Fields(line))
		if !ok {
			t.Errorf("%s: refused", line)
			continue
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(options{})); diff != "" {
			t.Errorf("%s: %s", line, diff)
		}
	}
	for _, line := range []string{
		"secr", "secr run", "secr get", "secr run --", "secr run --env", "secr run --env x", "secr run --prefix P a", "secr run --help", "secr run -h a",
		"secr run --json a", "secr run --env= a", "secr run --env x --env y a", "secr run --clean=false a", "secr get A B", "secr get A --env x",
		"secr get --version 1 A", "secr get --only A A", "secr get -- -A", "secr set A=1", "secr help run", "secr run --reason x a",
	} {
		if got, ok := parse(strings.Fields(line)); ok {
			t.Errorf("%s: taken as %+v", line, got)
		}
	}
}

func TestOddSettingsAreTheLongWays(t *testing.T) {
	home := local.Home{Config: t.TempDir()}
	if s, ok := readSettings(home); !ok || !s.sessionCache || s.environment != "" {
		t.Errorf("without a file: %+v, %v", s, ok)
	}
	for text, want := range map[string]*settings{
		"# x\n\nenvironment = \"staging\"\nsession_cache = false\n": {environment: "staging"},
		"session_cache = true":                               {sessionCache: true},
		"environment = 'staging'":                            nil,
		"environment = \"a\\u0062\"":                         nil,
		"environment = \"a\" # b":                            nil,
		"session_cache = 1":                                  nil,
		"[vault.x]\nenvironment = \"staging\"":               nil,
		"remote = \"x\"\nkeyring=\"file\"\nauto_sync = true": {sessionCache: true},
		"remote = \"\"\"\nenvironment = \"staging\"\n\"\"\"": nil,
		"remote = 'x'":                                       nil,
		"environment = \"a\"\n[clouds]\nallow = [\"aws:123456789012\", \"gcp:shop\"]\nconnect = \"3s\"\n[clouds.endpoints]\naws = \"http://127.0.0.1:1\"": {environment: "a", sessionCache: true},
		"[clouds]\nallow = []":                                    {sessionCache: true},
		"[clouds]\nallow = [\n\"aws:123456789012\"]":              nil,
		"[clouds]\nallow = [\"\"\"\"]":                            nil,
		"[clouds]\nconnect = \"\"\"\n[clouds]\nenvironment=\"b\"": nil,
		"[clouds]\nendpoints = { aws = \"x\" }":                   nil,
		"[clouds]\nenvironment = \"a\"":                           nil,
		"[clouds.endpoints]\nsession_cache = false":               nil,
		"[clouds] # x":        nil,
		"[other]\nallow = []": nil,
		"nonsense":            nil,
	} {
		if err := os.WriteFile(filepath.Join(home.Config, "settings.toml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, ok := readSettings(home)
		if ok != (want != nil) {
			t.Errorf("%q: %v", text, ok)
		} else if want != nil {
			if diff := cmp.Diff(*want, got, cmp.AllowUnexported(settings{})); diff != "" {
				t.Errorf("%q: %s", text, diff)
			}
		}
	}
}

// oddLines are what the short way could take for something else than the long way does.
func oddLines() []string {
	return []string{
		`environment = "a"`, `environment = "b"`, `environment = ""`, "environment\u00a0= \"a\"", "environment = \"a\"\u2003", "environment = \"a\"\r",
		"environment = \"a\x01\"", "environment = \"a\tb\"", "environment = \"\xff\"", `environment = a`, `environment = true`, `environment = ["a"]`,
		`"environment" = "a"`, `environment.x = "a"`, `Environment = "a"`, `environment == "a"`, `environment "a"`, `environment = "a" "b"`,
		`session_cache = false`, `session_cache = true`, `session_cache = "false"`, `session_cache = False`, `session_cache = 0`,
		`refresh = "1h"`, `refresh = 1h`, `refresh = "1h`, `refresh = ""1h""`, `refresh = "-1h"`, `refresh = ""`, `refresh = 0`, `refresh = "x"`,
		`remote = "x"`, `remote = "x#y"`, `remote = "x" # "y"`, `remote = true`, `remote = ["x"]`, `remote = []`, `remote = """`, `remote = '''`, `"""`,
		`keyring = "os"`, `keyring = "nowhere"`, `keyring = true`, `auto_sync = true`, `auto_sync = "true"`, `auto_sync = []`,
		`[clouds]`, `[clouds.endpoints]`, `[ clouds ]`, `[[clouds]]`, `[clouds] # x`, `[clouds]connect = "3s"`, `[vault.x]`, `[other]`, `clouds.profile = "x"`,
		`clouds = {}`, `allow = []`, `allow = ["aws:1"]`, `allow = ["aws:1",]`, `allow = ["aws:1",,"gcp:x"]`, `allow = [,]`, `allow = ["x"]`, `allow = "aws:1"`,
		`allow = true`, `allow = [true]`, `allow = [["aws:1"]]`, `allow = [`, `]`, `connect = "3s"`, `connect = "x"`, `connect = "0s"`, `connect = ["3s"]`,
		`timeout = "3s"`, `timeout = true`, `profile = "x"`, `profile = true`, `aws = "x"`, `aws = true`, `gcp = "y"`, `azure = ""`, `other = "x"`,
		"# \u00e9", "# \xff", "# a\rb", "# \x00", "\ufeff", "\ufeff# x", "\v", "\u0085", "\t", "\r", ``, `=`, `= "x"`,
	}
}

// sameSettings holds the short way against the long one: what it takes, the other takes and
// understands alike.
func sameSettings(t *testing.T, text string) {
	t.Helper()
	got, ok := parseSettings([]byte(text))
	if !ok {
		return
	}
	long, err := whole.Parse([]byte(text))
	if err != nil {
		t.Errorf("%q: the short way takes what the long way refuses: %v", text, err)
		return
	}
	want := settings{environment: long.EnvironmentOf("x"), sessionCache: long.SessionCache, refresh: long.Refresh}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(settings{})); diff != "" {
		t.Errorf("%q (-long +short):\n%s", text, diff)
	}
}

// TestTheShortWayTakesNoSettingsThatTheLongWayRefuses, nor understands any otherwise.
func TestTheShortWayTakesNoSettingsThatTheLongWayRefuses(t *testing.T) {
	for _, a := range oddLines() {
		sameSettings(t, a)
		for _, b := range oddLines() {
			sameSettings(t, a+"\n"+b)
			sameSettings(t, "[clouds]\n"+a+"\n"+b+"\n")
			sameSettings(t, "[clouds.endpoints]\n"+a+"\n"+b+"\n")
		}
	}
}

func FuzzSettings(f *testing.F) {
	for _, line := range oddLines() {
		f.Add(line)
	}
	f.Add("environment = \"a\"\n[clouds]\nallow = [\"aws:1\", \"gcp:x\"]\n[clouds.endpoints]\naws = \"x\"\n")
	f.Fuzz(sameSettings)
}

func FuzzParse(f *testing.F) {
	f.Add("run\x00--env\x00x\x00--\x00a")
	f.Fuzz(func(t *testing.T, joined string) {
		args := append([]string{"secr"}, strings.Split(joined, "\x00")...)
		if o, ok := parse(args); ok && len(o.names) == 0 {
			t.Error("a command line without a command was taken")
		}
	})
}
