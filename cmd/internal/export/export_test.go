package export

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/secr/secr/cmd/internal/dotenv"
)

// awkward are values that quoting has lost before.
func awkward() []Variable {
	var out []Variable
	for i, v := range []string{
		"", "plain", "no", "0123", " space ", "it's", `"`, `\`, `\n`, "a\nb\n", "$HOME `id` $(id)", "#x", "é☃", "a: b", "- x",
		"{}", "%s", "<<EOF", "!", "\t", "'\"'\"'",
	} {
		out = append(out, Variable{"V" + string(rune('A'+i)), []byte(v)})
	}
	return out
}

func want(variables []Variable) map[string]string {
	m := map[string]string{}
	for _, v := range variables {
		m[v.Name] = string(v.Value)
	}
	return m
}

func document(t *testing.T, format string, variables []Variable) []byte {
	t.Helper()
	doc, err := Write(Options{Format: format, Object: "app"}, variables)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestJSONAndYAMLGiveTheValuesBack(t *testing.T) {
	var fromJSON, fromYAML map[string]string
	if err := json.Unmarshal(document(t, "json", awkward()), &fromJSON); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(document(t, "yaml", awkward()), &fromYAML); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want(awkward()), fromJSON); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want(awkward()), fromYAML); diff != "" {
		t.Error(diff)
	}
}

func TestEveryCharacterComesBackFromYAML(t *testing.T) {
	var variables []Variable
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if utf8.ValidRune(r) && (r < 0x3000 || r >= 0xd000 && r < 0x10100) {
			variables = append(variables, Variable{fmt.Sprintf("R%X", r), []byte(" " + string(r) + " ")})
		}
	}
	for _, name := range []string{"NO", "y", "null", "tls.key", "0123", "a b", ""} {
		variables = append(variables, Variable{name, []byte("0123")})
	}
	got := map[string]string{}
	if err := yaml.Unmarshal(document(t, "yaml", variables), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want(variables), got); diff != "" {
		t.Error(diff)
	}
	for _, format := range []string{"yaml", "k8s"} {
		if err := yaml.Unmarshal(document(t, format, nil), &map[string]any{}); err != nil {
			t.Errorf("%s of nothing: %v", format, err)
		}
	}
}

func TestDotenvGivesTheValuesBack(t *testing.T) {
	entries, err := dotenv.Parse(document(t, "dotenv", awkward()))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, e := range entries {
		got[e.Name] = e.Value
	}
	if diff := cmp.Diff(want(awkward()), got); diff != "" {
		t.Error(diff)
	}
}

func TestAShellReadsTheValuesBack(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh here")
	}
	script := string(document(t, "shell", awkward()))
	for _, v := range awkward() {
		script += `printf '%s\001' "$` + v.Name + "\"\n"
	}
	out, err := exec.Command(sh, "-c", script).Output()
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(string(out), "\x01")
	for i, v := range awkward() {
		if diff := cmp.Diff(string(v.Value), got[i]); diff != "" {
			t.Errorf("%s: %s", v.Name, diff)
		}
	}
}

func TestKubernetesHoldsAnyBytes(t *testing.T) {
	doc := document(t, "k8s", []Variable{{"A", []byte("\xff\x00")}, {"B", []byte("b")}})
	var got struct {
		APIVersion string `yaml:"apiVersion"`
		Kind, Type string
		Metadata   struct{ Name string }
		Data       map[string]string
	}
	if err := yaml.Unmarshal(doc, &got); err != nil {
		t.Fatal(err)
	}
	a, err := base64.StdEncoding.DecodeString(got.Data["A"])
	if err != nil || string(a) != "\xff\x00" || got.Kind != "Secret" || got.APIVersion != "v1" || got.Metadata.Name != "app" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAValueThatAFormatCannotHoldIsNamed(t *testing.T) {
	for format, value := range map[string]string{
		"dotenv": "\xff", "json": "\xff", "yaml": "\xff", "shell": "\x00", "docker": "a\nb", "github": "a\rb",
	} {
		_, err := Write(Options{Format: format}, []Variable{{"OK", []byte("x")}, {"BAD", []byte(value)}})
		var lost *ValueError
		if !errors.As(err, &lost) || lost.Name != "BAD" {
			t.Errorf("%s: got %v", format, err)
		}
	}
	if _, err := Write(Options{Format: "k8s", Object: "a\xff"}, nil); err == nil {
		t.Error("a name that isn't text was changed into another")
	}
	if _, err := Write(Options{Format: "xml"}, nil); !errors.Is(err, ErrFormat) {
		t.Errorf("got %v", err)
	}
}

func TestNoValueEndsItsGithubBlockEarly(t *testing.T) {
	value := "x\nsecr_\nEOF\nPATH=/evil"
	doc := string(document(t, "github", []Variable{{"A", []byte(value)}}))
	head, rest, _ := strings.Cut(doc, "\n")
	end, ok := strings.CutPrefix(head, "A<<")
	if !ok || rest != value+"\n"+end+"\n" || strings.Contains(value, end) {
		t.Errorf("got %q", doc)
	}
	if diff := cmp.Diff("::add-mask::secret%25\n::add-mask::line2\n", string(Masks([]Variable{{"A", []byte("secret%\nline2\nab")}}))); diff != "" {
		t.Error(diff)
	}
}
