package wrap_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"strconv"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/btcsuite/btcd/btcutil/bech32"
	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/vectortest"
	"github.com/secr/secr/keys/wrap"
)

const vectorDir = "../../docs/spec/vectors/keys"

var writeVectors = flag.Bool("write-vectors", false, "add the vectors that are missing")

func TestVectors(t *testing.T) {
	if *writeVectors {
		for name, c := range newVectors(t) {
			vectortest.Write(t, vectorDir, name, c)
		}
	}
	vectortest.Run(t, vectorDir, "wrap.", func(t *testing.T, c vectortest.Case) {
		out, err := outcome(t, c)
		class := "ok"
		switch {
		case errors.Is(err, wrap.ErrMalformed):
			class = "malformed"
		case errors.Is(err, wrap.ErrTampered):
			class = "tampered"
		case errors.Is(err, wrap.ErrNotHolder):
			class = "not-holder"
		case err != nil:
			t.Fatal(err)
		}
		if class != c.Class {
			t.Errorf("class %s, want %s: %v", class, c.Class, err)
		}
		if d := cmp.Diff(c.Out["out"], out); d != "" {
			t.Error(d)
		}
	})
}

func outcome(t *testing.T, c vectortest.Case) (string, error) {
	t.Helper()
	of := func(name string) wrap.Identity {
		k, err := keys.KeyFromBytes(c.Bytes(t, name))
		if err != nil {
			t.Fatal(err)
		}
		i, err := wrap.NewIdentity(k)
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	switch c.Op {
	case "wrap.identity":
		return of("seed").Recipient(), nil
	case "wrap.recipient":
		r, err := wrap.ParseRecipient(c.In["recipient"])
		return r.String(), err
	case "wrap.inspect":
		s, err := wrap.Inspect(c.Bytes(t, "file"))
		return strings.TrimSpace(s.Type + " " + s.CloudKey), err
	case "wrap.unwrap":
		epoch, err := strconv.ParseUint(c.In["epoch"], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		k, err := of("seed").Unwrap(c.Bytes(t, "file"), wrap.Context{Kind: wrap.Kind(c.In["kind"]), Vault: c.In["vault"], Name: c.In["name"], Epoch: epoch})
		return hex.EncodeToString(k.Reveal()), err
	}
	t.Fatalf("unknown op %s", c.Op)
	return "", nil
}

func newVectors(t *testing.T) map[string]vectortest.Case {
	i := identity(t, 1)
	seed1, seed2 := strings.Repeat("01", 32), strings.Repeat("02", 32)
	file := wrapped(t, recipient(t, i), role(2), key(t, 9))
	audit := wrapped(t, recipient(t, i), wrap.Context{Kind: wrap.Audit, Vault: vault, Epoch: 1}, key(t, 9))
	clouded := wrapped(t, cloud(vault).Recipient(), role(2), key(t, 9))
	hybrid, err := age.ParseHybridRecipient(i.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	second, err := age.ParseHybridRecipient(identity(t, 2).Recipient())
	if err != nil {
		t.Fatal(err)
	}
	grease := rawStanza{age.Stanza{Type: "x-grease", Args: []string{"a"}, Body: make([]byte, 9)}}
	unwrap := func(class, note, seed, kind, name, epoch string, file []byte, out string) vectortest.Case {
		c := vectortest.Case{Op: "wrap.unwrap", Class: class, Note: note, In: map[string]string{
			"seed": seed, "kind": kind, "vault": vault, "name": name, "epoch": epoch, "file": hex.EncodeToString(file)}}
		if out != "" {
			c.Out = map[string]string{"out": out}
		}
		return c
	}
	shape := func(class, note string, file []byte, out string) vectortest.Case {
		c := vectortest.Case{Op: "wrap.inspect", Class: class, Note: note, In: map[string]string{"file": hex.EncodeToString(file)}}
		if out != "" {
			c.Out = map[string]string{"out": out}
		}
		return c
	}
	text := func(class, note, r string) vectortest.Case {
		c := vectortest.Case{Op: "wrap.recipient", Class: class, Note: note, In: map[string]string{"recipient": r}}
		if class == "ok" {
			c.Out = map[string]string{"out": r}
		}
		return c
	}
	good, nine := i.Recipient(), strings.Repeat("09", 32)
	const hybridType = "mlkem768x25519"
	return map[string]vectortest.Case{
		"identity":                  {Op: "wrap.identity", Class: "ok", Note: "the recipient of a seed", In: map[string]string{"seed": seed1}, Out: map[string]string{"out": good}},
		"recipient":                 text("ok", "", good),
		"recipient-upper-case":      text("malformed", "bech32 allows it, we do not", strings.ToUpper(good)),
		"recipient-cut":             text("malformed", "", good[:len(good)-1]),
		"recipient-low-order":       text("malformed", "X25519 part is 1", respell(t, good, func(b []byte) { copy(b[1184:], append([]byte{1}, make([]byte, 31)...)) })),
		"recipient-top-bit":         text("malformed", "X25519 part has bit 255", respell(t, good, func(b []byte) { b[1215] |= 0x80 })),
		"recipient-unreduced":       text("malformed", "ML-KEM part has a coefficient above 3328", respell(t, good, func(b []byte) { b[0], b[1] = 0xff, b[1]|0x0f })),
		"unwrap-role":               unwrap("ok", "", seed1, "role", "developer", "2", file, nine),
		"unwrap-audit":              unwrap("ok", "the audit key has no name", seed1, "audit", "", "1", audit, nine),
		"unwrap-other-epoch":        unwrap("tampered", "", seed1, "role", "developer", "3", file, ""),
		"unwrap-other-kind":         unwrap("tampered", "", seed1, "environment", "developer", "2", file, ""),
		"unwrap-other-name":         unwrap("tampered", "", seed1, "role", "viewer", "2", file, ""),
		"unwrap-other-holder":       unwrap("not-holder", "", seed2, "role", "developer", "2", file, ""),
		"unwrap-mac-changed":        unwrap("tampered", "well formed, but the header's MAC", seed1, "role", "developer", "2", swapMAC(t, file), ""),
		"unwrap-payload-changed":    unwrap("tampered", "last byte", seed1, "role", "developer", "2", flipLast(file), ""),
		"inspect-hybrid":            shape("ok", "", file, hybridType),
		"inspect-cloud":             shape("ok", "", clouded, "secr-gcp "+vault),
		"inspect-two-stanzas":       shape("malformed", "a hidden second holder", ageFile(t, make([]byte, 65), pair{hybrid, second}), ""),
		"inspect-grease":            shape("malformed", "grease after", ageFile(t, make([]byte, 65), pair{hybrid, grease}), ""),
		"inspect-grease-first":      shape("malformed", "grease before", ageFile(t, make([]byte, 65), pair{grease, hybrid}), ""),
		"inspect-payload-64":        shape("malformed", "64 bytes inside", ageFile(t, make([]byte, 64), hybrid), ""),
		"inspect-payload-66":        shape("malformed", "66 bytes inside", ageFile(t, make([]byte, 66), hybrid), ""),
		"inspect-trailing":          shape("malformed", "", append(bytes.Clone(file), 0), ""),
		"inspect-cut":               shape("malformed", "", file[:len(file)-1], ""),
		"inspect-empty":             shape("malformed", "", nil, ""),
		"inspect-armored":           shape("malformed", "age's text armor", []byte("-----BEGIN AGE ENCRYPTED FILE-----\n"), ""),
		"inspect-crlf":              shape("malformed", "", bytes.Replace(file, []byte("v1\n"), []byte("v1\r\n"), 1), ""),
		"inspect-trailing-bits":     shape("malformed", "the body's last character has bits that must be zero", trailingBits(t, file), ""),
		"inspect-two-spaces":        shape("malformed", "", bytes.Replace(file, []byte("-> mlkem"), []byte("->  mlkem"), 1), ""),
		"inspect-cloud-no-id":       shape("malformed", "", ageFile(t, make([]byte, 65), rawStanza{age.Stanza{Type: "secr-aws", Body: []byte("x")}}), ""),
		"inspect-cloud-body-large":  shape("malformed", "5121 bytes", ageFile(t, make([]byte, 65), rawStanza{age.Stanza{Type: "secr-aws", Args: []string{vault}, Body: make([]byte, 5121)}}), ""),
		"inspect-cloud-body-limit":  shape("ok", "5120 bytes", ageFile(t, make([]byte, 65), rawStanza{age.Stanza{Type: "secr-aws", Args: []string{vault}, Body: make([]byte, 5120)}}), "secr-aws "+vault),
		"inspect-cloud-body-column": shape("ok", "a body of full lines ends with an empty one", ageFile(t, make([]byte, 65), rawStanza{age.Stanza{Type: "secr-azure", Args: []string{vault}, Body: make([]byte, 96)}}), "secr-azure "+vault),
	}
}

func flipLast(file []byte) []byte {
	out := bytes.Clone(file)
	out[len(out)-1] ^= 1
	return out
}

func swapMAC(t *testing.T, file []byte) []byte {
	t.Helper()
	at := bytes.Index(file, []byte("\n--- "))
	out := bytes.Clone(file)
	if out[at+5] == 'A' {
		out[at+5] = 'B'
	} else {
		out[at+5] = 'A'
	}
	return out
}

// trailingBits respells the last character of the stanza's body.
func trailingBits(t *testing.T, file []byte) []byte {
	t.Helper()
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	at := bytes.Index(file, []byte("\n--- ")) - 1
	out := bytes.Clone(file)
	out[at] = alphabet[strings.IndexByte(alphabet, out[at])|1]
	return out
}

// respell changes the raw key inside a recipient and spells it again.
func respell(t *testing.T, text string, change func(raw []byte)) string {
	t.Helper()
	prefix, groups, err := bech32.DecodeNoLimit(text)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := bech32.ConvertBits(groups, 5, 8, false)
	if err != nil {
		t.Fatal(err)
	}
	change(raw)
	out, err := bech32.EncodeFromBase256(prefix, raw)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func spelled(t *testing.T, seed []byte) string {
	t.Helper()
	out, err := bech32.EncodeFromBase256("age-secret-key-pq-", seed)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ToUpper(out)
}
