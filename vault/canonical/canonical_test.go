package canonical

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type inner struct {
	Key string `json:"key"`
}

type sample struct {
	Name  string         `json:"name"`
	Count int64          `json:"count"`
	List  []string       `json:"list"`
	Map   map[string]int `json:"map"`
	Inner []inner        `json:"inner"`
	Flag  bool           `json:"flag"`
}

const good = `{
  "name": "a\"b<&>",
  "count": 7,
  "list": [],
  "map": {
    "a": 1,
    "b": 2
  },
  "inner": [
    {
      "key": "nn\\"
    }
  ],
  "flag": false
}
`

func TestUnmarshalTakesWhatMarshalWrites(t *testing.T) {
	want := sample{
		Name: `a"b<&>`, Count: 7, List: []string{}, Map: map[string]int{"b": 2, "a": 1},
		Inner: []inner{{Key: `nn\`}},
	}
	b, err := Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(good, string(b)); diff != "" {
		t.Error(diff)
	}
	var got sample
	if err := Unmarshal([]byte(good), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMarshalRefusesNull(t *testing.T) {
	if _, err := Marshal(sample{Name: "no", Map: map[string]int{}, Inner: []inner{}}); !errors.Is(err, ErrMalformed) {
		t.Errorf("a nil list: %v", err)
	}
}

func TestUnmarshalRefusesEveryOtherSpelling(t *testing.T) {
	for name, text := range map[string]string{
		"empty":             ``,
		"no newline":        good[:len(good)-1],
		"two newlines":      good + "\n",
		"a space before":    " " + good,
		"a second value":    good + "{}\n",
		"null list":         replace(`"list": []`, `"list": null`),
		"null map":          replace("\"map\": {\n    \"a\": 1,\n    \"b\": 2\n  }", `"map": null`),
		"missing field":     replace("  \"count\": 7,\n", ""),
		"unknown field":     replace(`"count": 7`, "\"count\": 7,\n  \"more\": 1"),
		"repeated field":    replace(`"count": 7`, "\"count\": 7,\n  \"count\": 7"),
		"repeated map key":  replace(`"a": 1,`, "\"a\": 1,\n    \"a\": 1,"),
		"order of fields":   replace("  \"name\": \"a\\\"b<&>\",\n  \"count\": 7,\n", "  \"count\": 7,\n  \"name\": \"a\\\"b<&>\",\n"),
		"order of map keys": replace("    \"a\": 1,\n    \"b\": 2\n", "    \"b\": 2,\n    \"a\": 1\n"),
		"case of a field":   replace(`"count"`, `"Count"`),
		"exponent":          replace(`"count": 7`, `"count": 7e0`),
		"fraction":          replace(`"count": 7`, `"count": 7.0`),
		"minus zero":        replace(`"count": 7`, `"count": -0`),
		"leading zero":      replace(`"count": 7`, `"count": 07`),
		"too large":         replace(`"count": 7`, `"count": 9223372036854775808`),
		"a string":          replace(`"count": 7`, `"count": "7"`),
		"escaped letter":    replace(`nn\\`, `n\u006e\\`),
		"escaped slash":     replace(`a\"b`, `a\/b`),
		"escaped HTML":      replace(`<`, `\u003c`),
		"invalid UTF-8":     replace(`a\"b`, "a\xff"),
		"lone surrogate":    replace(`a\"b`, `a\ud800`),
		"tab":               replace(`  "name"`, "\t\"name\""),
		"CRLF":              replace("{\n", "{\r\n"),
		"one line":          `{"name":"","count":7,"list":[],"map":{},"inner":[],"flag":false}` + "\n",
		"byte order mark":   "\xef\xbb\xbf" + good,
	} {
		t.Run(name, func(t *testing.T) {
			if text == good {
				t.Fatal("the case changes nothing")
			}
			var got sample
			if err := Unmarshal([]byte(text), &got); !errors.Is(err, ErrMalformed) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func FuzzUnmarshal(f *testing.F) {
	f.Add([]byte(good))
	f.Fuzz(func(t *testing.T, data []byte) {
		var v sample
		if err := Unmarshal(data, &v); err != nil {
			return
		}
		again, err := Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(data, again); diff != "" {
			t.Error(diff)
		}
	})
}

func replace(old, with string) string { return strings.Replace(good, old, with, 1) }
