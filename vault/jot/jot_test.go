package jot

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type item struct {
	ID string `json:"id"`
	N  uint64 `json:"n"`
}

func (i *item) fields() Fields { return Fields{{"id", &i.ID}, {"n", &i.N}} }

type sample struct {
	Text  string   `json:"text"`
	Flag  bool     `json:"flag"`
	Int   int64    `json:"int"`
	Uint  uint64   `json:"uint"`
	Texts []string `json:"texts"`
	Items []item   `json:"items"`
}

func (s *sample) fields() Fields {
	return Fields{
		{"text", &s.Text}, {"flag", &s.Flag}, {"int", &s.Int}, {"uint", &s.Uint}, {"texts", &s.Texts},
		{"items", List(&s.Items, (*item).fields)},
	}
}

// standard is what encoding/json writes. An empty list is never null in it.
func standard(t *testing.T, s sample, form Form) string {
	t.Helper()
	if s.Texts == nil {
		s.Texts = []string{}
	}
	if s.Items == nil {
		s.Items = []item{}
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if form == Indented {
		e.SetIndent("", "  ")
	}
	if err := e.Encode(s); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(out.String(), "\n")
}

func TestAnObjectIsWrittenAsTheStandardLibraryDoes(t *testing.T) {
	every := ""
	for c := range rune(0x3000) {
		every += string(c)
	}
	for _, s := range []sample{
		{},
		{Text: every + "\uFFFD\U0001F511\xff\xc3", Flag: true, Int: -1 << 63, Uint: 1<<64 - 1},
		{Texts: []string{"", "a"}, Items: []item{{"x", 1}, {"<&>", 0}}},
	} {
		for _, form := range []Form{Compact, Indented} {
			if diff := cmp.Diff(standard(t, s, form), string(Append(nil, s.fields(), form))); diff != "" {
				t.Error(diff)
			}
		}
	}
}

func TestWhatPeopleWriteIsRead(t *testing.T) {
	for text, want := range map[string]sample{
		`{}`: {},
		" {\t\"uint\" : 18446744073709551615 ,\r\n \"int\":-9223372036854775808, \"flag\": false}\n": {Uint: 1<<64 - 1, Int: -1 << 63},
		`{"text":"a\"\\\/\b\f\n\r\t\u00e4\uD83D\uDD11é","flag":true}`:                                {Text: "a\"\\/\b\f\n\r\tä🔑é", Flag: true},
		`{"texts":[ ],"items":[{"n":1,"id":"x"},{ }],"int":0}`:                                       {Texts: []string{}, Items: []item{{"x", 1}, {}}},
		`{"texts":["a","b"],"items":[]}`:                                                             {Texts: []string{"a", "b"}, Items: []item{}},
	} {
		var got sample
		if err := Read(text, got.fields()); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

var refused = []string{
	``, ` `, `{`, `}`, `[]`, `null`, `"text"`, `{}}`, `{} {}`, `{},`, `{,}`, "{}\x00", "\xef\xbb\xbf{}",
	`{"text"}`, `{"text":}`, `{"text":"a"`, `{"text":"a",}`, `{"text":"a" "flag":true}`, `{text:"a"}`, `{"text":null}`, `{"text":1}`,
	`{"Text":"a"}`, `{"more":1}`, `{"text":"a","text":"a"}`, `{"text":"a`, `{"text":"a\"}`, `{"text":"\`, `{"text":"\x"}`, `{"text":"\u12"}`, `{"text":"\u12g4"}`,
	`{"text":"\u+123"}`, `{"text":"\ud800"}`, `{"text":"\ud800\u0041"}`, `{"text":"\udc00\ud800"}`, `{"text":"\ud800x"}`, `{"text":"\ud800`, "{\"text\":\"\xff\"}", "{\"text\":\"\\n\xff\"}", "{\"text\":\"\n\"}", "{\"text\":\"\\n\n\"}",
	`{"flag":True}`, `{"flag":truex}`, `{"flag":1}`, `{"flag":"true"}`,
	`{"int":}`, `{"int":-}`, `{"int":01}`, `{"int":-01}`, `{"int":1.0}`, `{"int":1e2}`, `{"int":+1}`, `{"int":1-1}`, `{"int":9223372036854775808}`, `{"uint":-1}`, `{"uint":18446744073709551616}`, `{"uint":"1"}`,
	`{"texts":null}`, `{"texts":[}`, `{"texts":["a",]}`, `{"texts":["a" "b"]}`, `{"texts":[1]}`, `{"texts":["a"}`, `{"texts":{}}`,
	`{"items":[{]}`, `{"items":[{"id":"x"}`, `{"items":[{"idx":"x"}]}`, `{"items":[null]}`, `{"items":{}}`,
}

func TestEverythingElseIsRefused(t *testing.T) {
	for _, text := range refused {
		var s sample
		if err := Read(text, s.fields()); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v, %+v", text, err, s)
		}
	}
}

// FuzzRead holds that whatever is taken, the standard library takes and understands alike.
func FuzzRead(f *testing.F) {
	for _, text := range refused {
		f.Add([]byte(text))
	}
	f.Add([]byte(`{"text":"\u00e4\ud83d\udd11","flag":true,"int":-7,"uint":7,"texts":["a"],"items":[{"id":"x","n":1}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var ours, theirs sample
		if Read(string(text), ours.fields()) != nil {
			return
		}
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(&theirs); err != nil {
			t.Fatalf("encoding/json refuses it: %v", err)
		}
		if diff := cmp.Diff(theirs, ours); diff != "" {
			t.Fatal(diff)
		}
		var again sample
		for _, form := range []Form{Compact, Indented} {
			if err := Read(string(Append(nil, ours.fields(), form)), again.fields()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(standard(t, ours, form), standard(t, again, form)); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}
