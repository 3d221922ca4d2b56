package keys_test

import (
	"encoding/hex"
	"errors"
	"flag"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/vectortest"
)

const vectorDir = "../docs/spec/vectors/keys"

var writeVectors = flag.Bool("write-vectors", false, "add the vectors that are missing")

func TestVectors(t *testing.T) {
	if *writeVectors {
		for name, c := range newVectors() {
			if c.Class == "ok" && c.Out == nil {
				class, out := outcome(t, c)
				if class != c.Class {
					t.Fatalf("%s: class %s, want %s", name, class, c.Class)
				}
				c.Out = out
			}
			vectortest.Write(t, vectorDir, name, c)
		}
	}
	vectortest.Run(t, vectorDir, "keys.", func(t *testing.T, c vectortest.Case) {
		class, out := outcome(t, c)
		if class != c.Class {
			t.Errorf("class %s, want %s", class, c.Class)
		}
		if d := cmp.Diff(c.Out, out); d != "" {
			t.Errorf("outcome (-want +got):\n%s", d)
		}
	})
}

// outcome does what the case says, and names the class of what came of it.
func outcome(t *testing.T, c vectortest.Case) (class string, out map[string]string) {
	t.Helper()
	one := func(s string) (string, map[string]string) { return "ok", map[string]string{"out": s} }
	switch c.Op {
	case "keys.id":
		var parts [][]byte
		for i := 0; ; i++ {
			if _, ok := c.In["part"+strconv.Itoa(i)]; !ok {
				break
			}
			parts = append(parts, c.Bytes(t, "part"+strconv.Itoa(i)))
		}
		return one(keys.ID(c.In["domain"], parts...))
	case "keys.vault-id":
		return one(keys.VaultID(c.Bytes(t, "vault.json")))
	case "keys.device":
		sign, age := keys.DeviceSeeds(seed(t, c.Bytes(t, "seed")), [32]byte(c.Bytes(t, "nonce")))
		return "ok", map[string]string{"sign": hex.EncodeToString(sign.Reveal()), "age": hex.EncodeToString(age.Reveal())}
	case "keys.derive":
		return one(hex.EncodeToString(keys.Derive(key(t, c.Bytes(t, "key")), c.In["info"]).Reveal()))
	case "keys.two-of-two":
		return one(hex.EncodeToString(keys.TwoOfTwo(key(t, c.Bytes(t, "role")), key(t, c.Bytes(t, "cloud"))).Reveal()))
	case "keys.invite":
		return one(hex.EncodeToString(keys.InviteKey(keys.NewSecret(c.Bytes(t, "secret"))).Reveal()))
	case "keys.secret-id":
		return one(keys.SecretID(key(t, c.Bytes(t, "key")), c.In["name"]))
	case "keys.commitment":
		epoch, err := strconv.ParseUint(c.In["epoch"], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return one(keys.Commit(c.In["kind"], c.In["vault"], c.In["name"], epoch, key(t, c.Bytes(t, "key"))))
	case "keys.words":
		n, err := strconv.Atoi(c.In["n"])
		if err != nil {
			t.Fatal(err)
		}
		return one(keys.Words(c.Bytes(t, "data"), n))
	case "keys.pad":
		return one(hex.EncodeToString(keys.Pad(c.Bytes(t, "data"))))
	}
	return parsed(t, c)
}

func parsed(t *testing.T, c vectortest.Case) (class string, out map[string]string) {
	t.Helper()
	var b []byte
	var err error
	switch c.Op {
	case "keys.unpad":
		b, err = keys.Unpad(c.Bytes(t, "padded"))
	case "keys.open":
		b, err = keys.Open(key(t, c.Bytes(t, "key")), c.Bytes(t, "ad"), c.Bytes(t, "sealed"))
	case "keys.token":
		var s keys.Seed
		s, err = keys.ParseToken(c.In["token"])
		b = s.Reveal()
	default:
		t.Fatalf("unknown op %s", c.Op)
	}
	switch {
	case err == nil:
		return "ok", map[string]string{"out": hex.EncodeToString(b)}
	case errors.Is(err, keys.ErrOpen):
		return "tampered", nil
	case errors.Is(err, keys.ErrMalformed):
		return "malformed", nil
	}
	t.Fatal(err)
	return "", nil
}

func seed(t *testing.T, b []byte) keys.Seed {
	t.Helper()
	s, err := keys.SeedFromBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func key(t *testing.T, b []byte) keys.Key {
	t.Helper()
	k, err := keys.KeyFromBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// newVectors says how the vectors were made; seals are random, so only the
// published files are the vectors.
func newVectors() map[string]vectortest.Case {
	h := func(b string) string { return hex.EncodeToString([]byte(b)) }
	in := func(pairs ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return m
	}
	const a, b = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff"
	ok := func(op, note string, pairs ...string) vectortest.Case {
		return vectortest.Case{Op: op, Class: "ok", Note: note, In: in(pairs...)}
	}
	bad := func(op, class, note string, pairs ...string) vectortest.Case {
		return vectortest.Case{Op: op, Class: class, Note: note, In: in(pairs...)}
	}
	m := map[string]vectortest.Case{
		"id-no-parts":            ok("keys.id", "an id of no parts", "domain", "secr/1 test"),
		"id-two-parts":           ok("keys.id", "parts are joined with their lengths", "domain", "secr/1 device", "part0", a, "part1", h("age1pq1example")),
		"id-parts-shifted":       ok("keys.id", "another split of the same bytes is another id", "domain", "secr/1 device", "part0", a+h("age1pq1"), "part1", h("example")),
		"vault-id":               ok("keys.vault-id", "no domain: the hash of the file itself", "vault.json", h("{\n  \"format\": 1\n}\n")),
		"device":                 ok("keys.device", "device keys of one vault", "seed", a, "nonce", b),
		"device-other-vault":     ok("keys.device", "another nonce, other keys", "seed", a, "nonce", a),
		"derive-names":           ok("keys.derive", "the names key of an environment key", "key", a, "info", "secr/1 names key"),
		"derive-value":           ok("keys.derive", "the value key of an environment key", "key", a, "info", "secr/1 value key"),
		"two-of-two":             ok("keys.two-of-two", "role share first, cloud share second", "role", a, "cloud", b),
		"invite":                 ok("keys.invite", "from 16 bytes", "secret", a[:32]),
		"secret-id":              ok("keys.secret-id", "", "key", a, "name", "DATABASE_URL"),
		"secret-id-utf8":         ok("keys.secret-id", "the name's bytes count, nothing is normalised", "key", a, "name", "caf\u00e9"),
		"commitment-environment": ok("keys.commitment", "", "kind", "environment", "vault", "abcdefghijklmnopqrstuvwxyz", "name", "production", "epoch", "3", "key", a),
		"commitment-id":          ok("keys.commitment", "id keys have epoch 0", "kind", "id", "vault", "abcdefghijklmnopqrstuvwxyz", "name", "production", "epoch", "0", "key", b),
		"words-6":                ok("keys.words", "", "data", a, "n", "6"),
		"words-empty":            ok("keys.words", "", "data", "", "n", "16"),
	}
	for _, n := range []int{0, 1, 60, 61, 68, 69, 124, 125, 1000} {
		m["pad-"+strconv.Itoa(n)] = ok("keys.pad", "", "data", strings.Repeat("61", n))
	}
	pad := func(n int) []byte { return keys.Pad([]byte(strings.Repeat("a", n))) }
	set := func(p []byte, i int, v byte) string { p[i] = v; return hex.EncodeToString(p) }
	m["unpad-empty-value"] = ok("keys.unpad", "", "padded", hex.EncodeToString(pad(0)))
	m["unpad-full"] = ok("keys.unpad", "no zeros at all", "padded", hex.EncodeToString(pad(60)))
	m["unpad-nothing"] = bad("keys.unpad", "malformed", "fewer than 64 bytes", "padded", "")
	m["unpad-short"] = bad("keys.unpad", "malformed", "fewer than 64 bytes", "padded", hex.EncodeToString(pad(1)[:63]))
	m["unpad-not-zero"] = bad("keys.unpad", "malformed", "the last byte of the padding", "padded", set(pad(10), 63, 1))
	m["unpad-longer"] = bad("keys.unpad", "malformed", "more padding than the length asks for", "padded", hex.EncodeToString(append(pad(10), make([]byte, 8)...)))
	m["unpad-length-too-big"] = bad("keys.unpad", "malformed", "states more bytes than there are", "padded", set(pad(60), 3, 61))
	m["unpad-length-huge"] = bad("keys.unpad", "malformed", "states 4 GiB", "padded", "ffffffff"+strings.Repeat("00", 60))

	sealed := hex.EncodeToString(keys.Seal(mustKey(a), []byte("ad"), []byte("plaintext")))
	flip := func(s string, i int) string {
		raw, _ := hex.DecodeString(s)
		raw[i] ^= 1
		return hex.EncodeToString(raw)
	}
	m["open"] = ok("keys.open", "nonce, ciphertext, tag", "key", a, "ad", h("ad"), "sealed", sealed)
	m["open-empty"] = ok("keys.open", "nothing sealed is 28 bytes", "key", a, "ad", "", "sealed", hex.EncodeToString(keys.Seal(mustKey(a), nil, nil)))
	m["open-other-key"] = bad("keys.open", "tampered", "", "key", b, "ad", h("ad"), "sealed", sealed)
	m["open-other-ad"] = bad("keys.open", "tampered", "", "key", a, "ad", h("da"), "sealed", sealed)
	m["open-nonce-changed"] = bad("keys.open", "tampered", "", "key", a, "ad", h("ad"), "sealed", flip(sealed, 0))
	m["open-ciphertext-changed"] = bad("keys.open", "tampered", "", "key", a, "ad", h("ad"), "sealed", flip(sealed, 12))
	m["open-tag-changed"] = bad("keys.open", "tampered", "", "key", a, "ad", h("ad"), "sealed", flip(sealed, 36))
	m["open-cut"] = bad("keys.open", "tampered", "27 bytes", "key", a, "ad", "", "sealed", strings.Repeat("00", 27))

	token := string(keys.FormatToken(mustSeed(a)).Reveal())
	m["token"] = ok("keys.token", "", "token", token)
	m["token-check-wrong"] = bad("keys.token", "malformed", "one character changed", "token", token[:20]+swap(token[20:21])+token[21:])
	m["token-upper-case"] = bad("keys.token", "malformed", "one spelling only", "token", token[:9]+strings.ToUpper(token[9:]))
	m["token-cut"] = bad("keys.token", "malformed", "", "token", token[:len(token)-1])
	m["token-line-end"] = bad("keys.token", "malformed", "whoever reads a file removes the line end first", "token", token+"\n")
	m["token-line-end-inside"] = bad("keys.token", "malformed", "base32 decoders may skip line ends", "token", token[:30]+"\n"+token[31:])
	m["token-padding"] = bad("keys.token", "malformed", "", "token", token+"======")
	m["token-trailing-bits"] = bad("keys.token", "malformed", "the last character has two bits that must be zero", "token", token[:len(token)-1]+swap(token[len(token)-1:]))
	m["token-other-prefix"] = bad("keys.token", "malformed", "", "token", "secrtok2_"+token[9:])
	m["token-empty"] = bad("keys.token", "malformed", "", "token", "")
	return m
}

func swap(char string) string {
	const alphabet = "abcdefghijklmnopqrstuvwxyz234567"
	return string(alphabet[strings.Index(alphabet, char)^1])
}

func mustSeed(text string) keys.Seed {
	b, _ := hex.DecodeString(text)
	s, err := keys.SeedFromBytes(b)
	if err != nil {
		panic(err)
	}
	return s
}

func mustKey(text string) keys.Key {
	b, _ := hex.DecodeString(text)
	k, err := keys.KeyFromBytes(b)
	if err != nil {
		panic(err)
	}
	return k
}
