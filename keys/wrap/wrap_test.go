package wrap_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/wrap"
)

const vault = "abcdefghijklmnopqrstuvwxyz"

func identity(t testing.TB, fill byte) wrap.Identity {
	t.Helper()
	i, err := wrap.NewIdentity(key(t, fill))
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func key(t testing.TB, fill byte) keys.Key {
	t.Helper()
	k, err := keys.KeyFromBytes(bytes.Repeat([]byte{fill}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func recipient(t testing.TB, i wrap.Identity) wrap.Recipient {
	t.Helper()
	r, err := wrap.ParseRecipient(i.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func wrapped(t testing.TB, to wrap.Recipient, c wrap.Context, k keys.Key) []byte {
	t.Helper()
	file, err := wrap.Wrap(to, c, k)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func role(epoch uint64) wrap.Context {
	return wrap.Context{Kind: wrap.Role, Vault: vault, Name: "developer", Epoch: epoch}
}

func TestWrapOpensOnlyToItsHolderAndAsWhatItIs(t *testing.T) {
	i, k := identity(t, 1), keys.NewKey()
	kinds := []wrap.Kind{wrap.Role, wrap.Environment, wrap.Names, wrap.Audit, wrap.RoleShare, wrap.CloudShare}
	context := func(kind wrap.Kind) wrap.Context {
		c := wrap.Context{Kind: kind, Vault: vault, Name: "production", Epoch: 2}
		if kind == wrap.Audit {
			c.Name = ""
		}
		return c
	}
	for _, kind := range kinds {
		file := wrapped(t, recipient(t, i), context(kind), k)
		if s, err := wrap.Inspect(file); err != nil || s.Type != "mlkem768x25519" || len(file) > wrap.MaxFile {
			t.Errorf("%s: %v %v", kind, s, err)
		}
		got, err := i.Unwrap(file, context(kind))
		if err != nil || !got.Equal(k) {
			t.Errorf("%s: %v", kind, err)
		}
		if _, err := identity(t, 2).Unwrap(file, context(kind)); !errors.Is(err, wrap.ErrNotHolder) {
			t.Errorf("%s to a stranger: %v", kind, err)
		}
		for _, other := range kinds {
			if _, err := i.Unwrap(file, context(other)); other != kind && !errors.Is(err, wrap.ErrTampered) {
				t.Errorf("%s as %s: %v", kind, other, err)
			}
		}
	}
}

func TestWrapIsBoundToVaultNameAndEpoch(t *testing.T) {
	i := identity(t, 1)
	file := wrapped(t, recipient(t, i), role(2), keys.NewKey())
	for _, c := range []wrap.Context{
		role(1), role(3),
		{Kind: wrap.Role, Vault: strings.ToUpper(vault), Name: "developer", Epoch: 2},
		{Kind: wrap.Role, Vault: vault, Name: "viewer", Epoch: 2},
		{Kind: wrap.Role, Vault: vault + "d", Name: "eveloper", Epoch: 2},
	} {
		if _, err := i.Unwrap(file, c); !errors.Is(err, wrap.ErrTampered) {
			t.Errorf("%v: %v", c, err)
		}
	}
	for _, c := range []wrap.Context{{Kind: "other", Vault: vault, Name: "x"}, {Kind: wrap.Audit, Vault: vault, Name: "x"}, {Kind: wrap.Role, Vault: vault}} {
		if _, err := wrap.Wrap(recipient(t, i), c, keys.NewKey()); err == nil {
			t.Errorf("%v was wrapped", c)
		}
	}
	if _, err := wrap.Wrap(recipient(t, i), role(1), keys.Key{}); err == nil {
		t.Error("no key was wrapped")
	}
	if _, err := wrap.Wrap(wrap.Recipient{}, role(1), keys.NewKey()); err == nil {
		t.Error("wrapped to nobody")
	}
}

// The inside of a file by somebody who has the key to write one: other sizes,
// other types, a second key behind the first.
func TestForgedPayloadIsRefused(t *testing.T) {
	i := identity(t, 1)
	r, err := age.ParseHybridRecipient(i.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, 64, 66, 130} {
		file := ageFile(t, bytes.Repeat([]byte{1}, n), r)
		if _, err := i.Unwrap(file, role(1)); !errors.Is(err, wrap.ErrMalformed) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if _, err := i.Unwrap(ageFile(t, make([]byte, 65), r), role(1)); !errors.Is(err, wrap.ErrTampered) {
		t.Errorf("zeros: %v", err)
	}
}

func ageFile(t testing.TB, data []byte, to ...age.Recipient) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := age.Encrypt(&b, to...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestEveryChangedByteOfAWrapIsRefused(t *testing.T) {
	i := identity(t, 1)
	file := wrapped(t, recipient(t, i), role(1), keys.NewKey())
	for n := range file {
		changed := bytes.Clone(file)
		changed[n] ^= 1
		if _, err := i.Unwrap(changed, role(1)); err == nil {
			t.Errorf("byte %d changed: taken", n)
		}
	}
	for n := range file {
		if _, err := wrap.Inspect(file[:n]); !errors.Is(err, wrap.ErrMalformed) {
			t.Errorf("cut to %d: %v", n, err)
		}
	}
	if _, err := wrap.Inspect(append(file, 0)); !errors.Is(err, wrap.ErrMalformed) {
		t.Errorf("a byte more: %v", err)
	}
}

// rawStanza adds any stanza to a file.
type rawStanza struct{ age.Stanza }

func (r rawStanza) Wrap([]byte) ([]*age.Stanza, error) { return []*age.Stanza{&r.Stanza}, nil }

// pair has two stanzas for one recipient, without the label that keeps them apart.
type pair struct{ a, b age.Recipient }

func (p pair) Wrap(fileKey []byte) ([]*age.Stanza, error) {
	a, err := p.a.Wrap(fileKey)
	if err != nil {
		return nil, err
	}
	b, err := p.b.Wrap(fileKey)
	return slices.Concat(a, b), err
}

func TestHiddenHoldersAreSeenWithoutAnyKey(t *testing.T) {
	payload := make([]byte, 65)
	hybrid := func(fill byte) age.Recipient {
		r, err := age.ParseHybridRecipient(identity(t, fill).Recipient())
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	x25519, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	scrypt, err := age.NewScryptRecipient("passphrase")
	if err != nil {
		t.Fatal(err)
	}
	scrypt.SetWorkFactor(1)
	grease := rawStanza{age.Stanza{Type: "x-grease", Args: []string{"a"}, Body: make([]byte, 9)}}
	for name, to := range map[string]age.Recipient{
		"second hybrid":      pair{hybrid(1), hybrid(2)},
		"hidden x25519":      pair{hybrid(1), x25519.Recipient()},
		"x25519 alone":       x25519.Recipient(),
		"passphrase":         scrypt,
		"grease after":       pair{hybrid(1), grease},
		"grease before":      pair{grease, hybrid(1)},
		"unknown type":       grease,
		"cloud without id":   rawStanza{age.Stanza{Type: "secr-aws", Body: []byte("x")}},
		"cloud id too short": rawStanza{age.Stanza{Type: "secr-aws", Args: []string{"abc"}, Body: []byte("x")}},
		"cloud body empty":   rawStanza{age.Stanza{Type: "secr-aws", Args: []string{vault}}},
		"cloud body large":   rawStanza{age.Stanza{Type: "secr-aws", Args: []string{vault}, Body: make([]byte, 5121)}},
		"other cloud":        rawStanza{age.Stanza{Type: "secr-ibm", Args: []string{vault}, Body: []byte("x")}},
		"hybrid short":       rawStanza{age.Stanza{Type: "mlkem768x25519", Args: []string{strings.Repeat("A", 1490)}, Body: make([]byte, 32)}},
		"hybrid body":        rawStanza{age.Stanza{Type: "mlkem768x25519", Args: []string{strings.Repeat("A", 1493) + "A"}, Body: make([]byte, 33)}},
		"hybrid two args":    rawStanza{age.Stanza{Type: "mlkem768x25519", Args: []string{strings.Repeat("A", 1493) + "A", "x"}, Body: make([]byte, 32)}},
	} {
		file := ageFile(t, payload, to)
		if s, err := wrap.Inspect(file); !errors.Is(err, wrap.ErrMalformed) {
			t.Errorf("%s: %v %v", name, s, err)
		}
	}
	if _, err := wrap.Inspect(ageFile(t, payload, hybrid(1))); err != nil {
		t.Errorf("one hybrid: %v", err)
	}
}

func TestRecipientHasOneSpellingAndNoTrap(t *testing.T) {
	good := identity(t, 1).Recipient()
	if r, err := wrap.ParseRecipient(good); err != nil || r.String() != good {
		t.Fatal(err)
	}
	if d := cmp.Diff(1959, len(good)); d != "" {
		t.Error(d)
	}
	x25519, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	bad := map[string]string{
		"empty": "", "upper case": strings.ToUpper(good), "classic": x25519.Recipient().String(),
		"cut": good[:len(good)-1], "space": good + " ", "line end": good + "\n",
	}
	point := func(b ...byte) []byte { return append(b, make([]byte, 32-len(b))...) }
	high := func(first byte) []byte {
		b := bytes.Repeat([]byte{0xff}, 32)
		b[0], b[31] = first, 0x7f
		return b
	}
	order8, err := hex.DecodeString("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")
	if err != nil {
		t.Fatal(err)
	}
	topBit := point(9)
	topBit[31] = 0x80
	for name, p := range map[string][]byte{
		"order 0": point(0), "order 1": point(1), "p-1": high(0xec), "p": high(0xed), "p+1": high(0xee), "p+9": high(0xf6), "order 8": order8, "top bit": topBit,
	} {
		bad["x25519 "+name] = respell(t, good, func(raw []byte) { copy(raw[1184:], p) })
	}
	bad["unreduced ML-KEM"] = respell(t, good, func(raw []byte) { raw[0], raw[1] = 0xff, raw[1]|0x0f })
	for name, text := range bad {
		if _, err := wrap.ParseRecipient(text); !errors.Is(err, wrap.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := wrap.ParseRecipient(respell(t, good, func(raw []byte) { copy(raw[1184:], point(9)) })); err != nil {
		t.Errorf("an honest point: %v", err)
	}
}

func TestSealToOpensForEachAndForNobodyElse(t *testing.T) {
	a, b, c := identity(t, 1), identity(t, 2), identity(t, 3)
	data := bytes.Repeat([]byte("receipts "), 20000)
	file, err := wrap.SealTo([]wrap.Recipient{recipient(t, a), recipient(t, b)}, data)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []wrap.Identity{a, b} {
		got, err := i.OpenFrom(file)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%v", err)
		}
	}
	if _, err := c.OpenFrom(file); !errors.Is(err, wrap.ErrNotHolder) {
		t.Error(err)
	}
	for _, n := range []int{len(file) - 1, len(file) - 70000, 100, 0} {
		if _, err := a.OpenFrom(file[:n]); !errors.Is(err, wrap.ErrTampered) {
			t.Errorf("cut to %d: %v", n, err)
		}
	}
	if _, err := wrap.SealTo(nil, data); err == nil {
		t.Error("sealed to nobody")
	}
}

func inspect(t testing.TB, file []byte) wrap.Stanza {
	t.Helper()
	s, err := wrap.Inspect(file)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestIdentityIsNeverPrinted(t *testing.T) {
	i := identity(t, '0')
	nested := struct{ i wrap.Identity }{i}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q", "%t"} {
		out := fmt.Sprintf(verb+verb, i, nested)
		for _, leak := range []string{"30303030", "AGE-SECRET", "48 48 48", "0x30, 0x30"} {
			if strings.Contains(strings.ToUpper(out), strings.ToUpper(leak)) {
				t.Errorf("%s: %s", verb, out)
			}
		}
	}
}

// The identity is the one that age itself gives for the seed.
func TestStockAgeOpensAWrap(t *testing.T) {
	i := identity(t, 1)
	file := wrapped(t, recipient(t, i), role(1), key(t, 9))
	stock, err := age.ParseHybridIdentity(spelled(t, bytes.Repeat([]byte{1}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(stock.Recipient().String(), i.Recipient()); d != "" {
		t.Fatal(d)
	}
	r, err := age.Decrypt(bytes.NewReader(file), stock)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if len(payload) != 65 || payload[0] != 1 || !bytes.Equal(payload[33:], bytes.Repeat([]byte{9}, 32)) {
		t.Errorf("payload %x", payload)
	}
}

func FuzzInspect(f *testing.F) {
	i := identity(f, 1)
	f.Add(wrapped(f, recipient(f, i), role(1), key(f, 2)))
	f.Add(wrapped(f, cloud(vault).Recipient(), role(1), key(f, 2)))
	f.Fuzz(func(t *testing.T, file []byte) {
		if _, err := wrap.Inspect(file); err != nil {
			return
		}
		// What Inspect takes, age must read as the same one stanza.
		header, err := age.ExtractHeader(bytes.NewReader(file))
		if err != nil {
			t.Fatalf("age refuses what Inspect took: %v", err)
		}
		if len(file)-len(header) != 16+65+16 {
			t.Errorf("a payload of %d bytes", len(file)-len(header))
		}
	})
}
