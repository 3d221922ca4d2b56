package sign_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/sign"
	"github.com/secr/secr/keys/vectortest"
)

const (
	vectorDir = "../../docs/spec/vectors/keys"
	payload   = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor a <b@c> 1 +0000\n\nsubject\n"
	recipient = "age1pq1example"
	vault     = "abcdefghijklmnopqrstuvwxyz"
)

var writeVectors = flag.Bool("write-vectors", false, "add the vectors that are missing")

func signer(t *testing.T, fill byte) sign.Signer {
	t.Helper()
	k, err := keys.KeyFromBytes(bytes.Repeat([]byte{fill}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return sign.NewSigner(k)
}

func TestVectors(t *testing.T) {
	if *writeVectors {
		for name, c := range newVectors(t) {
			vectortest.Write(t, vectorDir, name, c)
		}
	}
	vectortest.Run(t, vectorDir, "sign.", func(t *testing.T, c vectortest.Case) {
		public := [32]byte(c.Bytes(t, "public"))
		var err error
		switch c.Op {
		case "sign.commit":
			err = sign.VerifyCommit(public, c.Bytes(t, "payload"), c.In["armor"])
		case "sign.join":
			err = sign.VerifyJoin(public, c.In["vault"], c.In["invite"], c.In["recipient"], c.Bytes(t, "signature"))
		default:
			t.Fatalf("unknown op %s", c.Op)
		}
		class := "ok"
		switch {
		case errors.Is(err, sign.ErrMalformed), errors.Is(err, sign.ErrPublic):
			class = "malformed"
		case errors.Is(err, sign.ErrSignature):
			class = "bad-signature"
		case err != nil:
			t.Fatal(err)
		}
		if class != c.Class {
			t.Errorf("class %s, want %s: %v", class, c.Class, err)
		}
	})
}

func newVectors(t *testing.T) map[string]vectortest.Case {
	s, other := signer(t, 1), signer(t, 2)
	public, otherPublic := s.Public(), other.Public()
	good := s.SignCommit([]byte(payload))
	commit := func(class, note string, pub [32]byte, armor string) vectortest.Case {
		return vectortest.Case{Op: "sign.commit", Class: class, Note: note, In: map[string]string{
			"public": hex.EncodeToString(pub[:]), "payload": hex.EncodeToString([]byte(payload)), "armor": armor,
		}}
	}
	body := strings.TrimSuffix(strings.TrimPrefix(good, "-----BEGIN SSH SIGNATURE-----\n"), "-----END SSH SIGNATURE-----\n")
	join := func(class, note string, pub [32]byte, vault, invite, recipient string, sig []byte) vectortest.Case {
		return vectortest.Case{Op: "sign.join", Class: class, Note: note, In: map[string]string{
			"public": hex.EncodeToString(pub[:]), "vault": vault, "invite": invite, "recipient": recipient, "signature": hex.EncodeToString(sig),
		}}
	}
	joined := s.Join(vault, "invite", recipient)
	weak := [32]byte{1}
	forged := append(bytes.Clone(weak[:]), make([]byte, 32)...) // R = identity, S = 0
	m := map[string]vectortest.Case{
		"sshsig":                 commit("ok", "as ssh-keygen writes it", public, good),
		"sshsig-other-key":       commit("bad-signature", "well formed, by another key", public, other.SignCommit([]byte(payload))),
		"sshsig-other-payload":   commit("bad-signature", "of other bytes", public, s.SignCommit([]byte("x"))),
		"sshsig-claims-key":      commit("bad-signature", "names the right key, signed by another", public, claim(t, public, other)),
		"sshsig-crlf":            commit("malformed", "", public, strings.ReplaceAll(good, "\n", "\r\n")),
		"sshsig-no-line-end":     commit("malformed", "the armor ends with a line end", public, strings.TrimSuffix(good, "\n")),
		"sshsig-trailing":        commit("malformed", "", public, good+"\n"),
		"sshsig-leading":         commit("malformed", "", public, "\n"+good),
		"sshsig-one-line":        commit("malformed", "base64 in one line", public, "-----BEGIN SSH SIGNATURE-----\n"+strings.ReplaceAll(body, "\n", "")+"\n-----END SSH SIGNATURE-----\n"),
		"sshsig-two":             commit("malformed", "two signatures", public, good+good),
		"sshsig-empty":           commit("malformed", "", public, ""),
		"sshsig-version-2":       commit("malformed", "", public, edit(t, good, 9, 2)),
		"sshsig-namespace":       commit("malformed", "namespace gil", public, edit(t, good, 6+4+4+51+4+2, 'l')),
		"sshsig-sha256":          commit("malformed", "a hash other than sha512", public, reSign(t, "git", "sha256")),
		"sshsig-namespace-file":  commit("malformed", "namespace file, properly signed", public, reSign(t, "file", "sha512")),
		"sshsig-weak-key":        commit("malformed", "a public key of order 1 verifies a signature that nobody made", weak, rearmor(weak, forged)),
		"join":                   join("ok", "", public, vault, "invite", recipient, joined),
		"join-no-invite":         join("ok", "", public, vault, "", recipient, s.Join(vault, "", recipient)),
		"join-parts-shifted":     join("bad-signature", "parts have lengths", public, vault+"i", "nvite", recipient, joined),
		"join-other-vault":       join("bad-signature", "", public, strings.ToUpper(vault), "invite", recipient, joined),
		"join-other-recipient":   join("bad-signature", "", public, vault, "invite", recipient+"x", joined),
		"join-other-key":         join("bad-signature", "", otherPublic, vault, "invite", recipient, joined),
		"join-short":             join("malformed", "", public, vault, "invite", recipient, joined[:63]),
		"join-malleable":         join("bad-signature", "S plus the order of the group", public, vault, "invite", recipient, addOrder(joined)),
		"join-weak-key":          join("malformed", "order 1: R is the identity, S is 0", weak, vault, "invite", recipient, forged),
		"join-non-canonical-key": join("malformed", "y is 2^255-19+3", nonCanonical(3), vault, "invite", recipient, joined),
	}
	return m
}

// addOrder gives the other spelling of S that a verifier must refuse.
func addOrder(sig []byte) []byte {
	order := []byte{0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 31: 0x10}
	out := bytes.Clone(sig)
	carry := 0
	for i := range 32 {
		carry += int(out[32+i]) + int(order[i])
		out[32+i] = byte(carry)
		carry >>= 8
	}
	return out
}

func nonCanonical(more byte) [32]byte {
	p := [32]byte(bytes.Repeat([]byte{0xff}, 32))
	p[0], p[31] = 0xed+more, 0x7f
	return p
}

func rawSig(t *testing.T, armored string) []byte {
	t.Helper()
	b, rest := pem.Decode([]byte(armored))
	if b == nil || len(rest) != 0 {
		t.Fatal("not PEM")
	}
	return b.Bytes
}

func armorOf(b []byte) string {
	var out strings.Builder
	out.WriteString("-----BEGIN SSH SIGNATURE-----\n")
	text := fmt.Sprint(b64(b))
	for len(text) > 70 {
		out.WriteString(text[:70] + "\n")
		text = text[70:]
	}
	return out.String() + text + "\n-----END SSH SIGNATURE-----\n"
}

func edit(t *testing.T, armored string, at int, to byte) string {
	b := rawSig(t, armored)
	b[at] = to
	return armorOf(b)
}

// sshsig is the wire form as OpenSSH's PROTOCOL.sshsig has it, by x/crypto/ssh.
type sshsig struct {
	Version   uint32
	PublicKey string
	Namespace string
	Reserved  string
	Hash      string
	Signature string
}

func wire(public [32]byte, namespace, hash string, signature []byte) []byte {
	key, err := ssh.NewPublicKey(ed25519.PublicKey(public[:]))
	if err != nil {
		panic(err)
	}
	return append([]byte("SSHSIG"), ssh.Marshal(sshsig{1, string(key.Marshal()), namespace, "", hash,
		string(ssh.Marshal(ssh.Signature{Format: "ssh-ed25519", Blob: signature}))})...)
}

func rearmor(public [32]byte, signature []byte) string {
	return armorOf(wire(public, "git", "sha512", signature))
}

func signedBytes(namespace, hash string) []byte {
	sum := sha512.Sum512([]byte(payload))
	return append([]byte("SSHSIG"), ssh.Marshal(struct{ Namespace, Reserved, Hash, Sum string }{namespace, "", hash, string(sum[:])})...)
}

func reSign(t *testing.T, namespace, hash string) string {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	return armorOf(wire(signer(t, 1).Public(), namespace, hash, ed25519.Sign(key, signedBytes(namespace, hash))))
}

func claim(t *testing.T, public [32]byte, by sign.Signer) string {
	_, sig, err := sign.ParseArmor(by.SignCommit([]byte(payload)))
	if err != nil {
		t.Fatal(err)
	}
	return rearmor(public, sig[:])
}

// The form is the one that x/crypto/ssh and PROTOCOL.sshsig give.
func TestSignatureIsTheStandardForm(t *testing.T) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	s := signer(t, 1)
	want := armorOf(wire(s.Public(), "git", "sha512", ed25519.Sign(key, signedBytes("git", "sha512"))))
	if d := cmp.Diff(want, s.SignCommit([]byte(payload))); d != "" {
		t.Error(d)
	}
}

func TestEveryChangedByteOfAnArmorIsRefused(t *testing.T) {
	s := signer(t, 3)
	armored := s.SignCommit([]byte(payload))
	for i := range armored {
		for _, flip := range []byte{1, 0x20, 0x80} {
			changed := []byte(armored)
			changed[i] ^= flip
			if err := sign.VerifyCommit(s.Public(), []byte(payload), string(changed)); err == nil {
				t.Errorf("byte %d ^ %#x: taken", i, flip)
			}
		}
		if err := sign.VerifyCommit(s.Public(), []byte(payload), armored[:i]); !errors.Is(err, sign.ErrMalformed) {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
}

// Each refused key really is one under which signatures can be had for nothing,
// or a second spelling: otherwise the list would be wrong.
func TestWeakKeysWouldVerifyForgeries(t *testing.T) {
	weak := []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	}
	for _, text := range weak {
		for _, sign255 := range []byte{0, 0x80} {
			b, err := hex.DecodeString(text)
			if err != nil {
				t.Fatal(err)
			}
			b[31] |= sign255
			if err := sign.CheckPublic([32]byte(b)); !errors.Is(err, sign.ErrPublic) {
				t.Errorf("%x: %v", b, err)
			}
			if sign255 == 0 && !forgeable(t, b, weak) {
				t.Errorf("%x is on the list, but no forgery was found", b)
			}
		}
	}
	for more := range byte(19) {
		if err := sign.CheckPublic(nonCanonical(more)); !errors.Is(err, sign.ErrPublic) {
			t.Errorf("p+%d: %v", more, err)
		}
	}
	for range 100 {
		if err := sign.CheckPublic(sign.NewSigner(keys.NewKey()).Public()); err != nil {
			t.Errorf("an honest key: %v", err)
		}
	}
}

// forgeable tries signatures with S = 0 and R of small order on many messages.
func forgeable(t *testing.T, public []byte, orders []string) bool {
	t.Helper()
	for n := range 200 {
		for _, r := range orders {
			for _, top := range []byte{0, 0x80} {
				b, err := hex.DecodeString(r)
				if err != nil {
					t.Fatal(err)
				}
				b[31] |= top
				if ed25519.Verify(public, fmt.Appendf(nil, "%d", n), append(b, make([]byte, 32)...)) {
					return true
				}
			}
		}
	}
	return false
}

func TestAllowedSignerIsOneCleanLine(t *testing.T) {
	public := signer(t, 1).Public()
	key, err := ssh.NewPublicKey(ed25519.PublicKey(public[:]))
	if err != nil {
		t.Fatal(err)
	}
	want := `d-1@v namespaces="git" ` + string(ssh.MarshalAuthorizedKey(key))
	if d := cmp.Diff(want, sign.AllowedSigner("d-1@v", public)); d != "" {
		t.Error(d)
	}
	want = `a_cert-authority__x_ namespaces="git" ` + string(ssh.MarshalAuthorizedKey(key))
	if d := cmp.Diff(want, sign.AllowedSigner("a\ncert-authority *x\"", public)); d != "" {
		t.Error(d)
	}
}

func TestSignerIsNeverPrinted(t *testing.T) {
	s := signer(t, '0')
	nested := struct{ s sign.Signer }{s}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		out := fmt.Sprintf(verb+verb, s, nested)
		for _, leak := range []string{"303030", "000000", "48 48 48", "0x30, 0x30"} {
			if strings.Contains(out, leak) {
				t.Errorf("%s: %s", verb, out)
			}
		}
	}
}

func FuzzParseArmor(f *testing.F) {
	k, err := keys.KeyFromBytes(make([]byte, 32))
	if err != nil {
		f.Fatal(err)
	}
	s := sign.NewSigner(k)
	f.Add(s.SignCommit([]byte("x")))
	f.Add("-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n")
	f.Fuzz(func(t *testing.T, armored string) {
		public, signature, err := sign.ParseArmor(armored)
		if err == nil && rearmor(public, signature[:]) != armored {
			t.Error("a second spelling")
		}
	})
}
