package dotenv

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-envparse"
)

func TestValuesAreReadAsTheyWereWritten(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"bare":                     {"A=b", "b"},
		"empty":                    {"A=", ""},
		"spaces around":            {"A = b c  ", "b c"},
		"export":                   {"export A=b", "b"},
		"comment":                  {"A=b # c", "b"},
		"comment with a number":    {"A=b # see issue #5", "b"},
		"hash inside":              {"A=b#c", "b#c"},
		"hash first":               {"A=#c", "#c"},
		"only a comment":           {"A= # c", ""},
		"dollar":                   {"A=pa$$w$HOME${HOME}$(id)", "pa$$w$HOME${HOME}$(id)"},
		"dollar in double quotes":  {`A="$HOME \$HOME"`, "$HOME $HOME"},
		"backslash":                {`A=C:\new\dir`, `C:\new\dir`},
		"backslash at the end":     {`A=C:\`, `C:\`},
		"backslash, single":        {`A='C:\'`, `C:\`},
		"backslash, double":        {`A="C:\dir\\"`, `C:\dir\`},
		"escapes":                  {`A="a\nb\rc\"d\\e\tf"`, "a\nb\rc\"d\\e\\tf"},
		"escaped backslash and n":  {`A="a\\nb"`, `a\nb`},
		"quotes inside":            {`A=it's "x"`, `it's "x"`},
		"quotes in other quotes":   {`A='"x"'`, `"x"`},
		"escaped quote at the end": {`A="say \"x\""`, `say "x"`},
		"no escapes in single":     {`A='a\nb'`, `a\nb`},
		"several lines":            {"A='-----BEGIN\nx = y # z\n-----END'", "-----BEGIN\nx = y # z\n-----END"},
		"lines in double quotes":   {"A=\"x\n\ny\" # c", "x\n\ny"},
		"windows":                  {"A=b\r\n", "b"},
		"byte order mark":          {"\xef\xbb\xbfA=b", "b"},
		"json":                     {`A={"k": "v#", "n": [1]}`, `{"k": "v#", "n": [1]}`},
		"unicode":                  {"A=snö ☃", "snö ☃"},
		"no-break space":           {"A='\u00a0x\u00a0'", "\u00a0x\u00a0"},
		"equals":                   {"A=a==", "a=="},
		"space kept in quotes":     {`A="  x  "`, "  x  "},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Parse([]byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]Entry{{Name: "A", Value: c.want, Line: 1}}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOrderLinesAndRepetition(t *testing.T) {
	got, err := Parse([]byte("# head\n\nA=1\nB='x\ny'\nC.d-e=3\nA=2\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []Entry{{"B", "x\ny", 4}, {"C.d-e", "3", 6}, {"A", "2", 7}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestErrorsNameTheLineAndNeverTheValue(t *testing.T) {
	for _, text := range []string{
		"A=1\nhunter2", "A=1\nA='hunter2", "A=1\nA=\"hunter2", "A=1\nA='x'hunter2", "A=1\nhunter2!=x", "A=1\n=hunter2", "A=1\nA='x'#hunter2",
	} {
		_, err := Parse([]byte(text))
		if !errors.Is(err, ErrSyntax) || !strings.Contains(err.Error(), "line 2") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{"A=\xff", "A=\x00", "A=" + dollar} {
		if _, err := Parse([]byte(text)); !errors.Is(err, ErrSyntax) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	for _, value := range []string{"", "a", " a ", "it's", `"`, `'"`, `'\`, "'$HOME", "a\nb", "'a\r\nb", "#", " # ", `\n`, `'\n`, "a'\tb", "é☃"} {
		roundTrip(t, value)
	}
	if _, err := Format([]Entry{{Name: "A", Value: "\xff"}}); err == nil {
		t.Error("bytes that are not text were written")
	}
}

func roundTrip(t *testing.T, value string) {
	t.Helper()
	text, err := Format([]Entry{{Name: "A", Value: value}, {Name: "B", Value: "end"}})
	if err != nil {
		return
	}
	got, err := Parse(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	if len(got) != 2 || got[0].Value != value || got[1].Value != "end" {
		t.Errorf("%q came back as %+v by way of %q", value, got, text)
	}
}

// Another library reads what both grammars have in common the same way.
func TestAnotherReaderAgrees(t *testing.T) {
	text := "A=1\nexport B = x y # z\nC='a b'\nD=\"q\\\"r\\\\s\"\n# no\nE=\n"
	theirs, err := envparse.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	ours, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, e := range ours {
		got[e.Name] = e.Value
	}
	if diff := cmp.Diff(theirs, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("A='x\ny' # z\nB=\"\\n\"\nexport C=d"))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := Parse(data)
		if err != nil {
			return
		}
		text, err := Format(entries)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		for i := range again {
			again[i].Line = entries[i].Line
		}
		if diff := cmp.Diff(entries, again); diff != "" {
			t.Error(diff)
		}
	})
}

func FuzzValue(f *testing.F) {
	f.Add("it's \"x\" $y \\n")
	f.Fuzz(roundTrip)
}
