package app

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"github.com/secr/secr/cmd/internal/system"
)

func everyVerb(t *testing.T, visit func(path string, c *cli.Command)) {
	t.Helper()
	a := &app{sys: system.OS()}
	var walk func(string, []*cli.Command)
	walk = func(path string, commands []*cli.Command) {
		for _, c := range commands {
			visit(strings.TrimSpace(path+" "+c.Name), c)
			walk(path+" "+c.Name, c.Subcommands)
		}
	}
	walk("", a.verbs())
}

func TestEveryVerbHelpsWithAnExample(t *testing.T) {
	everyVerb(t, func(path string, c *cli.Command) {
		if c.Usage == "" || strings.HasSuffix(c.Usage, ".") {
			t.Errorf("%s: its line in the overview is %q", path, c.Usage)
		}
		if !strings.Contains(c.Description, "Example:\n  ") || !strings.Contains(c.Description, "secr "+path) {
			t.Errorf("%s: no example of it in its help", path)
		}
		if !c.HideHelpCommand || c.OnUsageError == nil {
			t.Errorf("%s: the library's help command and usage errors are on", path)
		}
	})
}

func TestEveryVerbIsOnTheFirstScreen(t *testing.T) {
	a := &app{sys: system.OS()}
	screen := overview(a.verbs())
	for _, c := range a.verbs() {
		if !c.Hidden && !strings.Contains(screen, " "+c.Name) {
			t.Errorf("%s is not on the first help screen", c.Name)
		}
	}
	if lines := strings.Count(screen, "\n"); lines > 24 {
		t.Errorf("the first help screen has %d lines", lines)
	}
	for line := range strings.Lines(screen) {
		if len(strings.TrimSuffix(line, "\n")) > helpWidth {
			t.Errorf("too long for a terminal: %s", line)
		}
	}
}

func TestFlagsHaveOneMeaning(t *testing.T) {
	everyVerb(t, func(path string, c *cli.Command) {
		for _, f := range c.Flags {
			if s, ok := f.(cli.DocGenerationFlag); !ok || s.GetUsage() == "" {
				t.Errorf("%s: flag %s says nothing", path, f.Names()[0])
			}
		}
	})
}

// Every field that a --json document can have is in docs/json.md.
func TestEveryFieldOfJSONIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[reflect.Type]bool{}
	var check func(reflect.Type)
	check = func(typ reflect.Type) {
		for typ.Kind() == reflect.Slice || typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Map {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || seen[typ] {
			return
		}
		seen[typ] = true
		for i := range typ.NumField() {
			field := typ.Field(i)
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name != "" && !strings.Contains(string(page), "`"+name+"`") && !strings.Contains(string(page), `"`+name+`"`) {
				t.Errorf("%s.%s: docs/json.md has no `%s`", typ.Name(), field.Name, name)
			}
			check(field.Type)
		}
	}
	for _, doc := range []any{
		getJSON{}, lsJSON{}, historyJSON{}, logJSON{}, writtenJSON{}, importJSON{}, envListJSON{}, whoamiJSON{}, doctorJSON{}, versionJSON{}, errorJSON{},
		kmsListJSON{}, tokenListJSON{}, tokenIssuedJSON{}, roleListJSON{}, diffJSON{}, bisectJSON{}, syncJSON{}, statusJSON{},
		auditEventJSON{}, verdictJSON{}, exportedJSON{}, unlocksJSON{},
		invitedJSON{}, inviteListJSON{}, memberListJSON{}, deviceListJSON{}, offboardJSON{}, canJSON{}, whoJSON{},
	} {
		check(reflect.TypeOf(doc))
	}
}

func TestExpiryIsADateASpanOrNever(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"2027-05-01":           time.Date(2027, 5, 1, 0, 0, 0, 0, time.UTC),
		"2027-05-01T06:07:08Z": time.Date(2027, 5, 1, 6, 7, 8, 0, time.UTC),
		"90d":                  now.Add(90 * 24 * time.Hour),
		"12h":                  now.Add(12 * time.Hour),
	} {
		if got, err := parseExpiry(text, now); err != nil || got != want.Unix() {
			t.Errorf("%s: got %d, %v", text, got, err)
		}
	}
	if got, err := parseExpiry("never", now); got != 0 || err != nil {
		t.Errorf("never: got %d, %v", got, err)
	}
	for _, text := range []string{"soon", "90", "-1d", "-1h", "2027-13-01", "0d", "99999999d"} {
		if _, err := parseExpiry(text, now); err == nil {
			t.Errorf("%s was taken", text)
		}
	}
}

func TestAMisspeltVerbIsGuessed(t *testing.T) {
	a := &app{sys: system.OS()}
	for word, want := range map[string]string{"lgoin": "login", "st": "set", "histroy": "history", "xyzzy": "", "__complet": ""} {
		if got := nearest(word, a.verbs()); got != want {
			t.Errorf("%s: got %q", word, got)
		}
	}
}

// TestHelpFitsAndSaysWhatMatters: no line is wider than a usual terminal, no flag is left
// out, and none that is a switch tells that it is off.
func TestHelpFitsAndSaysWhatMatters(t *testing.T) {
	everyVerb(t, func(path string, c *cli.Command) {
		long, example, _ := strings.Cut(c.Description, "\n\nExample:\n")
		for _, noise := range []string{"(default: false)", "(default: 0)", "(default: \"\")", "(default: )", "`"} {
			if strings.Contains(c.UsageText, noise) {
				t.Errorf("%s: its flags say %s", path, noise)
			}
		}
		for text, limit := range map[string]int{c.Usage: helpWidth, long: helpWidth, c.UsageText: helpWidth, example: 100} {
			for line := range strings.Lines(text) {
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > limit {
					t.Errorf("%s: %d columns: %s", path, n, line)
				}
			}
		}
		for _, f := range c.Flags {
			if spelling := spelled(f.Names()); !strings.Contains(c.UsageText, "  "+spelling+" ") {
				t.Errorf("%s: its help hides %s", path, spelling)
			}
		}
	})
}
