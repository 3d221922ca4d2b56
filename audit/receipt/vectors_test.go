package receipt_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/audit/receipt"
	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/vectortest"
)

const vectorDir = "../../docs/spec/vectors/receipt"

var writeVectors = flag.Bool("write-vectors", false, "add the vectors that are missing")

func TestVectors(t *testing.T) {
	if *writeVectors {
		for name, c := range newVectors(t) {
			if c.Class == "ok" {
				class, out := outcome(t, c)
				if class != "ok" {
					t.Fatalf("%s is %s", name, class)
				}
				c.Out = out
			}
			vectortest.Write(t, vectorDir, name, c)
		}
	}
	vectortest.Run(t, vectorDir, "receipt.", func(t *testing.T, c vectortest.Case) {
		class, out := outcome(t, c)
		if class != c.Class {
			t.Errorf("class %s, want %s", class, c.Class)
		}
		if d := cmp.Diff(c.Out, out); d != "" {
			t.Error(d)
		}
	})
}

func outcome(t *testing.T, c vectortest.Case) (class string, out map[string]string) {
	t.Helper()
	switch c.Op {
	case "receipt.decode":
		plaintext := c.Bytes(t, "plaintext")
		r, err := receipt.Decode(plaintext)
		if errors.Is(err, receipt.ErrMalformed) {
			return "malformed", nil
		}
		if err != nil {
			t.Fatal(err)
		}
		sum := receipt.Entry{Receipt: r, Plaintext: plaintext}.Sum()
		return "ok", map[string]string{"number": fmt.Sprint(r.Number), "sum": hex.EncodeToString(sum[:])}
	case "receipt.log":
		return readLog(t, c)
	}
	t.Fatalf("unknown op %s", c.Op)
	return "", nil
}

func readLog(t *testing.T, c vectortest.Case) (class string, out map[string]string) {
	t.Helper()
	s, err := keys.SeedFromBytes(c.Bytes(t, "seed"))
	if err != nil {
		t.Fatal(err)
	}
	v := newVault(t)
	l, err := receipt.NewLog(v, deviceID, receipt.Root(s))
	if err != nil {
		t.Fatal(err)
	}
	if c.In["vault"] != vaultID || c.In["device"] != deviceID {
		t.Fatal("another vault or device")
	}
	if err := os.MkdirAll(v.State(), 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, v, c.Bytes(t, "log"))
	if sent, ok := c.In["sent"]; ok {
		if err := os.WriteFile(path(v)+".sent", []byte(sent), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, err := l.Read(patient(t))
	var numbers []string
	for _, e := range p.Entries {
		numbers = append(numbers, fmt.Sprint(e.Number))
	}
	out = map[string]string{"numbers": strings.Join(numbers, " "), "unreadable": fmt.Sprint(p.Unreadable)}
	var broken *receipt.ChainError
	switch {
	case errors.As(err, &broken):
		return "tampered", nil
	case err != nil:
		return "malformed", nil
	}
	return "ok", out
}

func newVectors(t *testing.T) map[string]vectortest.Case {
	r := reading("npm")
	r.Number, r.Previous, r.Salt, r.Vault, r.Device = 1, zeros, salt, vaultID, deviceID
	plain, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	some := r
	some.All, some.Secrets = false, []receipt.Secret{{ID: strings.Repeat("0a", 20), Version: 3}}
	some.Program, some.SSH, some.CI, some.Agent, some.Lost = "a<b>&\u2028\"", "198.51.100.4 50022", "github a/b 7", "robot", 17
	somePlain, err := some.Encode()
	if err != nil {
		t.Fatal(err)
	}
	decode := func(class, note string, b []byte) vectortest.Case {
		return vectortest.Case{Op: "receipt.decode", Class: class, Note: note, In: map[string]string{"plaintext": hex.EncodeToString(b)}}
	}
	edit := func(from, to string) []byte { return bytes.Replace(plain, []byte(from), []byte(to), 1) }
	m := map[string]vectortest.Case{
		"decode-all":            decode("ok", "every secret of the state", plain),
		"decode-some":           decode("ok", "one secret; characters that JSON encoders may escape", somePlain),
		"decode-magic":          decode("malformed", "another magic", edit("secr/1", "secr/2")),
		"decode-unknown-field":  decode("malformed", "", edit(`"number"`, `"x":1,"number"`)),
		"decode-duplicate":      decode("malformed", "a field twice", edit(`"number":1`, `"number":2,"number":1`)),
		"decode-missing":        decode("malformed", "a field is not there", edit(`"ci":"",`, ``)),
		"decode-null":           decode("malformed", "no list", edit(`"secrets":[]`, `"secrets":null`)),
		"decode-space":          decode("malformed", "a second spelling", edit(`"number":`, `"number": `)),
		"decode-no-line-end":    decode("malformed", "", plain[:len(plain)-1]),
		"decode-trailing":       decode("malformed", "", append(bytes.Clone(plain), '\n')),
		"decode-number-0":       decode("malformed", "", edit(`"number":1`, `"number":0`)),
		"decode-upper-case-hex": decode("malformed", "", edit(salt, strings.ToUpper(salt))),
		"decode-all-and-some":   decode("malformed", "all, and a list", edit(`"secrets":[]`, `"secrets":[{"id":"`+strings.Repeat("0a", 20)+`","version":1}]`)),
		"decode-empty":          decode("malformed", "", nil),
	}
	logVectors(t, m)
	return m
}

func logVectors(t *testing.T, m map[string]vectortest.Case) {
	v := newVault(t)
	l := newLog(t, v, deviceID)
	add(t, l, "a")
	one := len(content(t, v))
	add(t, l, "b")
	two := len(content(t, v))
	add(t, l, "c")
	good := content(t, v)
	p := pending(t, l, "a", "b", "c")
	entry := func(class, note string, log []byte) vectortest.Case {
		return vectortest.Case{Op: "receipt.log", Class: class, Note: note, In: map[string]string{
			"seed": hex.EncodeToString(bytes.Repeat([]byte{7}, 32)), "vault": vaultID, "device": deviceID, "log": hex.EncodeToString(log)}}
	}
	flip := bytes.Clone(good)
	flip[one+10] ^= 1
	m["log"] = entry("ok", "three receipts", good)
	m["log-empty"] = entry("ok", "", nil)
	m["log-torn"] = entry("ok", "the third is cut short", good[:len(good)-5])
	m["log-zeros"] = entry("ok", "zeros after the third", append(bytes.Clone(good), make([]byte, 100)...))
	m["log-changed"] = entry("tampered", "one bit of the second", flip)
	m["log-gap"] = entry("tampered", "the second is missing", slice(good[:one], good[two:]))
	m["log-swapped"] = entry("tampered", "second and third", slice(good[:one], good[two:], good[one:two]))
	m["log-first-missing"] = entry("tampered", "and nothing was sent", good[one:])
	sent := entry("ok", "the first was sent and is skipped", good)
	sum := p.Entries[0].Sum()
	sent.In["sent"] = fmt.Sprintf("secr/1 receipts sent\n1 %x\n", sum)
	m["log-sent"] = sent
	other := entry("tampered", "another receipt was sent as the first", good)
	other.In["sent"] = "secr/1 receipts sent\n1 " + zeros + "\n"
	m["log-sent-other"] = other
	spelled := entry("malformed", "a second spelling of what was sent", good)
	spelled.In["sent"] = fmt.Sprintf("secr/1 receipts sent\n01 %x\n", sum)
	m["log-sent-malformed"] = spelled
}

func slice(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func FuzzDecode(f *testing.F) {
	r := reading("npm")
	r.Number, r.Previous, r.Salt, r.Vault, r.Device = 1, zeros, salt, vaultID, deviceID
	plain, err := r.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(plain)
	f.Add([]byte("secr/1 receipt\n{}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := receipt.Decode(b)
		if err != nil {
			return
		}
		if again, err := r.Encode(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("a second spelling: %v", err)
		}
	})
}

// Any bytes as a log: read and appended to without a panic, and what was
// appended is the last that is read.
func FuzzLog(f *testing.F) {
	v := newVault(f)
	l := newLog(f, v, deviceID)
	add(f, l, "a")
	add(f, l, "b")
	f.Add(content(f, v))
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		put(t, v, b)
		if _, err := l.Read(patient(t)); err != nil {
			var broken *receipt.ChainError
			if !errors.As(err, &broken) {
				t.Fatal(err)
			}
		}
		a := add(t, l, "next")
		p, _ := l.Read(patient(t))
		if n := len(p.Entries); n == 0 || p.Entries[n-1].Program != "next" || p.Entries[n-1].Number != a.Number {
			t.Errorf("what was appended is not the last: %d entries", n)
		}
	})
}
