package batch_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/audit/batch"
	"github.com/secr/secr/audit/receipt"
	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/sign"
	"github.com/secr/secr/keys/vectortest"
	"github.com/secr/secr/keys/wrap"
	"github.com/secr/secr/vault/chain"
	"github.com/secr/secr/vault/change"
)

const vectorDir = "../../docs/spec/vectors/receipts"

var writeVectors = flag.Bool("write-vectors", false, "add the vectors that are missing")

func key(fill byte) keys.Key {
	k, err := keys.KeyFromBytes(bytes.Repeat([]byte{fill}, 32))
	if err != nil {
		panic(err)
	}
	return k
}

func identity() wrap.Identity {
	i, err := wrap.NewIdentity(key(7))
	if err != nil {
		panic(err)
	}
	return i
}

func recipient() wrap.Recipient {
	r, err := wrap.ParseRecipient(identity().Recipient())
	if err != nil {
		panic(err)
	}
	return r
}

const (
	vaultID  = "abcdefghijklmnopqrstuvwxyz"
	deviceID = "aaaaaaaaaaaaaaaaaaaaaaaaaa"
)

// chained are n receipts from a number on, after one with the given hash.
func chained(first uint64, previous [32]byte, n int) []receipt.Entry {
	out := make([]receipt.Entry, n)
	for i := range out {
		r := receipt.Receipt{
			Number: first + uint64(i), Previous: hex.EncodeToString(previous[:]), Salt: strings.Repeat("0f", 16), Vault: vaultID, Device: deviceID,
			Time: 1700000000 + int64(i), Action: "run", Environment: "production", Seq: 3, Sum: strings.Repeat("ab", 32), All: true,
			Secrets: []receipt.Secret{}, Addresses: []string{},
		}
		plain, err := r.Encode()
		if err != nil {
			panic(err)
		}
		out[i] = receipt.Entry{Receipt: r, Plaintext: plain}
		previous = out[i].Sum()
	}
	return out
}

func draft(entries []receipt.Entry, previous [32]byte, file []byte) batch.Draft {
	last := entries[len(entries)-1]
	return batch.Draft{
		Tree: [20]byte{1}, Parent: [20]byte{2}, ParentSum: [32]byte{3},
		Author: change.Author{Handle: "ana", Device: deviceID, Vault: vaultID}, Time: 1700000100,
		First: entries[0].Number, Last: last.Number, Previous: previous, Sum: last.Sum(),
		Head: chain.Point{Seq: 3, Sum: [32]byte(bytes.Repeat([]byte{0xab}, 32))}, Epoch: 1, File: sha256.Sum256(file),
	}
}

func encode(t testing.TB, d batch.Draft) []byte {
	t.Helper()
	raw, err := d.Encode(sign.NewSigner(key(1)).SignCommit)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func sample(t testing.TB) (raw, file []byte) {
	t.Helper()
	previous := [32]byte{9}
	entries := chained(12, previous, 3)
	file, err := batch.Seal(recipient(), entries)
	if err != nil {
		t.Fatal(err)
	}
	return encode(t, draft(entries, previous, file)), file
}

func TestWritingAndReadingABatchIsTheIdentity(t *testing.T) {
	raw, file := sample(t)
	b, err := batch.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	if again := encode(t, b.Draft); !bytes.Equal(again, raw) {
		t.Errorf("%s\nis not\n%s", again, raw)
	}
	entries, err := b.Open(identity(), file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(chained(12, [32]byte{9}, 3), entries); diff != "" {
		t.Error(diff)
	}
}

func TestEveryChangedByteOfABatchIsRefused(t *testing.T) {
	raw, file := sample(t)
	for i := range raw {
		for _, bit := range []byte{1, 0x20} {
			bad := slices.Clone(raw)
			bad[i] ^= bit
			if b, err := batch.Parse(bad); err == nil {
				t.Fatalf("byte %d changed by %#x gives %+v", i, bit, b)
			}
		}
		if _, err := batch.Parse(raw[:i]); err == nil {
			t.Fatalf("cut at %d it is still a batch", i)
		}
	}
	b, err := batch.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	for i := range file {
		bad := slices.Clone(file)
		bad[i] ^= 1
		if _, err := b.Open(identity(), bad); !errors.Is(err, batch.ErrTampered) {
			t.Fatalf("byte %d of the file changed: %v", i, err)
		}
	}
}

func TestABatchIsNoChangeAndAChangeNoBatch(t *testing.T) {
	raw, _ := sample(t)
	if _, err := change.Parse(raw); err == nil {
		t.Error("a batch is a change")
	}
	signer := sign.NewSigner(key(1))
	d := change.Draft{Author: change.Author{Handle: "ana", Device: deviceID, Vault: vaultID}, Subject: "receipts 1 to 2", Seq: 1}
	raw, err := d.Encode(signer.SignCommit)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := batch.Parse(raw); !errors.Is(err, batch.ErrMalformed) {
		t.Errorf("a change is a batch: %v", err)
	}
}

func TestABatchThatUnpacksToTooMuchIsRefused(t *testing.T) {
	huge := chained(1, [32]byte{}, 1)
	huge[0].Plaintext = bytes.Repeat([]byte{0}, batch.MaxPlain)
	if _, err := batch.Seal(recipient(), huge); !errors.Is(err, batch.ErrMalformed) {
		t.Errorf("it is written: %v", err)
	}
	if n := batch.Fit(chained(1, [32]byte{}, batch.MaxReceipts+1)); n != batch.MaxReceipts {
		t.Errorf("%d fit", n)
	}
}

func TestVectors(t *testing.T) {
	if *writeVectors {
		cases := vectors(t)
		for _, name := range slices.Sorted(maps.Keys(cases)) {
			c := cases[name]
			class, out := outcome(t, c)
			if class != c.Class {
				t.Fatalf("%s is %s, not %s", name, class, c.Class)
			}
			c.Out = out
			vectortest.Write(t, vectorDir, name, c)
		}
	}
	vectortest.Run(t, vectorDir, "receipts.", func(t *testing.T, c vectortest.Case) {
		class, out := outcome(t, c)
		if class != c.Class {
			t.Errorf("class %s, want %s", class, c.Class)
		}
		if diff := cmp.Diff(c.Out, out); diff != "" {
			t.Error(diff)
		}
	})
}

// outcome is what a case comes to.
func outcome(t *testing.T, c vectortest.Case) (class string, out map[string]string) {
	t.Helper()
	b, err := batch.Parse([]byte(c.In["commit"]))
	if err == nil && c.Op == "receipts.open" {
		var seed keys.Key
		if seed, err = keys.KeyFromBytes(c.Bytes(t, "audit")); err != nil {
			t.Fatal(err)
		}
		var audit wrap.Identity
		if audit, err = wrap.NewIdentity(seed); err != nil {
			t.Fatal(err)
		}
		_, err = b.Open(audit, c.Bytes(t, "file"))
	}
	var broken *receipt.ChainError
	switch {
	case err == nil:
		return "ok", map[string]string{
			"device": b.Author.Device, "first": fmt.Sprint(b.First), "last": fmt.Sprint(b.Last), "previous": hex.EncodeToString(b.Previous[:]),
			"sum": hex.EncodeToString(b.Sum[:]), "head": b.Head.String(), "path": b.Path(), "signer": hex.EncodeToString(b.Signer[:]),
		}
	case errors.Is(err, batch.ErrTampered), errors.Is(err, wrap.ErrTampered), errors.As(err, &broken):
		return "tampered", nil
	case errors.Is(err, sign.ErrSignature):
		return "bad-signature", nil
	case errors.Is(err, batch.ErrMalformed), errors.Is(err, wrap.ErrMalformed):
		return "malformed", nil
	}
	t.Fatal(err)
	return "", nil
}

func vectors(t *testing.T) map[string]vectortest.Case {
	t.Helper()
	raw, file := sample(t)
	out := map[string]vectortest.Case{}
	commit := func(name, class, note, text string) {
		out["commit-"+name] = vectortest.Case{Op: "receipts.commit", Class: class, Note: note, In: map[string]string{"commit": text}}
	}
	text := string(raw)
	commit("middle", "ok", "a batch in the middle of the branch", text)
	root := draft(chained(1, [32]byte{}, 1), [32]byte{}, nil)
	root.Parent, root.ParentSum = [20]byte{}, [32]byte{}
	commit("first", "ok", "the first batch of the branch, with the device's first receipt", string(encode(t, root)))
	swap := func(name, note, old, new string) {
		if !strings.Contains(text, old) {
			t.Fatalf("%s: no %q", name, old)
		}
		commit(name, "malformed", note, strings.Replace(text, old, new, 1))
	}
	swap("crlf", "a line end of two bytes", "\n", "\r\n")
	swap("subject", "a subject that doesn't fit the numbers", "receipts 12 to 14", "receipts 12 to 15")
	swap("zeros", "a number with a zero in front", "Secr-Receipts: 12-14", "Secr-Receipts: 012-14")
	swap("backwards", "the last before the first", "Secr-Receipts: 12-14", "Secr-Receipts: 14-12")
	swap("too-many", "more receipts than a batch has", "Secr-Receipts: 12-14", "Secr-Receipts: 12-1036")
	swap("order", "two trailers exchanged", "Secr-Audit: 1\n", "")
	swap("upper-case", "a hash in upper case", "Secr-Head: 3:abab", "Secr-Head: 3:ABAB")
	swap("zone", "another time zone", "+0000", "+0100")
	swap("committer", "a committer who is not the author", "committer ana", "committer ben")
	swap("epoch-0", "no epoch of the audit key", "Secr-Audit: 1", "Secr-Audit: 0")
	swap("no-parent", "a parent line without its hash", "Secr-Parent: 03", "Secr-Parent: none03")
	swap("unsigned", "no signature", "gpgsig ", "gpgsux ")
	swap("previous-zeros", "no receipt before number 12", "Secr-Previous: 09", "Secr-Previous: 00")
	commit("trailing", "malformed", "bytes after the end", text+"\n")
	commit("empty", "malformed", "nothing", "")
	other := strings.Replace(text, "Secr-Head: 3:", "Secr-Head: 4:", 1)
	commit("altered", "bad-signature", "one number altered after signing", other)

	open := func(name, class, note string, raw, file []byte) {
		audit := key(7)
		out["open-"+name] = vectortest.Case{Op: "receipts.open", Class: class, Note: note, In: map[string]string{
			"commit": string(raw), "file": hex.EncodeToString(file), "audit": hex.EncodeToString(audit.Reveal()),
		}}
	}
	open("three", "ok", "three receipts", raw, file)
	open("changed", "tampered", "the file is not the one of the commit", raw, append(slices.Clone(file), 0))
	previous := [32]byte{9}
	entries := chained(12, previous, 3)
	sealed := func(entries []receipt.Entry) []byte {
		file, err := batch.Seal(recipient(), entries)
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	fewer := sealed(entries[:2])
	open("fewer", "tampered", "two receipts where the commit says three", encode(t, draft(entries, previous, fewer)), fewer)
	turned := sealed([]receipt.Entry{entries[1], entries[0], entries[2]})
	open("order", "tampered", "receipts in another order", encode(t, draft(entries, previous, turned)), turned)
	stranger := sealed(chained(12, [32]byte{8}, 3))
	open("other-chain", "tampered", "receipts that follow another one", encode(t, draft(entries, previous, stranger)), stranger)
	loose, err := wrap.SealTo([]wrap.Recipient{recipient()}, []byte("rubbish"))
	if err != nil {
		t.Fatal(err)
	}
	open("no-padding", "malformed", "sealed bytes that are no batch", encode(t, draft(entries, previous, loose)), loose)
	return out
}

func FuzzParse(f *testing.F) {
	raw, _ := sample(f)
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, err := batch.Parse(raw)
		if err != nil {
			return
		}
		again, err := b.Draft.Encode(func([]byte) string { return b.Signature })
		if err != nil || !bytes.Equal(again, raw) {
			t.Errorf("%q is read and written as %q, %v", raw, again, err)
		}
	})
}

func FuzzUnpack(f *testing.F) {
	entries := chained(12, [32]byte{9}, 3)
	f.Add(keys.Pad([]byte("secr/1 receipts\n")))
	_, file := sample(f)
	padded, err := identity().OpenFrom(file)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(padded)
	f.Fuzz(func(t *testing.T, padded []byte) {
		got, err := draft(entries, [32]byte{9}, nil).Unpack(padded)
		if err == nil && !cmp.Equal(got, entries) {
			t.Errorf("other receipts have the same hashes: %+v", got)
		}
	})
}
