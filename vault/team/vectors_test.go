package team_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/vectortest"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/team"
	"github.com/secr/secr/vault/vaulttest"
)

const vectorDir = "../../docs/spec/vectors/join"

var writeVectors = flag.Bool("write-vectors", false, "add the vectors that are missing")

func TestVectors(t *testing.T) {
	if *writeVectors {
		addVectors(t)
	}
	vectortest.Run(t, vectorDir, "join.", func(t *testing.T, c vectortest.Case) {
		class, out := outcome(t, c)
		if class != c.Class {
			t.Errorf("class %s, want %s", class, c.Class)
		}
		if diff := cmp.Diff(c.Out, out); diff != "" {
			t.Error(diff)
		}
	})
}

func outcome(t *testing.T, c vectortest.Case) (string, map[string]string) {
	t.Helper()
	switch c.Op {
	case "join.line":
		l, err := team.ParseLine(c.In["line"])
		if err != nil {
			return "malformed", nil
		}
		return "ok", map[string]string{
			"vault": l.Vault, "nonce": hex.EncodeToString(l.Nonce[:]), "floor": l.Floor.String(), "expires": fmt.Sprint(l.Expires),
			"handle": l.Handle, "remote": l.Remote, "secret": hex.EncodeToString(l.Secret.Reveal()), "invite": l.InviteID(),
		}
	case "join.request":
		r, err := team.ParseRequest([]byte(c.In["request"]))
		if err != nil {
			return "malformed", nil
		}
		return "ok", map[string]string{"device": r.DeviceID(), "fingerprint": r.Fingerprint()}
	case "join.proof":
		r, err := team.ParseRequest([]byte(c.In["request"]))
		if err != nil {
			t.Fatal(err)
		}
		err = r.Proves(keys.InviteKey(keys.NewSecret(c.Bytes(t, "secret"))))
		if errors.Is(err, team.ErrProof) {
			return "tampered", nil
		}
		if err != nil {
			t.Fatal(err)
		}
		return "ok", nil
	}
	t.Fatalf("unknown op %s", c.Op)
	return "", nil
}

func addVectors(t *testing.T) {
	t.Helper()
	raw := make([]byte, keys.Size)
	for i := range raw {
		raw[i] = byte(i)
	}
	seed, err := keys.SeedFromBytes(raw)
	if err != nil {
		t.Fatal(err)
	}
	l := team.Line{
		Place: team.Place{Vault: "abcdefghijklmnopqrstuvwxyz", Nonce: [32]byte{1, 2, 3}},
		Floor: chain.Point{Seq: 41, Sum: [32]byte{4, 5, 6}}, Expires: vaulttest.Now, Handle: "ben",
		Remote: "https://example.org/team/app.git", Secret: keys.NewSecret(raw[:16]),
	}
	bare := l
	bare.Remote = ""
	add := func(op, name, class, note string, in map[string]string) {
		c := vectortest.Case{Op: op, Class: class, Note: note, In: in}
		got, out := outcome(t, c)
		if got != class {
			t.Fatalf("%s: %s", name, got)
		}
		c.Out = out
		vectortest.Write(t, vectorDir, name, c)
	}
	line := func(name, class, note, text string) {
		add("join.line", "line-"+name, class, note, map[string]string{"line": text})
	}
	text := string(l.Text().Reveal())
	line("ok", "ok", "", text)
	line("ok-no-remote", "ok", "", string(bare.Text().Reveal()))
	line("cut", "malformed", "one character is missing", text[:len(text)-1])
	line("longer", "malformed", "", text+"a")
	line("upper-case", "malformed", "", strings.ToUpper(text))
	line("check-wrong", "malformed", "", text[:40]+"a"+text[41:])
	line("token", "malformed", "a token is no invite", string(keys.FormatToken(seed).Reveal()))
	for name, alter := range map[string]func(*team.Line){
		"no-handle":      func(x *team.Line) { x.Handle = "" },
		"handle-is-path": func(x *team.Line) { x.Handle = "../ben" },
		"seq-zero":       func(x *team.Line) { x.Floor.Seq = 0 },
		"remote-escapes": func(x *team.Line) { x.Remote = "https://a\x1b[2J" },
		"remote-space":   func(x *team.Line) { x.Remote = "https://a b" },
		"no-expiry":      func(x *team.Line) { x.Expires = 0 },
	} {
		bad := l
		alter(&bad)
		line(name, "malformed", "well spelled, its check is right", string(bad.Text().Reveal()))
	}
	r, err := team.NewRequest(seed, l, team.RequestOptions{Handle: "ben", Name: "Ben Å", Email: "ben@example.org", Device: "laptop", Kind: policy.Machine})
	if err != nil {
		t.Fatal(err)
	}
	good, err := r.Text()
	if err != nil {
		t.Fatal(err)
	}
	request := func(name, class string, text []byte) {
		add("join.request", "request-"+name, class, "", map[string]string{"request": string(text)})
	}
	request("ok", "ok", good)
	request("field-twice", "malformed", bytes.Replace(good, []byte(`  "kind"`), []byte("  \"name\": \"x\",\n  \"kind\""), 1))
	request("null", "malformed", []byte("null\n"))
	request("empty", "malformed", nil)
	request("two", "malformed", append(bytes.Clone(good), good...))
	for name, swap := range map[string][2]string{
		"format":         {`"secr/1 join"`, `"secr/2 join"`},
		"other-vault":    {`"abcdefghijklmnopqrstuvwxyz"`, `"bbcdefghijklmnopqrstuvwxyz"`},
		"other-invite":   {l.InviteID(), "abcdefghijklmnopqrstuvwxyz"},
		"handle-is-path": {`"handle": "ben"`, `"handle": "../ben"`},
		"recovery":       {`"machine"`, `"recovery"`},
		"escape-in-name": {`"Ben Å"`, `"\u001b[2J"`},
		"proof-short":    {r.Proof, r.Proof[2:]},
	} {
		request(name, "malformed", bytes.Replace(good, []byte(swap[0]), []byte(swap[1]), 1))
	}
	proof := func(name, class string, text []byte, secret []byte) {
		add("join.proof", "proof-"+name, class, "", map[string]string{"request": string(text), "secret": hex.EncodeToString(secret)})
	}
	proof("ok", "ok", good, raw[:16])
	proof("other-secret", "tampered", good, raw[1:17])
	proof("other-name", "tampered", bytes.Replace(good, []byte("Ben Å"), []byte("The Boss"), 1), raw[:16])
	proof("none", "tampered", bytes.Replace(good, []byte(r.Proof), nil, 1), raw[:16])
}
