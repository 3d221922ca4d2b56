package fast

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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

func FuzzParse(f *testing.F) {
	f.Add("run\x00--env\x00x\x00--\x00a")
	f.Fuzz(func(t *testing.T, joined string) {
		args := append([]string{"secr"}, strings.Split(joined, "\x00")...)
		if o, ok := parse(args); ok && len(o.names) == 0 {
			t.Error("a command line without a command was taken")
		}
	})
}
