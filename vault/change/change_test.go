package change_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/sign"
	"github.com/secr/secr/vault/change"
)

// signer is a fixed device key, so that every test sees the same bytes.
func signer(t testing.TB) sign.Signer {
	t.Helper()
	k, err := keys.KeyFromBytes(bytes.Repeat([]byte{7}, keys.Size))
	if err != nil {
		t.Fatal(err)
	}
	return sign.NewSigner(k)
}

func draft(seq uint64) change.Draft {
	d := change.Draft{
		Tree:       [20]byte{1, 2, 3},
		Author:     change.Author{Handle: "ana", Device: strings.Repeat("d", 26), Vault: strings.Repeat("v", 26)},
		Time:       1700000000,
		Subject:    "set 1 secret in production",
		Seq:        seq,
		Op:         change.Op{9, 8, 7},
		ChangesSum: change.ChangesSum(nil),
	}
	if seq > 1 {
		d.Parent, d.ParentSum = [20]byte{4, 5, 6}, [32]byte{6, 5, 4}
	}
	return d
}

func encode(t testing.TB, d change.Draft) []byte {
	t.Helper()
	raw, err := d.Encode(signer(t).SignCommit)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestParseGivesBackWhatWasEncoded(t *testing.T) {
	for _, seq := range []uint64{1, 2, 41, change.MaxSeq} {
		d := draft(seq)
		c, err := change.Parse(encode(t, d))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(d, c.Draft); diff != "" {
			t.Errorf("seq %d: %s", seq, diff)
		}
		if err := sign.VerifyCommit(signer(t).Public(), c.Payload(), c.Signature); err != nil {
			t.Errorf("seq %d: %v", seq, err)
		}
	}
}

// replace is a copy of the bytes with one text put for another, once.
func replace(old, new string) func(string) string {
	return func(raw string) string {
		out := strings.Replace(raw, old, new, 1)
		if out == raw {
			panic("nothing to replace: " + old)
		}
		return out
	}
}

// spellings are edits of a raw change after which it is none.
func spellings() map[string]func(string) string {
	signature := func(raw string) string {
		from := strings.Index(raw, "gpgsig ")
		return raw[from : strings.Index(raw, "-----END SSH SIGNATURE-----\n")+len("-----END SSH SIGNATURE-----\n")]
	}
	return map[string]func(string) string{
		"empty":                func(string) string { return "" },
		"cut short":            func(raw string) string { return raw[:len(raw)-1] },
		"longer":               func(raw string) string { return raw + "\n" },
		"a line after":         func(raw string) string { return raw + "Secr-More: 1\n" },
		"CRLF":                 func(raw string) string { return strings.ReplaceAll(raw, "\n", "\r\n") },
		"one CR":               replace("\n\nset", "\r\n\nset"),
		"NUL in the subject":   replace("set 1", "set\x001"),
		"NUL at the end":       func(raw string) string { return raw + "\x00" },
		"tab":                  replace("set 1", "set\t1"),
		"escape":               replace("set 1", "set\x1b[31m1"),
		"C1 control":           replace("set 1", "set\u009b1"),
		"right to left":        replace("set 1", "set\u202e1"),
		"zero width":           replace("set 1", "set\u200b1"),
		"not UTF-8":            replace("set 1", "set\xff1"),
		"overlong UTF-8":       replace("set 1", "set\xc0\xaf1"),
		"empty subject":        replace("set 1 secret in production", ""),
		"long subject":         replace("set 1 secret in production", strings.Repeat("x", 201)),
		"subject in two lines": replace("set 1", "set\n1"),
		"subject starts blank": replace("set 1", " set 1"),
		"subject ends blank":   replace("production\n", "production \n"),
		"no body line":         replace("production\n\n", "production\n"),
		"two empty lines":      replace("production\n\n", "production\n\n\n"),
		"merge":                replace("author", "parent "+strings.Repeat("0", 40)+"\nauthor"),
		"no parent":            replace("parent "+"0405060000000000000000000000000000000000\n", ""),
		"parent in capitals":   replace("parent 0405", "parent 040A"),
		"tree in capitals":     replace("tree 0102", "tree 010A"),
		"short tree":           replace("tree 0102", "tree 01"),
		"second tree":          replace("tree ", "tree "+strings.Repeat("0", 40)+"\ntree "),
		"headers swapped":      replace("tree 0102030000000000000000000000000000000000\nparent 0405060000000000000000000000000000000000\n", "parent 0405060000000000000000000000000000000000\ntree 0102030000000000000000000000000000000000\n"),
		"second author":        replace("committer", "author ana <"+strings.Repeat("d", 26)+"@"+strings.Repeat("v", 26)+"> 1700000000 +0000\ncommitter"),
		"other committer":      replace("committer ana", "committer ben"),
		"other committer time": replace(" +0000\ngpgsig", "0 +0000\ngpgsig"),
		"encoding header":      replace("gpgsig", "encoding UTF-8\ngpgsig"),
		"mergetag header":      replace("gpgsig", "mergetag object\ngpgsig"),
		"gpgsig-sha256 header": replace("gpgsig ", "gpgsig-sha256 x\ngpgsig "),
		"header after gpgsig":  replace("\n\nset", "\nencoding UTF-8\n\nset"),
		"gpgsig twice":         func(raw string) string { return strings.Replace(raw, signature(raw), signature(raw)+signature(raw), 1) },
		"no gpgsig":            func(raw string) string { return strings.Replace(raw, signature(raw), "", 1) },
		"gpgsig before committer": func(raw string) string {
			s := signature(raw)
			return strings.Replace(strings.Replace(raw, s, "", 1), "committer", s+"committer", 1)
		},
		"PGP armor":               func(raw string) string { return strings.ReplaceAll(raw, "SSH SIGNATURE", "PGP SIGNATURE") },
		"blank line in armor":     replace("SIGNATURE-----\n ", "SIGNATURE-----\n \n "),
		"armor line wrapped":      replace("SIGNATURE-----\n U", "SIGNATURE-----\n U\n "),
		"armor continued":         replace("-----END SSH SIGNATURE-----\n", "-----END SSH SIGNATURE-----\n x\n"),
		"base64url":               func(raw string) string { return strings.Replace(raw, "AAAA", "AA-A", 1) },
		"zone":                    func(raw string) string { return strings.ReplaceAll(raw, "+0000", "-0000") },
		"other zone":              func(raw string) string { return strings.ReplaceAll(raw, "+0000", "+0100") },
		"time with zeros":         func(raw string) string { return strings.ReplaceAll(raw, "> 17", "> 017") },
		"negative time":           func(raw string) string { return strings.ReplaceAll(raw, "> 17", "> -17") },
		"time with plus":          func(raw string) string { return strings.ReplaceAll(raw, "> 17", "> +17") },
		"time too late":           func(raw string) string { return strings.ReplaceAll(raw, "1700000000", "253402300800") },
		"time too long":           func(raw string) string { return strings.ReplaceAll(raw, "1700000000", strings.Repeat("9", 30)) },
		"no time":                 func(raw string) string { return strings.ReplaceAll(raw, " 1700000000", "") },
		"handle in capitals":      func(raw string) string { return strings.ReplaceAll(raw, "ana <", "Ana <") },
		"handle with space":       func(raw string) string { return strings.ReplaceAll(raw, "ana <", "an a <") },
		"handle with dash":        func(raw string) string { return strings.ReplaceAll(raw, "ana <", "-ana <") },
		"long handle":             func(raw string) string { return strings.ReplaceAll(raw, "ana <", strings.Repeat("a", 33)+" <") },
		"no handle":               func(raw string) string { return strings.ReplaceAll(raw, "ana <", " <") },
		"device in capitals":      func(raw string) string { return strings.ReplaceAll(raw, "ddd@", "ddD@") },
		"device not base32":       func(raw string) string { return strings.ReplaceAll(raw, "ddd@", "dd1@") },
		"vault too short":         func(raw string) string { return strings.ReplaceAll(raw, "vvv>", "vv>") },
		"two spaces":              func(raw string) string { return strings.ReplaceAll(raw, "ana <", "ana  <") },
		"trailers swapped":        replace("Secr-Seq: 2\nSecr-Op: 09080700000000000000000000000000\n", "Secr-Op: 09080700000000000000000000000000\nSecr-Seq: 2\n"),
		"second trailer":          replace("Secr-Seq: 2\n", "Secr-Seq: 2\nSecr-Seq: 2\n"),
		"trailer in small":        replace("Secr-Seq", "secr-seq"),
		"trailer without space":   replace("Secr-Seq: ", "Secr-Seq:"),
		"trailer with two spaces": replace("Secr-Seq: ", "Secr-Seq:  "),
		"trailing space":          replace("Secr-Seq: 2", "Secr-Seq: 2 "),
		"foreign trailer":         replace("Secr-Seq", "Signed-off-by: x\nSecr-Seq"),
		"missing trailer":         replace("Secr-Op: 09080700000000000000000000000000\n", ""),
		"seq zero":                replace("Secr-Seq: 2", "Secr-Seq: 0"),
		"seq with zeros":          replace("Secr-Seq: 2", "Secr-Seq: 02"),
		"seq too high":            replace("Secr-Seq: 2", "Secr-Seq: 9007199254740992"),
		"seq overflow":            replace("Secr-Seq: 2", "Secr-Seq: 18446744073709551618"),
		"seq one with parent":     replace("Secr-Seq: 2", "Secr-Seq: 1"),
		"parent none":             replace("Secr-Parent: 0605040000000000000000000000000000000000000000000000000000000000", "Secr-Parent: none"),
		"op in capitals":          replace("Secr-Op: 09", "Secr-Op: 0A"),
		"op too long":             replace("Secr-Op: 09", "Secr-Op: 0909"),
		"too large":               replace("set 1", strings.Repeat("x", change.MaxSize)),
	}
}

func TestEveryOtherSpellingIsRefused(t *testing.T) {
	for name, edit := range spellings() {
		t.Run(name, func(t *testing.T) {
			raw := string(encode(t, draft(2)))
			changed := edit(raw)
			if changed == raw {
				t.Fatal("the case changes nothing")
			}
			if _, err := change.Parse([]byte(changed)); !errors.Is(err, change.ErrMalformed) {
				t.Errorf("error %v, want malformed:\n%s", err, changed)
			}
		})
	}
}

// A changed byte is either refused by the grammar or by the signature.
func TestEveryChangedByteIsRefused(t *testing.T) {
	raw := encode(t, draft(2))
	for i := range raw {
		for _, mask := range []byte{0x01, 0x20, 0x80} {
			changed := bytes.Clone(raw)
			changed[i] ^= mask
			c, err := change.Parse(changed)
			if err == nil {
				err = sign.VerifyCommit(signer(t).Public(), c.Payload(), c.Signature)
			}
			if err == nil {
				t.Fatalf("byte %d with mask %#x was accepted", i, mask)
			}
		}
	}
}

func TestEncodeRefusesWhatParseWould(t *testing.T) {
	good := signer(t).SignCommit
	for name, c := range map[string]struct {
		edit func(*change.Draft)
		sign func([]byte) string
	}{
		"no subject":     {func(d *change.Draft) { d.Subject = "" }, good},
		"bad subject":    {func(d *change.Draft) { d.Subject = "a\nb" }, good},
		"no seq":         {func(d *change.Draft) { d.Seq = 0 }, good},
		"no handle":      {func(d *change.Draft) { d.Author.Handle = "" }, good},
		"bad device":     {func(d *change.Draft) { d.Author.Device = "x" }, good},
		"bad vault":      {func(d *change.Draft) { d.Author.Vault = "x" }, good},
		"before 1970":    {func(d *change.Draft) { d.Time = -1 }, good},
		"after 9999":     {func(d *change.Draft) { d.Time = change.MaxTime + 1 }, good},
		"no signature":   {func(*change.Draft) {}, func([]byte) string { return "" }},
		"some signature": {func(*change.Draft) {}, func([]byte) string { return "-----BEGIN SSH SIGNATURE-----\nx\n-----END SSH SIGNATURE-----\n" }},
	} {
		t.Run(name, func(t *testing.T) {
			d := draft(2)
			c.edit(&d)
			if raw, err := d.Encode(c.sign); !errors.Is(err, change.ErrMalformed) {
				t.Errorf("encoded %q, %v", raw, err)
			}
		})
	}
}

func TestChangesSumIsOverSortedLines(t *testing.T) {
	a, b := sha256.Sum256([]byte("a")), sha256.Sum256([]byte("b"))
	got := change.ChangesSum([]change.Sum{{Path: "p/a", Sum: a}, {Path: "p/b", Deleted: true}, {Path: "q", Sum: b}})
	want := sha256.Sum256([]byte("p/a ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb\n" +
		"p/b deleted\n" +
		"q 3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d\n"))
	if got != want {
		t.Errorf("%x, want %x", got, want)
	}
}

func TestIDsAreThoseOfGit(t *testing.T) {
	// git hash-object of "hello\n", and the well-known empty blob.
	if got := change.NewBlob([]byte("hello\n")).Hash; got != [20]byte{0xce, 0x01, 0x36, 0x25, 0x03, 0x0b, 0xa8, 0xdb, 0xa9, 0x06, 0xf7, 0x56, 0x96, 0x7f, 0x9e, 0x9c, 0xa3, 0x94, 0x46, 0x4a} {
		t.Errorf("%x", got)
	}
	if got := change.BlobID(nil); got != [20]byte{0xe6, 0x9d, 0xe2, 0x9b, 0xb2, 0xd1, 0xd6, 0x43, 0x4b, 0x8b, 0x29, 0xae, 0x77, 0x5a, 0xd8, 0xc2, 0xe4, 0x8c, 0x53, 0x91} {
		t.Errorf("%x", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(encode(f, draft(1)))
	f.Add(encode(f, draft(2)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := change.Parse(raw)
		if err != nil {
			if !errors.Is(err, change.ErrMalformed) {
				t.Fatalf("not malformed: %v", err)
			}
			return
		}
		again, err := c.Encode(func([]byte) string { return c.Signature })
		if err != nil || !bytes.Equal(again, raw) {
			t.Fatalf("parsed but encoded as %q, %v", again, err)
		}
	})
}
