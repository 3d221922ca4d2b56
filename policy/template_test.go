package policy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/policy"
)

func TestTemplateSaysWhatIsMissing(t *testing.T) {
	tpl, _ := crowd(t).Template(policy.Production)
	none := tpl.Missing(func(string) bool { return false })
	if len(none) != 1 || none[0].Name != "DATABASE_URL" {
		t.Errorf("with nothing set: %v", none)
	}
	if diff := cmp.Diff([]policy.TemplateEntry{}, tpl.Missing(func(n string) bool { return n == "DATABASE_URL" })); diff != "" {
		t.Error(diff)
	}
	if e, ok := tpl.Entry("LOG_LEVEL"); !ok || e.Required {
		t.Errorf("LOG_LEVEL: %v, %v", e, ok)
	}
	if _, ok := tpl.Entry("OTHER"); ok {
		t.Error("an entry that is not there")
	}
}

func TestTypesFitTheirValuesAndNeverQuoteThem(t *testing.T) {
	for kind, c := range map[policy.TemplateType]struct{ good, bad []string }{
		policy.TypeInteger: {[]string{"0", "-7", "42", strings.Repeat("9", 40)}, []string{"", "-", "4.2", "0x1", "secret", " 1", "1\n"}},
		policy.TypeURL:     {[]string{"postgres://u:p@h/d", "https://example.com"}, []string{"", "example.com", "/path", "https://", "a\x00b://secret", "://secret"}},
		policy.TypeBoolean: {[]string{"true", "FALSE", "1", "off"}, []string{"", "2", "secret"}},
		policy.TypeString:  {[]string{"", "any text", "é"}, []string{"\xffsecret", "a\x00secret"}},
		policy.TypeFile:    {[]string{"", "\x00\xff"}, nil},
	} {
		for _, v := range c.good {
			if err := kind.Fits([]byte(v)); err != nil {
				t.Errorf("%s %q: %v", kind, v, err)
			}
		}
		for _, v := range c.bad {
			if err := kind.Fits([]byte(v)); err == nil {
				t.Errorf("%s %q fits", kind, v)
			} else if strings.Contains(err.Error(), "secret") {
				t.Errorf("%s: the error quotes the value: %v", kind, err)
			}
		}
	}
}
