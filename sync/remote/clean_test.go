package remote

import (
	"strings"
	"testing"
	"unicode"
)

func TestCleanTakesOutWhatATerminalWouldObey(t *testing.T) {
	for raw, want := range map[string]string{
		"plain text":                    "plain text",
		"\x1b[31mred\x1b[0m":            "red",
		"\x1b]0;title\x07after":         "after",
		"\x1b]52;c;aGk=\x1b\\after":     "after",
		"\x1b]8;;http://evil\x07click":  "click",
		"\x1bPdevice\x1b\\x":            "x",
		"\x1bcreset":                    "reset",
		"\u009b31mc1":                   "c1",
		"bell\x07 back\b\b del\x7f":     "bell back del",
		"tab\tand\rreturn":              "tab and return",
		"right\u202eleft \u2066x\u2069": "rightleft x",
		"zero\u200bwidth\ufeff":         "zerowidth",
		"bad \xff\xfe utf8":             "bad  utf8",
		"unfinished \x1b[31":            "unfinished",
		"unfinished \x1b]0;x":           "unfinished",
		"end \x1b":                      "end",
		"größer 漢字":                     "größer 漢字",
	} {
		if got := Clean(raw); got != want {
			t.Errorf("Clean(%q) = %q, want %q", raw, got, want)
		}
	}
	if got := Clean(strings.Repeat("x", 5000)); len(got) > maxLine+3 {
		t.Errorf("a line of %d bytes", len(got))
	}
	if got := CleanLines(strings.Repeat("line\n", 5000)); strings.Count(got, "\n") > maxLines {
		t.Errorf("%d lines", strings.Count(got, "\n"))
	}
}

func FuzzClean(f *testing.F) {
	f.Add("\x1b[31mred\x1b]0;x\x07")
	f.Fuzz(func(t *testing.T, raw string) {
		got := Clean(raw)
		for _, r := range got {
			if !unicode.IsPrint(r) {
				t.Fatalf("Clean(%q) = %q has %U", raw, got, r)
			}
		}
		if again := Clean(got); again != got {
			t.Fatalf("Clean(%q) = %q, again %q", raw, got, again)
		}
	})
}
