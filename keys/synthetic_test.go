package keys_test

import (
	"bytes"
	"testing"

	"github.com/secr/secr/keys"
)

// TestASyntheticNonceIsNeverUsedForTwoTexts, and what is sealed under it opens as ever.
func TestASyntheticNonceIsNeverUsedForTwoTexts(t *testing.T) {
	k := keys.NewKey()
	seen := map[string]string{}
	for _, c := range []struct{ ad, plaintext string }{
		{"", ""}, {"a", ""}, {"", "a"}, {"ab", "c"}, {"a", "bc"}, {"x", "y"}, {"x", "z"},
	} {
		sealed := keys.SealSynthetic(k, []byte(c.ad), []byte(c.plaintext))
		if again := keys.SealSynthetic(k, []byte(c.ad), []byte(c.plaintext)); !bytes.Equal(sealed, again) {
			t.Errorf("%v gave two different results", c)
		}
		nonce := string(sealed[:12])
		if other, ok := seen[nonce]; ok {
			t.Errorf("%v has the nonce of %s", c, other)
		}
		seen[nonce] = c.ad + "|" + c.plaintext
		got, err := keys.Open(k, []byte(c.ad), sealed)
		if err != nil || string(got) != c.plaintext || len(sealed) != len(c.plaintext)+keys.Overhead {
			t.Errorf("%v: opened as %q, %v", c, got, err)
		}
		if _, err := keys.Open(keys.NewKey(), []byte(c.ad), sealed); err == nil {
			t.Error("another key opens it")
		}
	}
	if other := keys.SealSynthetic(keys.NewKey(), nil, nil); seen[string(other[:12])] != "" {
		t.Error("two keys give one nonce")
	}
}
