package app

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/record"
)

// sheetOf is an environment with the values of A0, A1, ...
func sheetOf(t testing.TB, values ...string) sheet {
	t.Helper()
	var list []vault.Value
	for i, v := range values {
		list = append(list, vault.Value{Entry: vault.Entry{Label: record.Label{Name: fmt.Sprintf("A%d", i)}}, Secret: keys.NewSecret([]byte(v))})
	}
	s, err := newEnvironmentSheet(nil, "development", list)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// told are the changes in words.
func told(changes []edited) []string {
	var out []string
	for _, e := range changes {
		words := e.name
		for _, s := range []*keys.Secret{e.from, e.to} {
			if s == nil {
				words += " none"
			} else {
				words += fmt.Sprintf(" %q", s.Reveal())
			}
		}
		out = append(out, words)
	}
	return out
}

// TestASheetThatNobodyTouchedChangesNothing, whatever the values are.
func TestASheetThatNobodyTouchedChangesNothing(t *testing.T) {
	values := []string{
		"", "plain", " spaces ", "\ttab\t", "it's", `"quoted"`, `both ' and "`, "#", "a # b", "a#b", "$HOME", "${HOME}", "$(id)", "`id`", `C:\new`, `\`, `'\`, `\\n`,
		"-----BEGIN KEY-----\nx = y # z\n\n'quoted' \"twice\"\n-----END KEY-----\n", "\n", "\n\n", "\r\n", "a\r\nb", "a\rb", "é☃", "\u00a0", "\ufeff", "A=1", "export A=1", "'", `"`, "%s %d", "{{ x }}",
		"\x00", "\xff\xfe", "\uf8f0", strings.Repeat("long ", 50_000),
	}
	s := sheetOf(t, values...)
	changes, err := s.read(s.text())
	if diff := cmp.Diff([]string(nil), told(changes)); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	// Nor does one that an editor of Windows has written.
	changes, err = s.read([]byte("\ufeff" + strings.ReplaceAll(string(s.text()), "\n", "\r\n")))
	if diff := cmp.Diff([]string(nil), told(changes)); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	for _, v := range values[:len(values)-4] {
		one := valueSheet{"A", keys.NewSecret([]byte(v))}
		changes, err := one.read(one.text())
		if diff := cmp.Diff([]string(nil), told(changes)); diff != "" || err != nil {
			t.Errorf("%q: %v %s", v, err, diff)
		}
	}
}

func TestWhatASheetSays(t *testing.T) {
	s := sheetOf(t, "one", "two\nlines", "\x00")
	for back, want := range map[string][]string{
		"A0=one\nA1='two\nlines'":              nil,
		"A1=\"two\\nlines\"\nA0='one' # same":  nil,
		"A0=other\nA1='two\nlines'":            {`A0 "one" "other"`},
		"A0=\nA1='two\nlines'":                 {`A0 "one" ""`},
		"A1='two\nlines'":                      {`A0 "one" none`},
		"# A0=one\nA1='two\nlines'":            {`A0 "one" none`},
		"A0=one\nA0=again\nA1='two\nlines'":    {`A0 "one" "again"`},
		"A0=one\nA1='two\nlines'\nA2=text now": {`A2 "\x00" "text now"`},
		"A2=\"a\\nb\"":                         {`A2 "\x00" "a\nb"`, `A0 "one" none`, `A1 "two\nlines" none`},
	} {
		changes, err := s.read([]byte(back))
		if diff := cmp.Diff(want, told(changes)); diff != "" || err != nil {
			t.Errorf("%q: %v %s", back, err, diff)
		}
	}
	for _, back := range []string{"", "\n# only a comment\n", "A0", "A0='x", "A0=one\n1A=x", "A0=" + strings.Repeat("x", valueLimit+1)} {
		if changes, err := s.read([]byte(back)); err == nil {
			t.Errorf("%.20q gave %q", back, told(changes))
		}
	}
	empty := sheetOf(t)
	if changes, err := empty.read(empty.text()); err != nil || len(changes) != 0 {
		t.Error(changes, err)
	}
}

func FuzzSheet(f *testing.F) {
	f.Add("it's \"x\" $y # \\n", "'\nb")
	f.Fuzz(func(t *testing.T, a, b string) {
		s := sheetOf(t, a, b, "end")
		changes, err := s.read(s.text())
		if err != nil || len(changes) != 0 {
			t.Errorf("%q came back as %q by way of %q: %v", []string{a, b}, told(changes), s.text(), err)
		}
	})
}
