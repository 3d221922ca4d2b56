package term

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// TestCleanJSONSaysTheSame holds characters of all kinds, and what can't be one.
func TestCleanJSONSaysTheSame(t *testing.T) {
	var all strings.Builder
	for r := range rune(0x3000) {
		all.WriteRune(r)
	}
	for r := rune(0x3000); r <= unicode.MaxRune; r += 7 { // one of each block, at least
		all.WriteRune(r)
	}
	for _, text := range []string{"plain", "a\xff\xed\xa0\x80", all.String()} {
		doc, err := json.Marshal(map[string]string{text[:1]: text})
		if err != nil {
			t.Fatal(err)
		}
		clean := CleanJSON(doc)
		if i := bytes.IndexFunc(clean, func(r rune) bool { return !unicode.IsPrint(r) || invisible(r) }); i >= 0 {
			t.Errorf("%q reaches the terminal", clean[i:min(i+8, len(clean))])
		}
		var was, is map[string]string
		if err := errors.Join(json.Unmarshal(doc, &was), json.Unmarshal(clean, &is)); err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(was, is) {
			t.Errorf("it says something else than before, of %d bytes", len(text))
		}
	}
	if doc := []byte(`{"a": "Größe 名前 🙂 é"}`); !bytes.Equal(CleanJSON(doc), doc) {
		t.Errorf("%s", CleanJSON(doc))
	}
}

func TestAttacksOnATerminalAreShownNotRun(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"plain":                      {"DATABASE_URL", "DATABASE_URL"},
		"punctuation":                {`a\b"c'`, `a\b"c'`},
		"other languages":            {"Größe 名前 имя שם", "Größe 名前 имя שם"},
		"emoji":                      {"ok 🙂", "ok 🙂"},
		"accents as marks":           {"e\u0301", "e\u0301"},
		"colour":                     {"\x1b[31mred\x1b[0m", `\x1b[31mred\x1b[0m`},
		"clear the screen":           {"\x1b[2J\x1b[H", `\x1b[2J\x1b[H`},
		"window title":               {"\x1b]0;owned\x07", `\x1b]0;owned\x07`},
		"write the clipboard":        {"\x1b]52;c;cm0gLXJm\x07", `\x1b]52;c;cm0gLXJm\x07`},
		"hidden link":                {"\x1b]8;;https://evil.example\x1b\\x\x1b]8;;\x1b\\", `\x1b]8;;https://evil.example\x1b\x\x1b]8;;\x1b\`},
		"device control":             {"\x1bPq\x1b\\", `\x1bPq\x1b\`},
		"answer-back":                {"\x05\x1b[c", `\x05\x1b[c`},
		"8-bit CSI":                  {"\u009b2J", `\x9b2J`},
		"8-bit CSI as a bare byte":   {"\x9b2J", `\x9b2J`},
		"8-bit OSC":                  {"\u009d0;x\u009c", `\x9d0;x\x9c`},
		"overwrite the line":         {"safe\rEVIL", `safe\rEVIL`},
		"erase by backspace":         {"EVIL\b\b\b\bsafe", `EVIL\x08\x08\x08\x08safe`},
		"a second line":              {"a\nsecr: all is well", `a\nsecr: all is well`},
		"line separator":             {"a\u2028b\u2029c", `a\u2028b\u2029c`},
		"next line":                  {"a\u0085b", `a\x85b`},
		"tab breaks columns":         {"a\tb", `a\tb`},
		"NUL":                        {"a\x00b", `a\x00b`},
		"delete":                     {"a\x7fb", `a\x7fb`},
		"right to left override":     {"a\u202etxt.exe", `a\u202etxt.exe`},
		"bidi isolates":              {"\u2066a\u2069\u2067\u2068", `\u2066a\u2069\u2067\u2068`},
		"bidi marks":                 {"\u200e\u200f\u061c", `\u200e\u200f\u061c`},
		"zero width":                 {"AB\u200bC\u200c\u200d\ufeff\u2060", `AB\u200bC\u200c\u200d\ufeff\u2060`},
		"soft hyphen":                {"A\u00adB", `A\xadB`},
		"no-break and odd spaces":    {"a\u00a0b\u3000c\u2003d", `a\xa0b\u3000c\u2003d`},
		"Hangul fillers":             {"a\u3164b\uffa0c\u115fd\u1160", `a\u3164b\uffa0c\u115fd\u1160`},
		"blank Braille":              {"a\u2800b", `a\u2800b`},
		"tag characters":             {"a\U000e0041", `a\U000e0041`},
		"variation selectors":        {"a\ufe0f\U000e0100", `a\ufe0f\U000e0100`},
		"grapheme joiner":            {"a\u034fb", `a\u034fb`},
		"private use":                {"\ue000", `\ue000`},
		"unassigned":                 {"\u0378", `\u0378`},
		"broken UTF-8":               {"a\xc3(\xe2\x28\xff", `a\xc3(\xe2(\xff`},
		"surrogate in UTF-8":         {"\xed\xa0\x80", `\xed\xa0\x80`},
		"overlong":                   {"\xc0\x9b", `\xc0\x9b`},
		"replacement character":      {"\ufffd", "\ufffd"},
		"mark on what stands before": {"\u0336x", `\u0336x`},
		"tower of marks":             {"a" + strings.Repeat("\u0301", 5), "a" + strings.Repeat("\u0301", 3) + strings.Repeat(`\u0301`, 2)},
		"mark on an escaped thing":   {"\x1b\u0301", `\x1b` + "\u0301"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Clean(c.in)); diff != "" {
				t.Errorf("shown (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLinesStayWhereTheyAreWanted(t *testing.T) {
	if diff := cmp.Diff("a\nb\\r\n\\x1b[0m", CleanLines("a\nb\r\n\x1b[0m")); diff != "" {
		t.Errorf("shown (-want +got):\n%s", diff)
	}
}

func TestNoLineOfAMessageCanPassForOneOfOurs(t *testing.T) {
	if diff := cmp.Diff("a host said:\n  secr: all is well\n  \\x1b[0m", Message("a host said:\nsecr: all is well\n\x1b[0m")); diff != "" {
		t.Errorf("shown (-want +got):\n%s", diff)
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"a", "\x1b[2J", "\u202e", "\xff", "é", "a\u0301\u0301\u0301\u0301"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Clean(s)
		if !utf8.ValidString(got) {
			t.Fatalf("%q became %q, which is not UTF-8", s, got)
		}
		for _, r := range got {
			if !unicode.IsPrint(r) || unicode.Is(unicode.C, r) || (r >= 0x7f && r < 0xa0) {
				t.Fatalf("%q became %q, which has %U", s, got, r)
			}
		}
		if again := Clean(got); again != got {
			t.Fatalf("cleaning %q twice changes it to %q", got, again)
		}
	})
}
