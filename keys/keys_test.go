package keys_test

import (
	"bytes"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/keys"
)

// Every way in which a program prints things by mistake, for each secret type,
// alone, by pointer and deep inside other values, exported and not.
func TestKeyMaterialIsNeverPrinted(t *testing.T) {
	raw := []byte("0123456789abcdef0123456789abcdef")
	s, k, secret := seed(t, raw), key(t, raw), keys.NewSecret(raw)
	type deep struct {
		Open   any
		closed any
		seed   keys.Seed
		key    keys.Key
		secret keys.Secret
		list   []keys.Key
		named  map[string]keys.Secret
		ptr    *keys.Secret
	}
	d := deep{Open: secret, closed: k, seed: s, key: k, secret: secret, list: []keys.Key{k}, named: map[string]keys.Secret{"a": secret}, ptr: &secret}
	for _, v := range []any{s, k, secret, &s, &k, &secret, d, &d, []any{d}, map[string]any{"x": d}, []keys.Key{k}} {
		var out bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%b", "%o", "%c", "%U", "%t", "%p", "%T"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		fmt.Fprintln(&out, v)
		log.New(&out, "", 0).Println(v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("m", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "v", v)
		if b, err := json.Marshal(v); err == nil {
			out.Write(b)
		}
		if b, err := xml.Marshal(v); err == nil {
			out.Write(b)
		}
		_ = gob.NewEncoder(&out).Encode(v)
		text := strings.ToLower(out.String())
		for _, leak := range []string{"0123456789", hex.EncodeToString(raw[:4]), "48 49 50", "30 31 32", "0x30, 0x31", "60 61 62", "mdeymzq1"} {
			if strings.Contains(text, leak) {
				t.Errorf("%T printed its bytes as %q:\n%s", v, leak, out.String())
			}
		}
	}
}

func TestKeyMaterialRefusesToMarshal(t *testing.T) {
	for _, v := range []any{keys.NewSeed(), keys.NewKey(), keys.NewSecret([]byte("x"))} {
		if _, err := json.Marshal(v); !errors.Is(err, keys.ErrSecret) {
			t.Errorf("json of %T: %v", v, err)
		}
		if err := gob.NewEncoder(&bytes.Buffer{}).Encode(v); !errors.Is(err, keys.ErrSecret) {
			t.Errorf("gob of %T: %v", v, err)
		}
	}
}

func TestSecretCopiesAndWipes(t *testing.T) {
	b := []byte("value")
	s := keys.NewSecret(b)
	b[0] = 'V'
	if d := cmp.Diff("value", string(s.Reveal())); d != "" {
		t.Error(d)
	}
	other := s
	s.Wipe()
	if !bytes.Equal(other.Reveal(), make([]byte, 5)) || other.Len() != 5 {
		t.Error("a copy outlived Wipe")
	}
	if (keys.Secret{}).Len() != 0 || !(keys.Secret{}).Equal(keys.NewSecret(nil)) {
		t.Error("the zero Secret isn't empty")
	}
}

func TestSeedsAndKeysCompareByBytes(t *testing.T) {
	raw := bytes.Repeat([]byte{7}, 32)
	if !key(t, raw).Equal(key(t, raw)) || key(t, raw).Equal(keys.NewKey()) || key(t, raw).Equal(keys.Key{}) {
		t.Error("Key.Equal")
	}
	if !seed(t, raw).Equal(seed(t, raw)) || seed(t, raw).Equal(keys.NewSeed()) {
		t.Error("Seed.Equal")
	}
	if !(keys.Seed{}).IsZero() || keys.NewSeed().IsZero() || !(keys.Key{}).IsZero() || keys.NewKey().IsZero() {
		t.Error("IsZero")
	}
	k := key(t, raw)
	copied := k
	k.Wipe()
	if !bytes.Equal(copied.Reveal(), make([]byte, 32)) {
		t.Error("Key.Wipe")
	}
	for _, n := range []int{0, 31, 33} {
		if _, err := keys.KeyFromBytes(make([]byte, n)); !errors.Is(err, keys.ErrMalformed) {
			t.Errorf("a key of %d bytes: %v", n, err)
		}
	}
}

// No key at all must stop the program, not seal or derive under zeros.
func TestZeroKeyIsNeverUsed(t *testing.T) {
	for name, use := range map[string]func(){
		"seal":       func() { keys.Seal(keys.Key{}, nil, nil) },
		"seal tail":  func() { keys.SealTail(keys.Key{}, nil, nil, 0) },
		"derive":     func() { keys.Derive(keys.Key{}, "x") },
		"seed":       func() { keys.Seed{}.Derive(nil, "x") },
		"secret id":  func() { keys.SecretID(keys.Key{}, "x") },
		"commitment": func() { keys.Commit("id", "v", "n", 0, keys.Key{}) },
		"token":      func() { keys.FormatToken(keys.Seed{}) },
		"one share":  func() { keys.TwoOfTwo(keys.NewKey(), keys.Key{}) },
		"invite":     func() { keys.InviteKey(keys.Secret{}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s used no key", name)
				}
			}()
			use()
		}()
	}
	for _, open := range []func(keys.Key, []byte, []byte) ([]byte, error){keys.Open, keys.OpenInPlace} {
		if _, err := open(keys.Key{}, nil, make([]byte, 100)); !errors.Is(err, keys.ErrOpen) {
			t.Error(err)
		}
	}
}

func TestSealingInPlaceIsSealing(t *testing.T) {
	k, ad, text := keys.NewKey(), []byte("ad"), bytes.Repeat([]byte("plaintext"), 1000)
	for _, spare := range []int{0, keys.Overhead} {
		b := append(make([]byte, 0, 5+len(text)+spare), "head "...)
		b = keys.SealTail(k, ad, append(b, text...), 5)
		sealed, ok := bytes.CutPrefix(b, []byte("head "))
		if got, err := keys.Open(k, ad, sealed); !ok || err != nil || !bytes.Equal(got, text) {
			t.Fatalf("%d spare bytes: head %v, %v", spare, ok, err)
		}
		if _, err := keys.OpenInPlace(k, []byte("other"), bytes.Clone(sealed)); !errors.Is(err, keys.ErrOpen) {
			t.Errorf("in another place: %v", err)
		}
		if got, err := keys.OpenInPlace(k, ad, sealed); err != nil || !bytes.Equal(got, text) || &got[0] != &sealed[0] {
			t.Errorf("opened in place: %v", err)
		}
	}
}

func TestSealIsRandomAndBoundToItsPlace(t *testing.T) {
	k := keys.NewKey()
	a, b := keys.Seal(k, []byte("ad"), []byte("x")), keys.Seal(k, []byte("ad"), []byte("x"))
	if bytes.Equal(a, b) {
		t.Error("two seals are equal")
	}
	if len(a) != 1+keys.Overhead {
		t.Errorf("length %d", len(a))
	}
	for i := range a {
		changed := bytes.Clone(a)
		changed[i] ^= 0x80
		if _, err := keys.Open(k, []byte("ad"), changed); !errors.Is(err, keys.ErrOpen) {
			t.Errorf("byte %d changed: %v", i, err)
		}
	}
	for n := range a {
		if _, err := keys.Open(k, []byte("ad"), a[:n]); !errors.Is(err, keys.ErrOpen) {
			t.Errorf("cut to %d: %v", n, err)
		}
	}
}

func TestPaddingShowsMagnitudeOnly(t *testing.T) {
	last := 0
	for n := range 5000 {
		l := keys.PaddedLen(n)
		if l < n+4 || l < 64 || l < last || float64(l) > 64+1.12*float64(n+4) {
			t.Fatalf("%d bytes padded to %d", n, l)
		}
		last = l
	}
	for n, want := range map[int]int{0: 64, 60: 64, 61: 72, 1 << 20: 1081344} {
		if d := cmp.Diff(want, keys.PaddedLen(n)); d != "" {
			t.Errorf("%d: %s", n, d)
		}
	}
}

func TestWordsAreStableAndDiffer(t *testing.T) {
	if d := cmp.Diff(keys.Words([]byte("a"), 4), keys.Words([]byte("a"), 6)[:23]); d != "" {
		t.Error(d)
	}
	if keys.Words([]byte("a"), 1) == keys.Words([]byte("b"), 1) {
		t.Error("two fingerprints are equal")
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add(string(keys.FormatToken(mustSeed(strings.Repeat("00", 32))).Reveal()))
	f.Add("secrtok1_")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := keys.ParseToken(text)
		if err != nil {
			if len(text) > 20 && strings.Contains(err.Error(), text) {
				t.Error("the error quotes the token")
			}
			return
		}
		if again := string(keys.FormatToken(s).Reveal()); again != text {
			t.Errorf("%q is read as %q", text, again)
		}
	})
}

func FuzzUnpad(f *testing.F) {
	f.Add(keys.Pad(nil))
	f.Add(keys.Pad([]byte("value")))
	f.Fuzz(func(t *testing.T, padded []byte) {
		data, err := keys.Unpad(padded)
		if err != nil {
			return
		}
		if !bytes.Equal(keys.Pad(data), padded) {
			t.Error("a second spelling")
		}
	})
}
